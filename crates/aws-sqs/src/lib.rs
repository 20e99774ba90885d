//! SQS queues: the family `AWS::SQS::Queue`, and the permissions to use one.

mod attributes;
mod ensure;
mod family;
mod queue;
mod scopes;
mod spec;
#[cfg(test)]
mod tests;

pub use family::Queues;
pub use queue::Queue;
pub use spec::{QueueSpec, RedriveAllowPolicy, RedrivePolicy};
