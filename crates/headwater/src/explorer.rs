//! The explorer: a page on loopback that shows what the journal says of requests and services, and the dead-letter queue.
//!
//! All of the page is in the program. Whoever opens it needs the token of the address that is printed; what it asks for, and
//! what keeps others from asking, is in `access`. What it reads of the journal is bounded and shared by all that look
//! (`window`).

mod access;
mod api;
mod dead_letters;
mod held;
mod list;
mod page;
mod problem;
mod request;
mod services;
mod slots;
mod window;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use anyhow::{Context, Result};
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    middleware,
    routing::{get, post},
};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{commands::query, session::Session};
use access::{Door, Token};
use dead_letters::DeadLetters;
use held::Snapshot;
use problem::Problem;
use request::Requests;
use window::{Asked, Windows};

/// The longest body that a question may have. None has any.
const MAX_BODY_BYTES: usize = 4096;

/// How the explorer is served.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The port on 127.0.0.1; a free one unless given.
    pub port: Option<u16>,
    /// Leaves out what changes something: there is then no such endpoint.
    pub read_only: bool,
}

/// An explorer that listens and is not served yet.
#[derive(Debug)]
pub struct Explorer {
    listener: TcpListener,
    address: SocketAddr,
    token: Token,
    router: Router,
    tasks: TaskTracker,
}

/// What the handlers share.
struct Explored {
    session: Session,
    options: Options,
    windows: Windows,
    requests: Requests,
    dead_letters: DeadLetters,
    tasks: TaskTracker,
}

impl Explored {
    /// What is known of a period.
    async fn at(&self, asked: &Asked) -> Result<Arc<Snapshot>, Problem> {
        asked.check()?;
        Ok(self.windows.at(asked).await?)
    }
}

impl Explorer {
    /// Listens on 127.0.0.1 for an environment. Nothing of it is read yet.
    ///
    /// # Errors
    /// The port is taken.
    pub async fn bind(session: Session, options: Options) -> Result<Self> {
        let port = options.port.unwrap_or(0);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listener.with_context(|| {
            format!("cannot listen on port {port} of 127.0.0.1; choose another by --port")
        })?;
        let address = listener.local_addr()?;
        let (token, tasks) = (Token::random(), TaskTracker::new());
        let journal = query::journal(&session);
        let explored = Arc::new(Explored {
            windows: Windows::new(journal.clone()),
            requests: Requests::new(journal),
            dead_letters: DeadLetters::default(),
            tasks: tasks.clone(),
            session,
            options,
        });
        let router = router(explored, Door::new(token.clone(), address.port()));
        Ok(Self { listener, address, token, router, tasks })
    }

    /// The address to open, with the token. The fragment, in which that is, is in no request and no log.
    pub fn url(&self) -> String {
        format!("http://{}/#token={}", self.address, self.token.as_str())
    }

    /// Serves until `stop`. What was begun then is ended: a redrive moves the message in its hand.
    ///
    /// # Errors
    /// The listener breaks.
    pub async fn serve(self, stop: CancellationToken) -> Result<()> {
        axum::serve(self.listener, self.router)
            .with_graceful_shutdown(stop.cancelled_owned())
            .await
            .context("the explorer's listener broke")?;
        self.tasks.close();
        self.tasks.wait().await;
        Ok(())
    }
}

fn router(explored: Arc<Explored>, door: Door) -> Router {
    let api = Router::new()
        .route("/environment", get(environment))
        .route("/requests", get(list::requests))
        .route("/request", get(request::request))
        .route("/event", get(request::event))
        .route("/services", get(services::services))
        .route("/dead-letters", get(dead_letters::list))
        .route("/dead-letters/depth", get(dead_letters::depth))
        .route("/dead-letter", get(dead_letters::letter));
    let api = match explored.options.read_only {
        true => api,
        false => api.route("/dead-letters/redrive", post(dead_letters::redrive)),
    };
    let api = api.fallback(async || Problem::not_found("The explorer has no such thing."));
    let door = Arc::new(door);
    Router::new()
        .nest("/api", api.layer(middleware::from_fn_with_state(Arc::clone(&door), access::known)))
        .merge(page::routes())
        .fallback(async || Problem::not_found("The explorer has no such page."))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(door, access::here))
        .with_state(explored)
}

async fn environment(State(explored): State<Arc<Explored>>) -> Json<api::Environment> {
    let scope = &explored.session.scope;
    Json(api::Environment {
        name: scope.environment.clone(),
        account: scope.account.clone(),
        region: scope.region.clone(),
        local: explored.session.environment.is_local(),
        read_only: explored.options.read_only,
        event_queue: scope.physical_name(blueprint::EVENT_QUEUE),
        dead_letter_queue: scope.physical_name(blueprint::DEAD_LETTER_QUEUE),
    })
}
