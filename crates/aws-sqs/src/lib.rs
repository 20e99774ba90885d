//! SQS queues: the family `AWS::SQS::Queue`, and the permissions to use one.

mod queue;
mod spec;

pub use queue::Queue;
pub use spec::{QueueSpec, RedriveAllowPolicy, RedrivePolicy};
