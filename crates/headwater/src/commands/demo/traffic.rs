//! Requests to the gateway: so many, at most so many a second.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};

use super::{services::B, trouble::Trouble};
use crate::{
    progress::Bar,
    terminal::{BAD, FAINT, paint},
};

/// How long a request may take. The gateway answers sooner, whatever the services do.
const PATIENCE: Duration = Duration::from_secs(30);

/// How B is, for people.
fn state(in_trouble: bool) -> String {
    match in_trouble {
        true => paint(BAD, format!("{B} fails")),
        false => paint(FAINT, format!("{B} works")),
    }
}

/// The answer to a request.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// Which of the requests it was, from 0.
    pub(super) number: u64,
    /// What the gateway answered.
    pub(super) status: StatusCode,
    /// What it calls the request.
    pub(super) request_id: Option<String>,
}

impl Answer {
    /// Whether it was an order.
    pub(super) fn is_order(&self) -> bool {
        path(self.number).starts_with("/orders/")
    }

    /// Whether it is the failure of somebody behind the gateway.
    pub(super) fn failed(&self) -> bool {
        self.status.is_server_error()
    }
}

/// Two of three requests are orders, for which A asks B; the third asks B itself.
fn path(number: u64) -> String {
    match number % 3 {
        2 => format!("/stock/{number}"),
        _ => format!("/orders/{number}"),
    }
}

/// Sends `total` requests to the gateway, however long the answers take, and B is in trouble for those of the middle. The
/// answers are in the order of the requests.
///
/// # Errors
/// The gateway does not answer.
pub(super) async fn send(
    gateway: SocketAddr,
    total: u64,
    rate: u32,
    trouble: &Trouble,
) -> Result<Vec<Answer>> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let mut ticks = interval(Duration::from_secs(1) / rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let bar = Bar::new(total, "requests");
    bar.say(state(false));
    let span = Trouble::span(total);
    let (mut requests, mut answers) = (JoinSet::new(), Vec::new());
    for number in 0..total {
        ticks.tick().await;
        if number == span.start || number == span.end {
            trouble.set(number == span.start);
            bar.say(state(number == span.start));
        }
        requests.spawn(ask(client.clone(), gateway, number));
        while let Some(answer) = requests.try_join_next() {
            answers.push(answer??);
            bar.set(answers.len() as u64);
        }
    }
    while let Some(answer) = requests.join_next().await {
        answers.push(answer??);
        bar.set(answers.len() as u64);
    }
    answers.sort_by_key(|answer| answer.number);
    Ok(answers)
}

async fn ask(
    client: Client<HttpConnector, Empty<Bytes>>,
    gateway: SocketAddr,
    number: u64,
) -> Result<Answer> {
    let request = Request::get(format!("http://{gateway}{}", path(number))).body(Empty::new())?;
    let asked = async {
        let (parts, body) = client.request(request).await?.into_parts();
        body.collect().await?;
        anyhow::Ok(parts)
    };
    let parts = timeout(PATIENCE, asked)
        .await
        .map_err(anyhow::Error::from)
        .flatten()
        .with_context(|| format!("the gateway did not answer request {number}"))?;
    let request_id = parts.headers.get("x-request-id").and_then(|id| id.to_str().ok());
    Ok(Answer { number, status: parts.status, request_id: request_id.map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_services_are_asked_before_in_and_after_the_trouble() {
        for total in [30, 300] {
            let span = Trouble::span(total);
            for part in [0..span.start, span.clone(), span.end..total] {
                for service in ["/orders/", "/stock/"] {
                    let asked = part.clone().any(|number| path(number).starts_with(service));
                    assert!(asked, "{service} in {part:?}");
                }
            }
        }
    }
}
