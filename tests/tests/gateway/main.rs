//! The gateway before a service, on local AWS: what it tells of requests comes to the journal, whatever happens to the queue.
#![allow(missing_docs, reason = "tests say what they show by their names")]

mod demo;
mod outage;

use end_to_end::DEFAULTS;
