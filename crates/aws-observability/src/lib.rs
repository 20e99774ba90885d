//! CloudWatch: log groups with a retention, made before whatever writes to them.

mod log_group;
mod spec;

pub use log_group::LogGroup;
pub use spec::{LogGroupClass, LogGroupSpec};
