//! Lambda: an SQS batch into the journal.
//!
//! Each record of the batch ends in exactly one of these ways, whatever befalls the others:
//!
//! | what happened | what ingest does |
//! |---|---|
//! | stored, or a duplicate of one that is | nothing: SQS deletes it |
//! | can never be stored | moves it to the dead-letter queue at once, with the reason |
//! | failed for now | reports it as a batch item failure: it comes again |
//! | failed for now, on its last receive | moves it to the dead-letter queue, with the error as its reason |
//! | could not be moved | reports it as a batch item failure: it comes again, or SQS moves it |
//!
//! Delivery is at least once from end to end: a record may be stored by two invocations (the journal folds it) and a
//! dead letter may be sent twice (its `HeadwaterMessageId` tells).

mod clients;
mod configuration;
mod handler;
mod metrics;
mod record;

pub use clients::Clients;
pub use configuration::Configuration;
pub use handler::{Ingest, Report};
pub use metrics::Metrics;
pub use record::{MissingMessageId, Poison, Record};

#[cfg(test)]
mod testing;
