//! A service behind the gateway.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use anyhow::{Context, Result};
use axum::{Router, extract::State, routing::get};
use tokio::{net::TcpListener, sync::watch, time::timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::until::PATIENCE;

/// A service that answers at once what it is asked under `/prompt`, and never what it is asked under `/held`. It ends with this
/// value.
#[derive(Debug)]
pub struct Service {
    /// Where it listens.
    pub address: SocketAddr,
    asked: Arc<Asked>,
    _serving: AbortOnDropHandle<std::io::Result<()>>,
}

/// How often it was asked.
#[derive(Debug, Default)]
struct Asked {
    prompt: watch::Sender<usize>,
    held: watch::Sender<usize>,
}

impl Service {
    /// Starts it.
    ///
    /// # Errors
    /// No port can be listened on.
    pub async fn start() -> Result<Self> {
        let asked = Arc::new(Asked::default());
        let router = Router::new()
            .route("/prompt/{number}", get(prompt))
            .route("/held/{number}", get(held))
            .with_state(Arc::clone(&asked));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, asked, _serving: AbortOnDropHandle::new(serving) })
    }

    /// Returns once it was asked so often under `/prompt`.
    ///
    /// # Errors
    /// It is not, within the bound.
    pub async fn answered(&self, count: usize) -> Result<()> {
        reached(&self.asked.prompt, count).await
    }

    /// Returns once it was asked so often under `/held`.
    ///
    /// # Errors
    /// It is not, within the bound.
    pub async fn holds(&self, count: usize) -> Result<()> {
        reached(&self.asked.held, count).await
    }
}

async fn reached(asked: &watch::Sender<usize>, count: usize) -> Result<()> {
    let mut asked = asked.subscribe();
    timeout(PATIENCE, asked.wait_for(|so_far| *so_far >= count))
        .await
        .with_context(|| format!("the service was not asked {count} times"))??;
    Ok(())
}

async fn prompt(State(asked): State<Arc<Asked>>) -> &'static str {
    asked.prompt.send_modify(|count| *count += 1);
    "done"
}

async fn held(State(asked): State<Arc<Asked>>) -> &'static str {
    asked.held.send_modify(|count| *count += 1);
    std::future::pending().await
}
