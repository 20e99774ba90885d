//! CloudWatch: log groups with a retention, made before whatever writes to them.

mod family;
mod log_group;
mod spec;
#[cfg(test)]
mod tests;

pub use family::LogGroups;
pub use log_group::LogGroup;
pub use spec::{LogGroupClass, LogGroupSpec};
