//! A request: its events as a timeline, its calls as a tree.

use std::collections::BTreeMap;
use std::time::Duration;

use event::Event;
use serde::Serialize;
use time::OffsetDateTime;

use crate::pairing::{self, Told, microseconds};
use crate::{Call, Verdict, tree, verdict};

/// What one request's events say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Flow {
    /// The request.
    pub request_id: String,
    /// When its first event happened; `None` where it has none.
    #[serde(with = "time::serde::rfc3339::option")]
    pub started: Option<OffsetDateTime>,
    /// From its first event to its last.
    pub duration_microseconds: u64,
    /// Whether a call that no other call was made for failed, and no later attempt was answered.
    pub failed: bool,
    /// Its events, in the order of time. Events of one instant: requests first, answers last.
    pub entries: Vec<Entry>,
    /// Its calls, in the order in which they began.
    pub calls: Vec<Call>,
    /// The calls that are at fault: first those that made the request fail, then those that it got over; each in the order in
    /// which they failed. The first is the first failing call of the flow.
    pub culprits: Vec<usize>,
}

/// An event on the timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// From the first event of the flow.
    pub offset_microseconds: u64,
    /// Its timestamp, as it was sent.
    pub timestamp: String,
    /// The event's id.
    pub id: String,
    /// Who sent it.
    pub source: String,
    /// Its type.
    pub r#type: String,
    /// What it is to a call.
    pub part: Part,
    /// That call; for another event, none.
    pub call: Option<usize>,
}

/// What an event is to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Part {
    /// Its begin.
    Request,
    /// Its end, well or not.
    Answer,
    /// Its begin or end once more: another event said so before.
    Repetition,
    /// Nothing: an event of another type, or one that names no service.
    Other,
}

impl Flow {
    /// The flow of `events`, all of one request, as it is at `now`. A call that is then without an answer for longer than
    /// `patience` is unanswered.
    ///
    /// `now` is how far one knows: where events were read until an instant, it is that instant.
    pub fn of<'a>(
        request_id: &str,
        events: impl IntoIterator<Item = &'a Event>,
        now: OffsetDateTime,
        patience: Duration,
    ) -> Self {
        let told = in_order(events);
        let first = told.first().map(|told| told.at);
        let offset = |at: OffsetDateTime| first.map_or(0, |first| microseconds(first, at));
        let (mut calls, parts) = pairing::pair(&told, now, patience);
        tree::grow(&mut calls);
        let culprits = verdict::pass(&mut calls);
        for call in &mut calls {
            call.offset_microseconds = offset(call.started);
        }
        let entry = |(told, (part, call)): (&Told<'_>, (Part, Option<usize>))| Entry {
            offset_microseconds: offset(told.at),
            timestamp: told.event.timestamp().as_sent().to_owned(),
            id: told.event.id().to_owned(),
            source: told.event.source().to_owned(),
            r#type: told.event.event_type().to_owned(),
            part,
            call,
        };
        Self {
            request_id: request_id.to_owned(),
            started: first,
            duration_microseconds: told.last().map_or(0, |told| offset(told.at)),
            failed: calls.iter().any(|call| {
                call.parent.is_none()
                    && matches!(call.verdict, Some(Verdict::Culprit | Verdict::BecauseOf { .. }))
            }),
            entries: told.iter().zip(parts).map(entry).collect(),
            calls,
            culprits,
        }
    }

    /// The calls that are at fault. See [`culprits`](Self::culprits).
    pub fn culprits(&self) -> impl Iterator<Item = &Call> {
        self.culprits.iter().filter_map(|call| self.calls.get(*call))
    }

    /// The call with which the request began: the first that no other was made for and that no later attempt made good.
    pub fn entry_call(&self) -> Option<&Call> {
        let mut top = self.calls.iter().filter(|call| call.parent.is_none());
        top.clone().find(|call| call.verdict != Some(Verdict::Retried)).or_else(|| top.next())
    }
}

/// The flows of events of any requests, sorted by request id. See [`Flow::of`].
pub fn flows<'a>(
    events: impl IntoIterator<Item = &'a Event>,
    now: OffsetDateTime,
    patience: Duration,
) -> Vec<Flow> {
    let mut requests: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in events {
        requests.entry(event.request_id()).or_default().push(event);
    }
    requests.into_iter().map(|(id, events)| Flow::of(id, events, now, patience)).collect()
}

/// Each event once, in the order of time; of one instant, requests first and answers last.
fn in_order<'a>(events: impl IntoIterator<Item = &'a Event>) -> Vec<Told<'a>> {
    let mut told: Vec<_> = events.into_iter().map(|event| (event.key(), Told::of(event))).collect();
    told.sort_by(|(a_key, a), (b_key, b)| (a.at, a.rank(), a_key).cmp(&(b.at, b.rank(), b_key)));
    told.dedup_by(|(a, _), (b, _)| a == b);
    told.into_iter().map(|(_, told)| told).collect()
}
