//! CloudWatch resources: log groups.
