//! The event log on DynamoDB: key schema, append, read by request, type and source.
//!
//! Append is idempotent and history is append-only by construction: an item's key holds the hash of its content, so a write
//! either repeats what is there or adds something new. See [`Journal`].

mod append;
mod conflict;
pub mod dynamodb_json;
mod error;
pub mod item;
mod journal;
mod read;
pub mod replay;
mod scan;
pub mod schema;
pub mod size;
mod tail;

pub use append::{Outcome, Refusal};
pub use conflict::{Conflict, conflicts};
pub use error::{AppendError, ReadError, TailError};
pub use item::{ItemError, ItemProblem};
pub use journal::Journal;
pub use read::{Direction, EventStream, QueryCount, ReadOptions};
pub use scan::Pages;
