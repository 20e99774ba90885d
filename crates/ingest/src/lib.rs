//! Lambda: SQS batch to journal.
