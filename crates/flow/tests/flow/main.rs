//! What the analysis says of requests that are written down line by line, and of any.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "tests say what they show by their names, and end where they cannot go on"
)]

mod calls;
mod culprits;
mod properties;
mod script;
mod services;
