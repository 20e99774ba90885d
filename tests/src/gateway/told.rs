//! What the journal holds of requests that went through the gateway.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use event::{
    Event,
    call::{Call, REQUEST, RESPONSE},
};

use crate::Local;

/// What is told of one request.
#[derive(Clone, Debug, Default)]
pub struct Told(pub Vec<Event>);

/// What the journal holds, by request.
///
/// # Errors
/// The table cannot be read.
pub async fn told(local: &Local) -> Result<BTreeMap<String, Told>> {
    let mut told: BTreeMap<String, Told> = BTreeMap::new();
    for event in local.stored().await? {
        told.entry(event.request_id().to_owned()).or_default().0.push(event);
    }
    Ok(told)
}

impl Told {
    fn of_type(&self, event_type: &str) -> impl Iterator<Item = &Event> {
        self.0.iter().filter(move |event| event.event_type() == event_type)
    }

    /// How many events that is.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// That it is one call, with the two events of an answer.
    ///
    /// # Errors
    /// It is not: the error says what it is.
    pub fn is_answered(&self) -> Result<()> {
        let spans: Vec<_> = [REQUEST, RESPONSE].map(|event_type| spans(self.of_type(event_type))).into();
        let is_one = matches!(&spans[..], [request, response] if request.len() == 1 && request == response);
        ensure!(is_one && self.0.len() == 2, "no call with its answer: {}", self.words());
        Ok(())
    }

    /// That it is one call that was begun, and nothing is known of its end.
    ///
    /// # Errors
    /// It is not: the error says what it is.
    pub fn is_begun(&self) -> Result<()> {
        ensure!(self.of_type(REQUEST).count() == 1 && self.0.len() == 1, "no begun call: {}", self.words());
        Ok(())
    }

    fn words(&self) -> String {
        self.0.iter().map(Event::to_json).collect::<Vec<_>>().join(", ")
    }
}

fn spans<'a>(events: impl Iterator<Item = &'a Event>) -> Vec<Option<String>> {
    events.map(|event| Some(Call::from_data(event.data())?.span?.into_owned())).collect()
}
