//! What a persistent subscription is: its events, its group, and how they are handed out.

use serde::{Deserialize, Serialize};

use crate::store::{event::Record, filter::Filter};

/// Which subscription: a stream has one of each group name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Name {
    /// The stream, or `$all`.
    pub(crate) stream: String,
    pub(crate) group: String,
}

pub(crate) const ALL: &str = "$all";

/// What the streams that the subscriptions themselves write begin with. A subscription of `$all` leaves them out: it would
/// be told of its own progress for ever.
const OWN_STREAMS: &str = "$persistentsubscription-";

impl Name {
    pub(crate) fn is_all(&self) -> bool {
        self.stream == ALL
    }

    /// Where the subscription keeps how far it is.
    pub(crate) fn checkpoint_stream(&self) -> String {
        format!("{OWN_STREAMS}{}::{}-checkpoint", self.stream, self.group)
    }

    /// Where the subscription puts links to the events that nobody could handle.
    pub(crate) fn parked_stream(&self) -> String {
        format!("{OWN_STREAMS}{}::{}-parked", self.stream, self.group)
    }
}

/// Whether an event is one of the subscriptions' own.
pub(crate) fn is_own(record: &Record) -> bool {
    record.stream.starts_with(OWN_STREAMS)
}

/// Where a subscription without a checkpoint begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Start {
    Beginning,
    /// At this revision or position, itself included.
    At(u64),
    /// With the first event that is written after the subscription was made.
    End,
}

/// How events are spread over the consumers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Strategy {
    /// Each in turn.
    RoundRobin,
    /// All to one, until it is full.
    DispatchToSingle,
    /// Events of one stream to the same one.
    Pinned,
    /// Events of one correlation id to the same one.
    PinnedByCorrelation,
}

impl Strategy {
    /// Its name in the protocol.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::RoundRobin => "RoundRobin",
            Self::DispatchToSingle => "DispatchToSingle",
            Self::Pinned => "Pinned",
            Self::PinnedByCorrelation => "PinnedByCorrelation",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let all = [Self::RoundRobin, Self::DispatchToSingle, Self::Pinned, Self::PinnedByCorrelation];
        all.into_iter().find(|strategy| strategy.name() == name)
    }
}

/// The settings of a subscription, as the configuration stream keeps them. Numbers below 1 mean no limit where there is
/// one, as in the protocol.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Settings {
    pub(crate) start: Start,
    /// Of a subscription of `$all` only.
    pub(crate) filter: Option<Filter>,
    pub(crate) resolve_links: bool,
    pub(crate) extra_statistics: bool,
    pub(crate) strategy: Strategy,
    /// How long a consumer may take for an event before it is handed out again.
    pub(crate) message_timeout_ms: i32,
    /// How often it is handed out again before it is parked.
    pub(crate) max_retry_count: i32,
    /// How long progress may go without being stored.
    pub(crate) checkpoint_after_ms: i32,
    /// How many events must be handled before progress is stored for having taken so long.
    pub(crate) min_checkpoint_count: i32,
    /// After how many events progress is stored at once.
    pub(crate) max_checkpoint_count: i32,
    pub(crate) max_subscriber_count: i32,
    pub(crate) live_buffer_size: i32,
    pub(crate) read_batch_size: i32,
    /// How many events are read ahead of the consumers.
    pub(crate) history_buffer_size: i32,
}
