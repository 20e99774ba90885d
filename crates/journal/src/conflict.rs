//! Events of one source that claim the same id and differ.

use std::collections::BTreeMap;

use event::{ContentHash, Event};

/// One id of a source that stands for several contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict<'a> {
    /// The id.
    pub id: &'a str,
    /// The source, for which an id is to be unique.
    pub source: &'a str,
    /// The events that have it, one for each content, in the order given.
    pub events: Vec<&'a Event>,
}

/// The ids that occur with more than one content of one source among `events`, sorted.
///
/// The journal stores both sides of a conflict. It is reported where both can be seen: by
/// [`append`](crate::Journal::append) within one batch, and by this function over whatever was read, for example all events
/// of a request. A write cannot see what other requests or earlier batches stored without reading first, which
/// would double its price, so it does not claim to.
pub fn conflicts<'a>(events: impl IntoIterator<Item = &'a Event>) -> Vec<Conflict<'a>> {
    let mut contents: BTreeMap<(&str, &str), Vec<&Event>> = BTreeMap::new();
    for event in events {
        let seen = contents.entry((event.id(), event.source())).or_default();
        let is_new = |hash: ContentHash| seen.iter().all(|other| other.content_hash() != hash);
        if is_new(event.content_hash()) {
            seen.push(event);
        }
    }
    contents
        .into_iter()
        .filter(|(_, events)| events.len() > 1)
        .map(|((id, source), events)| Conflict { id, source, events })
        .collect()
}
