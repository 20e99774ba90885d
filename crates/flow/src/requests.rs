//! Flows as a list.

use serde::Serialize;
use time::OffsetDateTime;

use crate::{Flow, Outcome};

/// A flow in a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The request.
    pub request_id: String,
    /// When its first event happened.
    #[serde(with = "time::serde::rfc3339::option")]
    pub started: Option<OffsetDateTime>,
    /// From its first event to its last.
    pub duration_microseconds: u64,
    /// How many events it has.
    pub events: usize,
    /// How many calls.
    pub calls: usize,
    /// Whether it failed. See [`Flow::failed`].
    pub failed: bool,
    /// Who made its first call.
    pub caller: Option<String>,
    /// The service that was called first.
    pub service: Option<String>,
    /// That call's method.
    pub method: Option<String>,
    /// That call's route.
    pub route: Option<String>,
    /// How that call ended.
    pub outcome: Option<Outcome>,
    /// The service at fault for the first failing call of the flow.
    pub culprit: Option<String>,
}

/// The flows as a list, the newest first.
pub fn requests(flows: &[Flow]) -> Vec<Request> {
    let mut requests: Vec<_> = flows.iter().map(Request::of).collect();
    requests.sort_by(|a, b| b.started.cmp(&a.started).then_with(|| a.request_id.cmp(&b.request_id)));
    requests
}

impl Request {
    fn of(flow: &Flow) -> Self {
        let entry = flow.entry_call();
        Self {
            request_id: flow.request_id.clone(),
            started: flow.started,
            duration_microseconds: flow.duration_microseconds,
            events: flow.entries.len(),
            calls: flow.calls.len(),
            failed: flow.failed,
            caller: entry.map(|call| call.caller.clone()),
            service: entry.map(|call| call.service.clone()),
            method: entry.and_then(|call| call.method.clone()),
            route: entry.and_then(|call| call.route.clone()),
            outcome: entry.map(|call| call.outcome.clone()),
            culprit: flow.culprits().next().map(|call| call.at_fault().to_owned()),
        }
    }
}
