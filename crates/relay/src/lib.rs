//! Lambda: the journal's stream into EventStoreDB.
//!
//! An invocation is a batch of the table's stream, or a request of `headwater replay`. Each record ends in one of these ways:
//!
//! | what happened | what the relay does |
//! |---|---|
//! | an item was added | its event is appended to the stream `request-<RequestId>`, once |
//! | the event is in its stream already | nothing |
//! | it can never be appended (not an event, stream with a tombstone, too large, refused) | sends it whole and with its reason to the failure queue |
//! | an item was changed or removed | counts it and warns: history was altered from outside |
//! | EventStoreDB is away, denies access or takes too long | fails the invocation, which then comes again as a whole |
//!
//! # Exactly once
//!
//! An event's identity in its stream is its key in the journal, which its metadata hold as `eventKey`: the hash of all
//! its content is part of it. So two events of one id and other content, which the journal keeps both, are both relayed.
//!
//! Its id in EventStoreDB is its own where that is a UUID, else a UUIDv5 of source and id; and where another
//! event of the stream has that id, a UUIDv5 of its key. Which of two such events has the id is decided by which came first, and
//! nothing else depends on it.
//!
//! The `delivery` module says how they get there once, whatever fails and whoever else writes. Its one limit: what a stream's own
//! metadata hide (`$maxCount`, `$maxAge`, `$tb`, a deletion that can be undone) cannot be read, so an event that is hidden when it
//! is delivered again may be appended again.
//!
//! # Order
//!
//! The events of a request are appended in the order of the records. DynamoDB's stream has them in the order in which they
//! were stored, and Lambda goes on in a shard only when a batch has succeeded.

mod clients;
mod configuration;
mod delivery;
mod eventstoredb;
mod failure_queue;
mod handler;
mod ledger;
mod metrics;
mod outgoing;
mod payload;
mod secrets;
pub mod store;

pub use clients::Clients;
pub use configuration::{Address, Configuration, Tls, Trust};
pub use eventstoredb::EventStoreDb;
pub use failure_queue::{FailureQueue, Letter};
pub use handler::{Failure, Relay, Report};
pub use metrics::Metrics;
pub use payload::{Change, Invocation, ItemKey, Payload, Record, UnknownPayload};
pub use secrets::Secrets;

#[cfg(test)]
mod exactly_once_tests;
#[cfg(test)]
mod testing;
