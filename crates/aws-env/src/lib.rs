//! SDK configuration, account and region guard, retry and error classes, tags.
