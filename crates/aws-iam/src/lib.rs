//! IAM resources.
