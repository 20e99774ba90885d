//! Reading what a subscription is of, and writing what it keeps: how far it is, and what it parked.

use bytes::Bytes;
use serde_json::json;
use uuid::Uuid;

use super::{
    group::{Message, Parking, Place},
    settings::{Name, Settings, Start, is_own},
};
use crate::{
    database::{Database, Unavailable, Write, WriteError},
    store::{
        Expected, Store,
        event::{LINK_TYPE, Proposed, Ticks},
        read::{Direction, StreamPage},
    },
};

/// The type of the events that keep how far a subscription is.
const CHECKPOINT_TYPE: &str = "$SubscriptionCheckpoint";

/// How many events of `$all` are looked at while the store is locked.
const SEARCH: usize = 4096;

/// Some events of the source, and where to go on.
pub(super) struct Read {
    pub(super) messages: Vec<Message>,
    pub(super) next: u64,
    pub(super) more: bool,
}

/// At most `count` events of the source, from this revision or position on.
pub(super) fn read(
    store: &Store,
    name: &Name,
    settings: &Settings,
    from: u64,
    count: usize,
    now: Ticks,
) -> Read {
    let (events, next, more) = match name.is_all() {
        true => {
            let page = store.read_all(from, Direction::Forwards, settings.filter.as_ref(), count, SEARCH);
            let others = page.events.into_iter().filter(|record| !is_own(record)).collect();
            (others, page.next, page.more)
        }
        false => match store.read_stream(&name.stream, from, Direction::Forwards, count, now) {
            StreamPage::Found { page, .. } => (page.events, page.next, page.more),
            StreamPage::NotFound | StreamPage::Deleted => (Vec::new(), from, false),
        },
    };
    let messages = events.into_iter().map(|record| {
        let place = Place::Source(if name.is_all() { record.position } else { record.revision });
        Message { place, resolved: store.resolve(record, settings.resolve_links, now), retry_count: 0 }
    });
    Read { messages: messages.collect(), next: next.max(from), more }
}

/// Where a subscription begins, and the progress that it has stored, if any.
pub(super) fn begin(store: &Store, name: &Name, settings: &Settings, now: Ticks) -> (u64, Option<u64>) {
    let stored = store.last_event(&name.checkpoint_stream(), now);
    let stored = stored.and_then(|record| parse_place(std::str::from_utf8(&record.event.data).ok()?));
    let from = match (stored, settings.start) {
        (Some(place), _) => place.saturating_add(1),
        (None, Start::Beginning) => 0,
        (None, Start::At(place)) => place,
        (None, Start::End) => end(store, name),
    };
    (from, stored)
}

/// Where the source's next event will be.
pub(super) fn end(store: &Store, name: &Name) -> u64 {
    if name.is_all() { store.end() } else { store.next_revision(&name.stream) }
}

/// Where the source's last event is.
pub(super) fn last(store: &Store, name: &Name) -> Option<u64> {
    match name.is_all() {
        true => store.last_position(),
        false => store.next_revision(&name.stream).checked_sub(1),
    }
}

/// Stores how far the subscription is.
pub(super) async fn store_checkpoint(database: &Database, name: &Name, place: u64) -> Result<(), WriteError> {
    let data = json!(format_place(name, place)).to_string();
    let event = proposed(CHECKPOINT_TYPE, data.into(), Bytes::new());
    append(database, name.checkpoint_stream(), event).await
}

/// Puts a link to the message's event to the parked ones.
pub(super) async fn park(database: &Database, name: &Name, parking: &Parking) -> Result<(), WriteError> {
    let Some(record) = parking.message.resolved.original() else { return Ok(()) };
    let added = Ticks::now().0;
    let metadata =
        json!({"added": added, "reason": parking.reason, "subscriptionEventNumber": record.revision});
    let link = format!("{}@{}", record.revision, record.stream);
    append(database, name.parked_stream(), proposed(LINK_TYPE, link.into(), metadata.to_string().into()))
        .await
}

/// The parked events from this revision on, at most up to before another, as messages to be handed out again.
pub(super) fn parked(
    database: &Database,
    name: &Name,
    settings: &Settings,
    from: u64,
    stop_at: u64,
) -> Result<Vec<Message>, Unavailable> {
    let count = usize::try_from(stop_at.saturating_sub(from)).unwrap_or(usize::MAX);
    database.read(|store, now| {
        let page = store.read_stream(&name.parked_stream(), from, Direction::Forwards, count, now);
        let StreamPage::Found { page, .. } = page else { return Vec::new() };
        let before = page.events.into_iter().filter(|record| record.revision < stop_at);
        let messages = before.map(|link| {
            let place = Place::Parked(link.revision);
            let event = link.link_target().and_then(|(stream, revision)| store.event(stream, revision, now));
            let resolved = match event {
                Some(event) => store.resolve(event, settings.resolve_links, now),
                // What it links to is not shown any more: there is the link at least.
                None => crate::store::read::Resolved { event: None, link: Some(link) },
            };
            Message { resolved, place, retry_count: 0 }
        });
        messages.collect()
    })
}

/// How many events are parked.
pub(super) fn parked_count(store: &Store, name: &Name, now: Ticks) -> u64 {
    match store.read_stream(&name.parked_stream(), 0, Direction::Forwards, 0, now) {
        StreamPage::Found { first, last, .. } => (last + 1).saturating_sub(first),
        StreamPage::NotFound | StreamPage::Deleted => 0,
    }
}

/// Hides the parked events up to this revision: they were handed out again and are done with.
pub(super) async fn forget_parked(database: &Database, name: &Name, revision: u64) -> Result<(), WriteError> {
    let data = json!({"$tb": revision.saturating_add(1)}).to_string();
    let event = proposed(crate::store::event::METADATA_TYPE, data.into(), Bytes::new());
    append(database, crate::store::event::metadata_stream_of(&name.parked_stream()), event).await
}

/// Deletes what the subscription kept.
pub(super) async fn delete(database: &Database, name: &Name) -> Result<(), WriteError> {
    for stream in [name.checkpoint_stream(), name.parked_stream()] {
        let kept = database.read(|store, _| store.next_revision(&stream) > 0)?;
        if kept {
            database.write(stream, Write::Delete(Expected::Any)).await?;
        }
    }
    Ok(())
}

/// A place as the protocol writes it: a revision as it is, a position with its two parts.
pub(crate) fn format_place(name: &Name, place: u64) -> String {
    if name.is_all() { format!("C:{place}/P:{place}") } else { place.to_string() }
}

fn parse_place(json: &str) -> Option<u64> {
    let text: String = serde_json::from_str(json).ok()?;
    match text.strip_prefix("C:") {
        Some(position) => position.split_once("/P:")?.0.parse().ok(),
        None => text.parse().ok(),
    }
}

pub(super) async fn append(database: &Database, stream: String, event: Proposed) -> Result<(), WriteError> {
    database.write(stream, Write::Append(Expected::Any, vec![event])).await.map(drop)
}

pub(super) fn proposed(event_type: &str, data: Bytes, metadata: Bytes) -> Proposed {
    Proposed { id: Uuid::new_v4(), event_type: event_type.to_owned(), is_json: true, data, metadata }
}
