//! What people want to know of an environment that is there.

/// One of the outputs that are worth printing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    /// What it is called: `queue`.
    pub title: &'static str,
    /// The resource that has it.
    pub key: &'static str,
    /// Which of the outputs that a survey finds of the resource it is (`url`); `None` is its physical name.
    pub output: Option<&'static str>,
}

/// What `status` and `up` print, in this order.
pub const OUTPUTS: [Output; 8] = [
    Output { title: "queue", key: "stateful/queue", output: Some("url") },
    Output { title: "dead-letter queue", key: "stateful/dead-letter-queue", output: Some("url") },
    Output { title: "relay's failure queue", key: "stateful/relay-failure-queue", output: Some("url") },
    Output { title: "table", key: "stateful/journal", output: None },
    Output { title: "ingest", key: "ingest/function", output: None },
    Output { title: "relay", key: "relay/function", output: None },
    Output { title: "EventStoreDB", key: "eventstore/service", output: None },
    Output { title: "admin's password", key: "stateful/eventstore-admin-password", output: None },
];
