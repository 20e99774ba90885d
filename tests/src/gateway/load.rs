//! Requests at a rate, however long their answers take.

use std::{
    fmt,
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::until::PATIENCE;

/// A request that was made, and what came of it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its id, which the gateway is told.
    pub id: String,
    /// How long its whole answer took; none where none came, as when the gateway is not there.
    pub answered: Option<Duration>,
}

/// Requests: each has an id that begins with `name`.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// What they are called.
    pub name: &'static str,
    /// Where to: `prompt` or `held`.
    pub path: &'static str,
    /// How many.
    pub count: usize,
    /// How many a second.
    pub rate: u32,
}

impl Load {
    /// Makes the requests at the gateway, and waits for what comes of them, in their order.
    ///
    /// # Errors
    /// One is answered otherwise than by the service, or is neither answered nor broken off within the bound.
    pub async fn run(self, gateway: SocketAddr) -> Result<Vec<Asked>> {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let mut ticks = interval(Duration::from_secs(1) / self.rate);
        // A busy machine gets no burst afterwards.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut requests = JoinSet::new();
        for number in 0..self.count {
            ticks.tick().await;
            let id = format!("{}-{number:05}", self.name);
            let url = format!("http://{gateway}/{}/{number}", self.path);
            requests.spawn(timeout(PATIENCE, ask(client.clone(), id, url)));
        }
        let mut asked = Vec::new();
        while let Some(one) = requests.join_next().await {
            asked.push(one?.context("a request was not answered")??);
        }
        asked.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(asked)
    }
}

async fn ask(client: Client<HttpConnector, Empty<Bytes>>, id: String, url: String) -> Result<Asked> {
    let request = Request::get(url).header("x-request-id", &id).body(Empty::new())?;
    let begun = Instant::now();
    let Ok(answer) = client.request(request).await else { return Ok(Asked { id, answered: None }) };
    let status = answer.status();
    let Ok(body) = answer.into_body().collect().await else { return Ok(Asked { id, answered: None }) };
    let took = begun.elapsed();
    ensure!(status.is_success(), "{id} was answered with {status}: {:?}", body.to_bytes());
    Ok(Asked { id, answered: Some(took) })
}

/// What is answered at `url`.
pub(super) async fn get(url: &str) -> Result<String> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let answer = client.request(Request::get(url).body(Empty::<Bytes>::new())?).await?;
    Ok(String::from_utf8(answer.into_body().collect().await?.to_bytes().into())?)
}

/// How long answers took.
#[derive(Clone, Debug)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    /// Of those that were answered.
    pub fn of(asked: &[Asked]) -> Self {
        let mut sorted: Vec<_> = asked.iter().filter_map(|one| one.answered).collect();
        sorted.sort();
        Self(sorted)
    }

    /// The one that so many of 100 do not exceed.
    fn percentile(&self, percent: usize) -> Duration {
        let last = self.0.len().saturating_sub(1);
        self.0.get(last * percent / 100).copied().unwrap_or_default()
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = |percent| self.percentile(percent).as_secs_f64() * 1000.0;
        let (p50, p99, longest) = (millis(50), millis(99), millis(100));
        write!(f, "{:5} answers  p50 {p50:6.1} ms  p99 {p99:6.1} ms  longest {longest:6.1} ms", self.0.len())
    }
}
