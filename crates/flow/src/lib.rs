//! What the events of requests say: each request's flow, and which service is at fault. Pure, no I/O.
//!
//! A [`Flow`] is one request: its events as a timeline, its calls as a tree, and of each failing call whether its service
//! is at fault or another's that it needed ([`Verdict`]). [`services`] counts the calls of many flows by service, the likeliest
//! culprit first; [`series`] does so over time, and [`requests`] lists the flows.
//!
//! Whatever the events are, nothing here fails: what cannot be paired or placed is shown as it is. Events may be given in any
//! order and more than once.

mod call;
mod figures;
mod flow;
mod pairing;
mod requests;
mod series;
mod services;
mod tree;
mod verdict;
mod window;

pub use call::{Call, Outcome, Verdict};
pub use figures::Figures;
pub use flow::{Entry, Flow, Part, flows};
pub use requests::{Request, requests};
pub use series::{Bucket, Series, series};
pub use services::{Evidence, Service, services};
pub use window::Window;

/// How long a call may be without an answer before it counts as unanswered, where nobody says otherwise.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);
