//! SQS resources.
