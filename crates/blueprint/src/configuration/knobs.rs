//! The knobs: the one table that reading, messages and the reference come from.

mod eventstore;
mod gateway;

use std::num::NonZeroU16;

use settings_file::Table;

use super::knob::{ACCOUNT_ID, Flag, Knob, Number, NumberOf, OneOf, PROJECT_NAME, REGION, Text};
use super::name::{AccountId, ProjectName, Region};

pub(super) use eventstore::*;
pub use eventstore::{BackupMode, Egress, Throughput, TlsMode};
pub(crate) use gateway::ADMIN_PORT as GATEWAY_ADMIN_PORT;
pub(super) use gateway::*;
pub use gateway::{Durability, GatewayCluster};

/// Every table of the file.
pub(super) static SECTIONS: &[Table] = &[
    Table { table: "", knobs: &[&PROJECT] },
    Table {
        table: "environments.<name>",
        knobs: &[&ACCOUNT, &REGION_NAME, &PROFILE, &ENDPOINT_URL, &PRODUCTION, &LEASE_SECONDS],
    },
    Table {
        table: "environments.<name>.journal",
        knobs: &[&INDEX_SHARDS, &POINT_IN_TIME_RECOVERY_DAYS, &DELETION_PROTECTION],
    },
    Table {
        table: "environments.<name>.queue",
        knobs: &[&RETENTION_SECONDS, &DEAD_LETTER_RETENTION_SECONDS, &MAX_RECEIVE_COUNT],
    },
    Table {
        table: "environments.<name>.ingest",
        knobs: &[
            &MEMORY_MIB,
            &TIMEOUT_SECONDS,
            &ARCHITECTURE,
            &BATCH_SIZE,
            &BATCHING_WINDOW_SECONDS,
            &MAXIMUM_CONCURRENCY,
            &LOG_RETENTION_DAYS,
            &LOG_LEVEL,
        ],
    },
    Table { table: "environments.<name>.network", knobs: &[&CIDR, &AZS, &EGRESS] },
    Table {
        table: "environments.<name>.eventstore",
        knobs: &[
            &RELEASE,
            &IMAGE,
            &TOOLS_IMAGE,
            &TLS,
            &CPU_UNITS,
            &TASK_MEMORY_MIB,
            &ADMIN_CIDRS,
            &THROUGHPUT,
            &EXECUTE_COMMAND,
            &EVENTSTORE_LOG_RETENTION_DAYS,
        ],
    },
    Table {
        table: "environments.<name>.backup",
        knobs: &[&MODE, &SCHEDULE, &START_WINDOW_MINUTES, &COMPLETION_WINDOW_MINUTES, &DELETE_AFTER_DAYS],
    },
    Table {
        table: "environments.<name>.relay",
        knobs: &[
            &RELAY_MEMORY_MIB,
            &RELAY_TIMEOUT_SECONDS,
            &RELAY_BATCH_SIZE,
            &RELAY_BATCHING_WINDOW_SECONDS,
            &LOG_RETENTION_DAYS,
            &RELAY_LOG_LEVEL,
        ],
    },
    Table {
        table: "environments.<name>.gateway",
        knobs: &[
            &ENABLED,
            &GATEWAY_IMAGE,
            &ROUTES_FILE,
            &GATEWAY_ARCHITECTURE,
            &GATEWAY_CPU_UNITS,
            &GATEWAY_MEMORY_MIB,
            &DESIRED_COUNT,
            &CLUSTER,
            &PORT,
            &CLIENT_CIDRS,
            &GATEWAY_ADMIN_CIDRS,
            &UPSTREAMS,
            &DURABILITY,
            &EXECUTE_COMMAND,
            &GATEWAY_LOG_RETENTION_DAYS,
        ],
    },
    Table { table: "environments.<name>.alarms", knobs: &[&EMAILS] },
];

/// The processor a function runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// AWS Graviton.
    Arm64,
    /// Intel and AMD.
    X86_64,
}

/// The least severe log events that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the usual ones")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

const DAY: u32 = 24 * 60 * 60;

/// The numbers of days for which CloudWatch keeps a log.
const LOG_DAYS: &[u16] = &[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

const ARCHITECTURES: &[(&str, Architecture)] =
    &[("arm64", Architecture::Arm64), ("x86-64", Architecture::X86_64)];

const LOG_LEVELS: &[(&str, LogLevel)] = &[
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];

pub(super) static PROJECT: Knob<Text<ProjectName>> = Knob {
    key: "project",
    takes: PROJECT_NAME,
    default: ProjectName::DEFAULT,
    required: false,
    purpose: "First part of every physical name. Another name is another set of resources.",
};

pub(super) static ACCOUNT: Knob<Text<AccountId>> = Knob {
    key: "account",
    takes: ACCOUNT_ID,
    default: AccountId::DEFAULT,
    required: true,
    purpose: "The AWS account. Credentials of any other are refused before anything is read or changed.",
};

pub(super) static REGION_NAME: Knob<Text<Region>> = Knob {
    key: "region",
    takes: REGION,
    default: Region::DEFAULT,
    required: true,
    purpose: "The AWS region that all of the environment lives in.",
};

pub(super) static PROFILE: Knob<Text<Option<String>>> = Knob {
    key: "profile",
    takes: Text {
        accepts: "a profile's name",
        read: |text| (!text.trim().is_empty()).then(|| Some(text.to_owned())),
        show: optional,
    },
    default: None,
    required: false,
    purpose: "Profile of ~/.aws/config to use; without one the standard credential chain decides.",
};

pub(super) static ENDPOINT_URL: Knob<Text<Option<String>>> = Knob {
    key: "endpoint_url",
    takes: Text {
        accepts: "an endpoint such as \"http://127.0.0.1:4566\"",
        read: |text| is_endpoint(text).then(|| Some(text.to_owned())),
        show: optional,
    },
    default: None,
    required: false,
    purpose: "AWS-compatible endpoint to use instead of AWS's. A local environment's must be on this machine.",
};

pub(super) static PRODUCTION: Knob<Flag> = Knob {
    key: "production",
    takes: Flag,
    default: false,
    required: false,
    purpose: "Whether people depend on it. Then deletion protection and TLS cannot be off, nor ECS Exec on.",
};

pub(super) static LEASE_SECONDS: Knob<Number<u16>> = Knob {
    key: "lease_seconds",
    takes: Number { min: 15, max: 900, unit: "seconds" },
    default: 60,
    required: false,
    purpose: "How long a deploy's lease outlives its last heartbeat, so how long a dead deploy blocks the next one.",
};

pub(super) static INDEX_SHARDS: Knob<Number<NonZeroU16>> = Knob {
    key: "index_shards",
    takes: Number { min: shards(1), max: shards(64), unit: "shards" },
    default: shards(4),
    required: false,
    purpose: "Partitions of each type and source in the indexes. Each takes 1,000 writes a second, and a read by type \
              asks all: 4 carry the 4,000 that a new on-demand table does. May grow, never shrink.",
};

pub(super) static POINT_IN_TIME_RECOVERY_DAYS: Knob<Number<u16>> = Knob {
    key: "point_in_time_recovery_days",
    takes: Number { min: 1, max: 35, unit: "days" },
    default: 35,
    required: false,
    purpose: "How far back the table can be restored. Its price depends on the table's size, not on the days.",
};

pub(super) static DELETION_PROTECTION: Knob<Flag> = Knob {
    key: "deletion_protection",
    takes: Flag,
    default: true,
    required: false,
    purpose: "Whether DynamoDB refuses to delete the table.",
};

pub(super) static RETENTION_SECONDS: Knob<Number<u32>> = Knob {
    key: "retention_seconds",
    takes: Number { min: 60, max: 14 * DAY, unit: "seconds" },
    default: 4 * DAY,
    required: false,
    purpose: "How long an event waits in the queue before SQS deletes it. The default is 4 days.",
};

pub(super) static DEAD_LETTER_RETENTION_SECONDS: Knob<Number<u32>> = Knob {
    key: "dead_letter_retention_seconds",
    takes: Number { min: 60, max: 14 * DAY, unit: "seconds" },
    default: 14 * DAY,
    required: false,
    purpose: "The same for the dead-letter queue. Longer than the queue's, since a message that SQS moves keeps its \
              age. The default is 14 days.",
};

pub(super) static MAX_RECEIVE_COUNT: Knob<Number<u16>> = Knob {
    key: "max_receive_count",
    takes: Number { min: 1, max: 1000, unit: "receives" },
    default: 5,
    required: false,
    purpose: "Receives before a message goes to the dead-letter queue. AWS advises 5 or more with Lambda, since a \
              throttled function uses receives up.",
};

pub(super) static MEMORY_MIB: Knob<Number<u16>> = Knob {
    key: "memory_mib",
    takes: Number { min: 128, max: 10_240, unit: "MiB" },
    default: 256,
    required: false,
    purpose: "Memory of the function. Processor time comes in proportion: 1,769 MiB is one processor.",
};

pub(super) static TIMEOUT_SECONDS: Knob<Number<u16>> = Knob {
    key: "timeout_seconds",
    takes: Number { min: 1, max: 900, unit: "seconds" },
    default: 30,
    required: false,
    purpose: "The longest one invocation may run. The queue's visibility timeout is 6 times this, plus the window.",
};

pub(super) static ARCHITECTURE: Knob<OneOf<Architecture>> = Knob {
    key: "architecture",
    takes: OneOf(ARCHITECTURES),
    default: Architecture::Arm64,
    required: false,
    purpose: "Processor of the function. Lambda's arm64 costs a fifth less for the same time.",
};

pub(super) static BATCH_SIZE: Knob<Number<u16>> = Knob {
    key: "batch_size",
    takes: Number { min: 1, max: 10_000, unit: "messages" },
    default: 10,
    required: false,
    purpose: "The most messages of one invocation. Above 10, Lambda wants a batching window of at least 1 second.",
};

pub(super) static BATCHING_WINDOW_SECONDS: Knob<Number<u16>> = Knob {
    key: "batching_window_seconds",
    takes: Number { min: 0, max: 300, unit: "seconds" },
    default: 0,
    required: false,
    purpose: "How long Lambda gathers messages for a batch: fewer invocations, each event that much later.",
};

pub(super) static MAXIMUM_CONCURRENCY: Knob<Number<u16>> = Knob {
    key: "maximum_concurrency",
    takes: Number { min: 2, max: 1000, unit: "invocations" },
    default: 10,
    required: false,
    purpose: "The most invocations at once, so that ingest leaves the account's concurrency to others: a new account \
              has 10.",
};

pub(super) static LOG_RETENTION_DAYS: Knob<NumberOf> = Knob {
    key: "log_retention_days",
    takes: NumberOf { numbers: LOG_DAYS, unit: "days" },
    default: 30,
    required: false,
    purpose: "How long CloudWatch keeps the function's log.",
};

pub(super) static LOG_LEVEL: Knob<OneOf<LogLevel>> = Knob {
    key: "log_level",
    takes: OneOf(LOG_LEVELS),
    default: LogLevel::Info,
    required: false,
    purpose: "The least severe log events that the function writes.",
};

const fn shards(number: u16) -> NonZeroU16 {
    match NonZeroU16::new(number) {
        Some(number) => number,
        None => NonZeroU16::MIN,
    }
}

fn optional(text: &Option<String>) -> String {
    text.as_ref().map_or_else(|| "none".to_owned(), |text| format!("{text:?}"))
}

/// `http[s]://host[:port]`, without user, path or query.
fn is_endpoint(text: &str) -> bool {
    let Ok(uri) = text.parse::<http::Uri>() else { return false };
    matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
        && uri.path() == "/"
        && uri.query().is_none()
}
