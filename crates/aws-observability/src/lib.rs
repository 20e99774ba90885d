//! CloudWatch: log groups with a retention, made before whatever writes to them.

mod spec;

pub use spec::{LogGroupClass, LogGroupSpec, grant_write, log_group_arn};
