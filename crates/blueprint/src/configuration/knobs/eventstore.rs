//! The knobs of network, EventStoreDB, its backups, the relay and the alarms.

use std::borrow::Cow;
use std::net::IpAddr;

use aws_network::Cidr;

use crate::configuration::knob::{Flag, Knob, Number, NumberOf, OneOf, Text, Texts};
use crate::eventstore::Release;

use super::{LOG_DAYS, LOG_LEVELS, LogLevel};

/// How what runs in the network reaches the internet: for images and AWS's services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Egress {
    /// The task has a public address and nothing may come in on it. Functions reach AWS by interface endpoints.
    PublicIp,
    /// Tasks and functions are private, and a NAT gateway leads out.
    Nat,
}

/// Where the certificate of EventStoreDB's node comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// Made by a deploy, kept in Secrets Manager and renewed in time. Clients trust exactly its authority.
    Managed,
    /// Made anew by each task, as the first source document has it. Nobody can verify it: traffic is encrypted, the
    /// server not authenticated.
    Ephemeral,
    /// Neither encryption nor authentication.
    Off,
}

/// How fast the file system may be read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throughput {
    /// As fast as is needed, paid by what is moved.
    Elastic,
    /// In proportion to the size, with credits for bursts.
    Bursting,
}

/// Who backs the file system up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupMode {
    /// A vault, plan and selection of ours.
    Vault,
    /// EFS's own automatic backups, whose vault can never be removed.
    Automatic,
}

pub(in crate::configuration) static CIDR: Knob<Text<Cow<'static, str>>> = Knob {
    key: "cidr",
    takes: Text {
        accepts: "a private network of /16 to /22 such as \"10.20.0.0/16\"",
        read: |text| is_network(text).then(|| Cow::Owned(text.to_owned())),
        show: |cidr| format!("{cidr:?}"),
    },
    default: Cow::Borrowed("10.20.0.0/16"),
    required: false,
    purpose: "Addresses of the VPC. They cannot be changed once it is there.",
};

pub(in crate::configuration) static AZS: Knob<Number<u16>> = Knob {
    key: "azs",
    takes: Number { min: 1, max: 4, unit: "availability zones" },
    default: 2,
    required: false,
    purpose: "How many zones have subnets. EventStoreDB is one task in one of them; another zone is where it goes when \
              one fails.",
};

pub(in crate::configuration) static EGRESS: Knob<OneOf<Egress>> = Knob {
    key: "egress",
    takes: OneOf(&[("public-ip", Egress::PublicIp), ("nat", Egress::Nat)]),
    default: Egress::PublicIp,
    required: false,
    purpose: "How the network reaches images and AWS's services: a public address for the task and interface endpoints \
              for the relay, or a NAT gateway for both.",
};

pub(in crate::configuration) static RELEASE: Knob<OneOf<Release>> = Knob {
    key: "release",
    takes: OneOf(Release::BY_NAME),
    default: Release::Lts26_0,
    required: false,
    purpose: "The line of EventStoreDB, which is named KurrentDB from 25.0 on: image, names of options, paths. A newer \
              line reads an older one's data, never the other way round.",
};

pub(in crate::configuration) static IMAGE: Knob<Text<Option<String>>> = Knob {
    key: "image",
    takes: Text {
        accepts: "an image of that line, such as \"registry.example.com/kurrentdb:26.0.3\"",
        read: |text| is_image(text).then(|| Some(text.to_owned())),
        show: super::optional,
    },
    default: None,
    required: false,
    purpose: "Another image, as from a private registry or pinned by digest; without one it is the line's own.",
};

pub(in crate::configuration) static TOOLS_IMAGE: Knob<Text<Option<String>>> = Knob {
    key: "tools_image",
    takes: Text {
        accepts: "an image with `sh`, `chown` and `curl`, such as \"registry.example.com/curl:8.11.1\"",
        read: |text| is_image(text).then(|| Some(text.to_owned())),
        show: super::optional,
    },
    default: None,
    required: false,
    purpose: "Another image for the containers beside the server, which write its certificate and set its passwords, as \
              from a private registry; without one it is curl's own, pinned by digest.",
};

pub(in crate::configuration) static TLS: Knob<OneOf<TlsMode>> = Knob {
    key: "tls",
    takes: OneOf(&[("managed", TlsMode::Managed), ("ephemeral", TlsMode::Ephemeral), ("off", TlsMode::Off)]),
    default: TlsMode::Managed,
    required: false,
    purpose: "Where the certificate comes from: made and renewed by deploys, made by each task, or none. `off` turns \
              off passwords as well, and production refuses it.",
};

pub(in crate::configuration) static CPU_UNITS: Knob<NumberOf> = Knob {
    key: "cpu_units",
    takes: NumberOf { numbers: &[512, 1024, 2048, 4096, 8192, 16384], unit: "CPU units" },
    default: 1024,
    required: false,
    purpose: "Processor of the task: 1024 units are one.",
};

pub(in crate::configuration) static TASK_MEMORY_MIB: Knob<Number<u32>> = Knob {
    key: "memory_mib",
    takes: Number { min: 2048, max: 122_880, unit: "MiB" },
    default: 4096,
    required: false,
    purpose: "Memory of the task, in whole GiB that Fargate has for its processor. EventStoreDB takes about 600 MB \
              idle, and 512 MiB for its cache.",
};

pub(in crate::configuration) static ADMIN_CIDRS: Knob<Texts<Cidr>> = Knob {
    key: "admin_cidrs",
    takes: Texts {
        accepts: "a list of networks such as [\"203.0.113.7/32\"]",
        read: |text| text.parse().ok().filter(|cidr: &Cidr| !cidr.is_everything()),
        show: |cidr| format!("\"{cidr}\""),
    },
    default: Vec::new(),
    required: false,
    purpose: "Who may reach port 2113 from outside of the network, as for the Admin UI. Never everybody: 0.0.0.0/0 is \
              refused.",
};

pub(in crate::configuration) static THROUGHPUT: Knob<OneOf<Throughput>> = Knob {
    key: "throughput",
    takes: OneOf(&[("elastic", Throughput::Elastic), ("bursting", Throughput::Bursting)]),
    default: Throughput::Elastic,
    required: false,
    purpose: "Throughput of the file system. `bursting` costs nothing besides the storage and starves a small database \
              under load.",
};

pub(in crate::configuration) static EXECUTE_COMMAND: Knob<Flag> = Knob {
    key: "execute_command",
    takes: Flag,
    default: false,
    required: false,
    purpose: "Whether ECS Exec can open a shell in the task. Production refuses it.",
};

pub(in crate::configuration) static MODE: Knob<OneOf<BackupMode>> = Knob {
    key: "mode",
    takes: OneOf(&[("vault", BackupMode::Vault), ("automatic", BackupMode::Automatic)]),
    default: BackupMode::Vault,
    required: false,
    purpose: "A vault and schedule of ours, or EFS's automatic backups, whose vault can never be removed again.",
};

pub(in crate::configuration) static SCHEDULE: Knob<Text<Cow<'static, str>>> = Knob {
    key: "schedule",
    takes: Text {
        accepts: "a schedule in UTC such as \"cron(0 2 * * ? *)\"",
        read: |text| is_schedule(text).then(|| Cow::Owned(text.to_owned())),
        show: |text| format!("{text:?}"),
    },
    default: Cow::Borrowed("cron(0 2 * * ? *)"),
    required: false,
    purpose: "When a backup is begun. The default is 02:00 UTC every day.",
};

pub(in crate::configuration) static START_WINDOW_MINUTES: Knob<Number<u16>> = Knob {
    key: "start_window_minutes",
    takes: Number { min: 60, max: 1440, unit: "minutes" },
    default: 60,
    required: false,
    purpose: "Within how long it has to begin, or is given up.",
};

pub(in crate::configuration) static COMPLETION_WINDOW_MINUTES: Knob<Number<u16>> = Knob {
    key: "completion_window_minutes",
    takes: Number { min: 120, max: 10_080, unit: "minutes" },
    default: 120,
    required: false,
    purpose: "Within how long it has to end, or is given up. At least an hour more than the start window.",
};

pub(in crate::configuration) static DELETE_AFTER_DAYS: Knob<Number<u16>> = Knob {
    key: "delete_after_days",
    takes: Number { min: 1, max: 3650, unit: "days" },
    default: 35,
    required: false,
    purpose: "How long a backup is kept.",
};

pub(in crate::configuration) static RELAY_MEMORY_MIB: Knob<Number<u16>> = Knob {
    key: "memory_mib",
    takes: Number { min: 128, max: 10_240, unit: "MiB" },
    default: 256,
    required: false,
    purpose: "Memory of the function. Processor time comes in proportion: 1,769 MiB is one processor.",
};

pub(in crate::configuration) static RELAY_TIMEOUT_SECONDS: Knob<Number<u16>> = Knob {
    key: "timeout_seconds",
    takes: Number { min: 10, max: 900, unit: "seconds" },
    default: 60,
    required: false,
    purpose: "The longest one invocation may run. What it did not relay by then comes again.",
};

pub(in crate::configuration) static RELAY_BATCH_SIZE: Knob<Number<u16>> = Knob {
    key: "batch_size",
    takes: Number { min: 1, max: 10_000, unit: "records" },
    default: 100,
    required: false,
    purpose: "The most records of one invocation.",
};

pub(in crate::configuration) static RELAY_BATCHING_WINDOW_SECONDS: Knob<Number<u16>> = Knob {
    key: "batching_window_seconds",
    takes: Number { min: 0, max: 300, unit: "seconds" },
    default: 0,
    required: false,
    purpose: "How long Lambda gathers records for a batch: fewer invocations, each event that much later.",
};

pub(in crate::configuration) static EMAILS: Knob<Texts<String>> = Knob {
    key: "emails",
    takes: Texts {
        accepts: "a list of addresses such as [\"ops@example.com\"]",
        read: |text| is_email(text).then(|| text.to_owned()),
        show: |text| format!("{text:?}"),
    },
    default: Vec::new(),
    required: false,
    purpose: "Who is told of alarms. AWS asks each address for its consent by e-mail.",
};

pub(in crate::configuration) static EVENTSTORE_LOG_RETENTION_DAYS: Knob<NumberOf> = Knob {
    key: "log_retention_days",
    takes: NumberOf { numbers: LOG_DAYS, unit: "days" },
    default: 30,
    required: false,
    purpose: "How long CloudWatch keeps the server's log.",
};

pub(in crate::configuration) static RELAY_LOG_LEVEL: Knob<OneOf<LogLevel>> = Knob {
    key: "log_level",
    takes: OneOf(LOG_LEVELS),
    default: LogLevel::Info,
    required: false,
    purpose: "The least severe log events that the function writes.",
};

/// Private addresses, enough for the subnets of every zone.
fn is_network(text: &str) -> bool {
    text.parse().is_ok_and(|cidr: Cidr| {
        let private = matches!(cidr.address(), IpAddr::V4(address) if address.is_private());
        private && (16..=22).contains(&cidr.prefix_length())
    })
}

/// A registry's reference: no white space, and a name.
pub(super) fn is_image(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 255
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-/:@".contains(c))
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

fn is_schedule(text: &str) -> bool {
    let inside = |kind: &str| text.strip_prefix(kind).and_then(|rest| rest.strip_suffix(')'));
    inside("cron(").is_some_and(|fields| fields.split_whitespace().count() == 6)
        || inside("rate(").is_some_and(|fields| fields.split_whitespace().count() == 2)
}

fn is_email(text: &str) -> bool {
    let Some((user, host)) = text.split_once('@') else { return false };
    !user.is_empty() && host.contains('.') && !text.contains(char::is_whitespace) && !host.contains('@')
}
