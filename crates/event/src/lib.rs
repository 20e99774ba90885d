//! The event: JSON wire form, validation, identity. Pure, no I/O.
//!
//! ```
//! let event = event::Event::from_json(
//!     r#"{ "id": "5b070a84-c5d5-460a-ac98-a0717cbc8e56", "requestId": "677afffc-373e-42f0-8363-f24bc675bcf6",
//!          "timestamp": "2020-05-01T20:00:00Z", "type": "MICROSERVICE_REQUEST", "source": "Gateway",
//!          "data": { "Name": "Microservice A" } }"#,
//! )?;
//! assert_eq!(event.event_type(), "MICROSERVICE_REQUEST");
//! assert!(event.key().as_str().starts_with("2020-05-01T20:00:00.000000000Z#5b070a84-"));
//! # Ok::<(), event::Rejection>(())
//! ```

pub mod call;
mod check;
pub mod cloudevents;
pub mod dead_letter;
mod event;
mod identity;
mod json;
pub mod limits;
mod number;
mod rejection;
mod timestamp;
mod trace_context;

pub use event::Event;
pub use identity::{ContentHash, EventKey, shard};
pub use json::escaped as escaped_json;
pub use rejection::{JsonPath, Problem, Rejection, Segment};
pub use timestamp::{Timestamp, TimestampError};
pub use trace_context::TraceParent;
