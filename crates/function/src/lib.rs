//! What the Lambda functions have in common: what they read at their start, how they reach AWS, how long an invocation may
//! work, what they log, and where they leave what can never be done.

mod aws;
mod dead_letter_queue;
mod deadline;
pub mod logging;
#[cfg(feature = "scripted")]
pub mod scripted;
pub mod variables;

pub use aws::sdk_config;
pub use dead_letter_queue::DeadLetterQueue;
pub use deadline::Deadline;
pub use variables::ConfigurationError;
