//! Whether an append is taken, refused, or was taken before: EventStoreDB's rules of the expected revision.
//!
//! | expected | what is compared |
//! |---|---|
//! | any, stream exists | the ids with those that are remembered: all known is success, a known beginning is refused |
//! | no stream, or a revision below the current one | the ids with those stored after it: all equal is success |
//! | the current revision | nothing: the events are written |
//! | a revision above the current one | refused |

use std::cmp::Ordering;

use bytes::Bytes;
use uuid::Uuid;

use super::{
    Store,
    event::{DELETED, METADATA_TYPE, Proposed, TOMBSTONE_TYPE, Ticks, described_by, metadata_stream_of},
    metadata::with_truncate_before,
};

/// The revision that a writer expects its stream to be at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Whatever it is at.
    Any,
    /// At least one event, or metadata.
    StreamExists,
    /// No event so far.
    NoStream,
    /// Its last event has this revision.
    Revision(u64),
}

/// A write that was done, now or before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Appended {
    /// The revision of the last event of the append; of the stream if the append had none. `None`: the stream has none.
    pub(crate) revision: Option<u64>,
    /// The place of that event in the log, if the append had any.
    pub(crate) position: Option<u64>,
}

/// Why a write was not done. Nothing of it was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// The stream is elsewhere.
    #[error("the stream is not at the expected revision")]
    WrongExpectedVersion {
        /// The revision of its last event, if it has any.
        current: Option<u64>,
    },
    /// The stream has a tombstone, or it is deleted and was expected to exist.
    #[error("the stream is deleted")]
    StreamDeleted,
}

/// What to do with a write that is not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    Write,
    /// It was written before, its last event at this revision.
    Done(u64),
}

impl Store {
    /// Appends the events, all or none. A stream that was deleted in the way that can be undone lives again: its events
    /// go on from the revision that it had.
    pub(crate) fn append(
        &mut self,
        stream: &str,
        expected: Expected,
        events: Vec<Proposed>,
        now: Ticks,
    ) -> Result<Appended, Refused> {
        let ids: Vec<Uuid> = events.iter().map(|event| event.id).collect();
        if let Decision::Done(revision) = self.decide(stream, expected, &ids)? {
            let stored = usize::try_from(revision).ok().and_then(|index| self.events(stream).get(index));
            return Ok(Appended { revision: Some(revision), position: stored.map(|record| record.position) });
        }
        if events.is_empty() {
            return Ok(Appended { revision: self.current(stream), position: None });
        }
        let revived = self.revived_by(stream);
        let first = self.events(stream).len() as u64;
        let mut appended = Appended { revision: None, position: None };
        for (revision, event) in (first..).zip(events) {
            appended = self.write(stream, revision, event, now);
        }
        if let Some((revived, from)) = revived {
            let metadata = self.events(&metadata_stream_of(&revived)).last();
            let data = metadata.map(|record| record.event.data.clone()).unwrap_or_default();
            self.write_metadata(&revived, with_truncate_before(&data, from), now);
        }
        Ok(appended)
    }

    /// Deletes a stream in the way that can be undone: its metadata hide every event, and the next append shows itself.
    pub(crate) fn delete(
        &mut self,
        stream: &str,
        expected: Expected,
        now: Ticks,
    ) -> Result<Appended, Refused> {
        self.decide(stream, expected, &[])?;
        Ok(self.write_metadata(stream, format!(r#"{{"$tb":{DELETED}}}"#).into_bytes(), now))
    }

    /// Deletes a stream for good: nothing is ever read from it or appended to it again.
    pub(crate) fn tombstone(
        &mut self,
        stream: &str,
        expected: Expected,
        now: Ticks,
    ) -> Result<Appended, Refused> {
        self.decide(stream, expected, &[])?;
        let event = Proposed {
            id: Uuid::new_v4(),
            event_type: TOMBSTONE_TYPE.to_owned(),
            is_json: false,
            data: Bytes::new(),
            metadata: Bytes::new(),
        };
        Ok(self.write(stream, DELETED, event, now))
    }

    fn decide(&self, stream: &str, expected: Expected, ids: &[Uuid]) -> Result<Decision, Refused> {
        let current = self.current(stream);
        let wrong = Err(Refused::WrongExpectedVersion { current });
        if self.is_tombstoned(stream) {
            return Err(Refused::StreamDeleted);
        }
        let soft_deleted = self.metadata(stream).is_soft_deleted();
        let next = match expected {
            Expected::Any => return self.compare_with_recent(stream, ids, current),
            Expected::StreamExists if soft_deleted => return Err(Refused::StreamDeleted),
            Expected::StreamExists if !self.exists(stream) => return wrong,
            Expected::StreamExists => return self.compare_with_recent(stream, ids, current),
            Expected::NoStream => 0,
            Expected::Revision(revision) => revision.saturating_add(1),
        };
        match next.cmp(&(self.events(stream).len() as u64)) {
            Ordering::Greater => wrong,
            Ordering::Equal => Ok(Decision::Write),
            Ordering::Less => match self.equal_from(stream, next, ids) {
                count if count == ids.len() && count > 0 => Ok(Decision::Done(next + count as u64 - 1)),
                0 if !ids.is_empty() && soft_deleted && expected == Expected::NoStream => Ok(Decision::Write),
                _ => wrong,
            },
        }
    }

    /// Without an exact revision all that tells a repetition is the memory of recent ids.
    fn compare_with_recent(
        &self,
        stream: &str,
        ids: &[Uuid],
        current: Option<u64>,
    ) -> Result<Decision, Refused> {
        let mut known = ids.iter().map_while(|id| self.recent.revision_in(stream, id));
        let Some(mut last) = known.next() else { return Ok(Decision::Write) };
        let mut count = 1;
        for revision in known {
            (last, count) = (revision, count + 1);
        }
        match count == ids.len() {
            true => Ok(Decision::Done(last)),
            false => Err(Refused::WrongExpectedVersion { current }),
        }
    }

    /// How many of these ids, from the first on, are those of the events that the stream holds from that revision on.
    fn equal_from(&self, stream: &str, revision: u64, ids: &[Uuid]) -> usize {
        let stored = usize::try_from(revision).ok().and_then(|first| self.events(stream).get(first..));
        let pairs = stored.unwrap_or_default().iter().zip(ids);
        pairs.take_while(|(record, id)| record.event.id == **id).count()
    }

    fn exists(&self, stream: &str) -> bool {
        self.current(stream).is_some() || self.current(&metadata_stream_of(stream)).is_some()
    }

    /// The deleted stream that an append to this stream makes live again, and the revision from which it is shown then:
    /// the stream itself, or the one whose metadata it holds.
    fn revived_by(&self, stream: &str) -> Option<(String, u64)> {
        let deleted = |name: &&str| self.metadata(name).is_soft_deleted();
        let revived = Some(stream).filter(deleted).or_else(|| described_by(stream).filter(deleted))?;
        Some((revived.to_owned(), self.events(revived).len() as u64))
    }

    fn write(&mut self, stream: &str, revision: u64, event: Proposed, now: Ticks) -> Appended {
        // Time never goes back in the log, whatever the host's clock does: `$maxAge` hides a beginning of a stream.
        let latest = self.records.last().map(|record| record.created).unwrap_or_default();
        let record = self.push(stream, revision, now.max(latest), event);
        self.recent.remember(&record);
        Appended { revision: Some(revision), position: Some(record.position) }
    }

    fn write_metadata(&mut self, described: &str, data: Vec<u8>, now: Ticks) -> Appended {
        let stream = metadata_stream_of(described);
        let event = Proposed {
            id: Uuid::new_v4(),
            event_type: METADATA_TYPE.to_owned(),
            is_json: true,
            data: data.into(),
            metadata: Bytes::new(),
        };
        let revision = self.events(&stream).len() as u64;
        self.write(&stream, revision, event, now)
    }
}
