//! `headwater.toml`: the environments and their knobs, read into plain typed values.
//!
//! Every knob is data in [`knobs`]: key, accepted values, default, unit and purpose. Reading, error messages and the
//! printable [`reference`] all come from that one table. All mistakes of a file are reported at once.

mod document;
mod gateway;
mod knob;
mod knobs;
mod name;
mod reference;
mod rules;

use std::num::NonZeroU16;
use std::path::Path;
use std::time::Duration;

pub use gateway::{Gateway, Upstream};
pub(crate) use knobs::GATEWAY_ADMIN_PORT;
pub use knobs::{
    Architecture, BackupMode, Durability, Egress, GatewayCluster, LogLevel, Throughput, TlsMode,
};
pub use name::{AccountId, EnvironmentName, ProjectName, Region};
pub use reference::{reference, settings};
pub use settings_file::{Error, Invalid, Problem, Setting};

use aws_network::Cidr;
use resource::Scope;
use settings_file::{Fault, Source, list, nearest};

use crate::eventstore::Release;

/// The name of the environment that lives on an emulator; it is there whether a file lists it or not.
pub const LOCAL: &str = "local";

/// What `headwater.toml` says, checked: each environment can be had by its name.
#[derive(Debug, Clone)]
pub struct Configuration {
    source: Source,
    environments: Vec<Declared>,
}

/// An environment and the place of its table, for messages; `None` is a local environment that the file leaves out.
#[derive(Debug, Clone)]
struct Declared {
    environment: Environment,
    place: Option<std::ops::Range<usize>>,
}

/// One environment: where it is and every knob's value. It is only made from a checked [`Configuration`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Environment {
    /// The first part of every physical name.
    pub project: ProjectName,
    /// The environment's own name, the second part of every physical name.
    pub name: EnvironmentName,
    /// The one AWS account that the environment may touch.
    pub account: AccountId,
    /// The one AWS region that the environment lives in.
    pub region: Region,
    /// The profile of the shared AWS configuration files to take credentials from, where one is named.
    pub profile: Option<String>,
    /// An AWS-compatible endpoint to use instead of AWS: `http[s]://host[:port]`.
    pub endpoint_url: Option<String>,
    /// Whether people depend on it. A production environment keeps its deletion protection.
    pub production: bool,
    /// How long a deploy's lease lives without a heartbeat.
    pub lease: Duration,
    /// The event table.
    pub journal: Journal,
    /// The queue that events arrive in, and its dead-letter queue.
    pub queue: Queue,
    /// The function that moves events from the queue to the journal.
    pub ingest: Ingest,
    /// The network that EventStoreDB and the relay are in.
    pub network: Network,
    /// EventStoreDB.
    pub eventstore: EventStore,
    /// The backups of EventStoreDB's file system.
    pub backup: Backup,
    /// The function that moves events from the journal to EventStoreDB.
    pub relay: Relay,
    /// The gateway, where there is one.
    pub gateway: Option<Gateway>,
    /// Who is told of alarms.
    pub alarms: Alarms,
    /// Where the server answers that is EventStoreDB in a local environment: `host:port`. No file says it: who starts the
    /// server does.
    pub local_eventstore: Option<String>,
    /// The ARN of the managed policy that bounds what its roles may do. No file says it: it is there where the environment
    /// was bootstrapped, and AWS says whether it is.
    pub permissions_boundary: Option<String>,
}

/// Knobs of the event table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Journal {
    /// Partitions of a type, and of a source, in its index. It may grow, never shrink: reads would miss events.
    pub index_shards: NonZeroU16,
    /// How many days back the table can be restored to any second.
    pub point_in_time_recovery_days: u16,
    /// Whether DynamoDB refuses to delete the table.
    pub deletion_protection: bool,
}

/// Knobs of the event queue and its dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Queue {
    /// How long the queue keeps an event that nobody took.
    pub retention_seconds: u32,
    /// How long the dead-letter queue keeps a rejected event; longer than the queue does.
    pub dead_letter_retention_seconds: u32,
    /// Receives of a message before it goes to the dead-letter queue.
    pub max_receive_count: u16,
}

/// Knobs of the ingest function.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ingest {
    /// Memory in MiB; Lambda gives processor time in proportion to it.
    pub memory_mib: u16,
    /// The longest that one invocation may run.
    pub timeout_seconds: u16,
    /// The processor that the function is built for.
    pub architecture: Architecture,
    /// The most messages of one invocation.
    pub batch_size: u16,
    /// How long Lambda gathers messages for a batch.
    pub batching_window_seconds: u16,
    /// The most invocations at once.
    pub maximum_concurrency: u16,
    /// Days that log events are kept; one of the numbers that CloudWatch accepts.
    pub log_retention_days: u16,
    /// The least severe log events that are written.
    pub log_level: LogLevel,
}

/// Knobs of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Network {
    /// The VPC's addresses.
    pub cidr: String,
    /// How many availability zones have subnets.
    pub azs: u16,
    /// How images and AWS's services are reached.
    pub egress: Egress,
}

/// Knobs of EventStoreDB.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventStore {
    /// The line of releases.
    pub release: Release,
    /// The image, where it is not the line's own.
    pub image: Option<String>,
    /// The image of the containers beside the server, where it is not curl's own.
    pub tools_image: Option<String>,
    /// Where its certificate comes from.
    pub tls: TlsMode,
    /// Processor of the task: 1024 units are one.
    pub cpu_units: u16,
    /// Memory of the task, in MiB.
    pub memory_mib: u32,
    /// Who may reach it from outside of the network.
    pub admin_cidrs: Vec<Cidr>,
    /// Throughput of the file system.
    pub throughput: Throughput,
    /// Whether ECS Exec can open a shell in the task.
    pub execute_command: bool,
    /// Days that the log is kept.
    pub log_retention_days: u16,
}

/// Knobs of the backups.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backup {
    /// Who makes them.
    pub mode: BackupMode,
    /// When they are begun, in UTC.
    pub schedule: String,
    /// Within how long one has to begin.
    pub start_window_minutes: u16,
    /// Within how long one has to end.
    pub completion_window_minutes: u16,
    /// How long one is kept.
    pub delete_after_days: u16,
}

/// Knobs of the relay function.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Relay {
    /// Memory in MiB; Lambda gives processor time in proportion to it.
    pub memory_mib: u16,
    /// The longest that one invocation may run.
    pub timeout_seconds: u16,
    /// The most records of one invocation.
    pub batch_size: u16,
    /// How long Lambda gathers records for a batch.
    pub batching_window_seconds: u16,
    /// Days that log events are kept.
    pub log_retention_days: u16,
    /// The least severe log events that are written.
    pub log_level: LogLevel,
}

/// Knobs of the alarms.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Alarms {
    /// Who is told.
    pub emails: Vec<String>,
}

impl Configuration {
    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    /// The file cannot be read, or isn't UTF-8, or holds mistakes (all of them are in the error).
    pub fn load(path: &Path) -> Result<Self, Error> {
        let text = settings_file::text(path)?;
        Self::parse(&text, path)
    }

    /// Checks `text`; `path` names it in messages, and the files that it names are read beside that.
    ///
    /// # Errors
    /// Every mistake in `text`, in the order of its lines. Mistakes of syntax hide all others.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let source = Source { path: path.to_path_buf(), text: text.to_owned() };
        match document::read(text, path.parent().unwrap_or(path)) {
            Ok(environments) => Ok(Self { source, environments }),
            Err(faults) => Err(Error::Invalid(Invalid::new(&source, faults))),
        }
    }

    /// The environment called `name`.
    ///
    /// # Errors
    /// There is none: the error lists those that there are and shows the nearest one's place.
    pub fn environment(&self, name: &str) -> Result<Environment, Error> {
        match self.environments.iter().find(|declared| declared.environment.name.as_str() == name) {
            Some(declared) => Ok(declared.environment.clone()),
            None => Err(Error::Invalid(Invalid::new(&self.source, vec![self.unknown(name)]))),
        }
    }

    /// All environments, sorted by name.
    pub fn environments(&self) -> impl Iterator<Item = &Environment> {
        self.environments.iter().map(|declared| &declared.environment)
    }

    fn unknown(&self, name: &str) -> Fault {
        let names: Vec<&str> = self.environments().map(|environment| environment.name.as_str()).collect();
        let nearest = nearest(name, &names);
        let place = self.environments.iter().find_map(|declared| {
            declared.place.clone().filter(|_| nearest == Some(declared.environment.name.as_str()))
        });
        Fault {
            place,
            message: format!("no environment is called {name:?}"),
            help: Some(match nearest {
                Some(nearest) => format!("did you mean `{nearest}`? There are {}", list(&names, "and")),
                None => format!("there are {}", list(&names, "and")),
            }),
            note: None,
        }
    }
}

impl Environment {
    /// Whether this is the environment on an emulator, which no AWS account may ever stand in for.
    pub fn is_local(&self) -> bool {
        self.name.as_str() == LOCAL
    }

    /// How long a received message stays hidden from other receives: 6 times the function's timeout, plus the
    /// batching window, as AWS advises for queues that trigger a function (Lambda developer guide, "Configuring an
    /// SQS event source"). At the knobs' limits that is 95 minutes, within SQS's 12 hours.
    pub fn visibility_timeout_seconds(&self) -> u32 {
        u32::from(self.ingest.timeout_seconds) * 6 + u32::from(self.ingest.batching_window_seconds)
    }

    /// Where it lives, and how its resources are named and tagged.
    pub fn scope(&self) -> Scope {
        Scope {
            project: self.project.to_string(),
            environment: self.name.to_string(),
            account: self.account.to_string(),
            region: self.region.to_string(),
        }
    }
}
