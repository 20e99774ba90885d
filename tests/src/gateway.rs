//! The gateway as its users run it: the program with a file, a service behind it, requests to it, and what the journal then
//! holds of them.

mod load;
mod service;
mod told;

use std::{fs, net::SocketAddr, path::PathBuf};

use anyhow::{Context, Result, ensure};
use localstack::LoopbackUrl;
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Child,
};

use crate::{Local, program};
pub use load::{Asked, Latencies, Load};
pub use service::Service;
pub use told::{Told, told};

/// A file for the gateway, and where it calls AWS.
#[derive(Clone, Debug)]
pub struct Setup {
    file: PathBuf,
    region: String,
    endpoint: LoopbackUrl,
}

/// A gateway that runs. It is killed when this value is dropped.
#[derive(Debug)]
pub struct Gateway {
    process: Child,
    /// Where it takes requests.
    pub address: SocketAddr,
    /// Where it tells of itself.
    admin: SocketAddr,
}

impl Setup {
    /// A gateway before `service`, whose events go by way of `endpoint` to the queue of `local`. `events` are further lines of
    /// the file's `[events]`, `template` is how it calls the service's paths.
    ///
    /// # Errors
    /// The queue is not there.
    pub async fn new(
        local: &Local,
        endpoint: &LoopbackUrl,
        service: &Service,
        events: &str,
        template: &str,
    ) -> Result<Self> {
        let queue = local.queue().await?;
        let file = local.directory().join("gateway.toml");
        let text = format!(
            r#"
listen = "127.0.0.1:0"
admin = "127.0.0.1:0"
[events]
queue_url = "{}"
{events}
[[routes]]
prefix = "/"
service = "Microservice A"
upstreams = ["http://{}"]
templates = ["{template}"]
"#,
            queue.url(),
            service.address,
        );
        fs::write(&file, text)?;
        Ok(Self { file, region: local.bench.session.scope.region.clone(), endpoint: endpoint.clone() })
    }

    /// Starts it, and waits until it listens.
    ///
    /// # Errors
    /// It ends instead: the error shows what it said.
    pub async fn start(&self) -> Result<Gateway> {
        let log = self.file.with_extension("log");
        let mut process = program::command("gateway")
            .await?
            .arg(&self.file)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", &self.region)
            .env("AWS_ENDPOINT_URL", self.endpoint.to_string())
            .stderr(fs::File::create(&log)?)
            .spawn()?;
        let mut line = String::new();
        let stdout = process.stdout.take().context("the gateway has no standard output")?;
        BufReader::new(stdout).read_line(&mut line).await?;
        let listens: Listens = serde_json::from_str(&line).with_context(|| {
            format!("the gateway did not start: {}", fs::read_to_string(&log).unwrap_or_default())
        })?;
        Ok(Gateway { process, address: listens.listen, admin: listens.admin })
    }
}

/// What a gateway says when it has started.
#[derive(Deserialize)]
struct Listens {
    listen: SocketAddr,
    admin: SocketAddr,
}

impl Gateway {
    /// Kills it, as the machine under it may.
    ///
    /// # Errors
    /// It cannot be.
    pub async fn kill(mut self) -> Result<()> {
        Ok(self.process.kill().await?)
    }

    /// One of its counters, over all of its labels.
    ///
    /// # Errors
    /// It does not tell.
    pub async fn counter(&self, name: &str) -> Result<u64> {
        let text = load::get(&format!("http://{}/metrics", self.admin)).await?;
        let lines = text.lines().filter(|line| line.split([' ', '{']).next() == Some(name));
        let values: Vec<u64> = lines
            .map(|line| line.rsplit(' ').next().unwrap_or_default().parse())
            .collect::<Result<_, _>>()?;
        ensure!(!values.is_empty(), "there is no {name} in:\n{text}");
        Ok(values.iter().sum())
    }
}
