//! The knobs of the gateway.

use std::borrow::Cow;

use aws_network::Cidr;

use crate::configuration::Upstream;
use crate::configuration::knob::{Flag, Knob, Number, NumberOf, OneOf, Text, Texts};

use super::{ARCHITECTURES, Architecture, LOG_DAYS, eventstore::is_image};

/// The port of health and metrics.
pub(crate) const ADMIN_PORT: u16 = 9090;

/// The cluster that the gateway's tasks run in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GatewayCluster {
    /// EventStoreDB's.
    Shared,
    /// One of its own.
    Own,
}

/// Where the gateway keeps an event that SQS has not taken yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// In memory: what waits is lost with the process.
    Memory,
    /// In files of the task's own storage: what waits outlives the process, not the task.
    Spool,
}

pub(in crate::configuration) static ENABLED: Knob<Flag> = Knob {
    key: "enabled",
    takes: Flag,
    default: false,
    required: false,
    purpose: "Whether there is a gateway: a reverse proxy on Fargate that sends an event of each request to the queue.",
};

pub(in crate::configuration) static GATEWAY_IMAGE: Knob<Text<Option<String>>> = Knob {
    key: "image",
    takes: Text {
        accepts: "an image with a digest or a tag other than `latest`, such as \
                  \"111111111111.dkr.ecr.eu-central-1.amazonaws.com/gateway:1.4.0\"",
        read: |text| is_pinned(text).then(|| Some(text.to_owned())),
        show: super::optional,
    },
    default: None,
    required: false,
    purpose: "Its image, which `cargo xtask image gateway` builds. Required where it is enabled. From a private repository \
              of ECR it is pulled with the permission for that one.",
};

pub(in crate::configuration) static GATEWAY_ARCHITECTURE: Knob<OneOf<Architecture>> = Knob {
    key: "architecture",
    takes: OneOf(ARCHITECTURES),
    default: Architecture::X86_64,
    required: false,
    purpose: "Processor that the image is for.",
};

pub(in crate::configuration) static GATEWAY_CPU_UNITS: Knob<NumberOf> = Knob {
    key: "cpu_units",
    takes: NumberOf { numbers: &[256, 512, 1024, 2048, 4096], unit: "CPU units" },
    default: 256,
    required: false,
    purpose: "Processor of each task: 1024 units are one.",
};

pub(in crate::configuration) static GATEWAY_MEMORY_MIB: Knob<Number<u32>> = Knob {
    key: "memory_mib",
    takes: Number { min: 512, max: 30_720, unit: "MiB" },
    default: 512,
    required: false,
    purpose: "Memory of each task, of the sizes that Fargate has for its processor.",
};

pub(in crate::configuration) static DESIRED_COUNT: Knob<Number<u16>> = Knob {
    key: "desired_count",
    takes: Number { min: 1, max: 100, unit: "tasks" },
    default: 2,
    required: false,
    purpose: "How many tasks run, over the zones. Clients find up to eight by the gateway's name.",
};

pub(in crate::configuration) static CLUSTER: Knob<OneOf<GatewayCluster>> = Knob {
    key: "cluster",
    takes: OneOf(&[("shared", GatewayCluster::Shared), ("own", GatewayCluster::Own)]),
    default: GatewayCluster::Shared,
    required: false,
    purpose: "The cluster that they run in: EventStoreDB's, or one of their own.",
};

pub(in crate::configuration) static PORT: Knob<Number<u16>> = Knob {
    key: "port",
    // Below, only who has a capability listens.
    takes: Number { min: 1024, max: 65_535, unit: "as a port" },
    default: 8080,
    required: false,
    purpose: "Where clients connect, by HTTP/1.1 or HTTP/2 without TLS.",
};

pub(in crate::configuration) static ROUTES_FILE: Knob<Text<Cow<'static, str>>> = Knob {
    key: "routes_file",
    takes: Text {
        accepts: "the path of a TOML file of at most 24 KiB, from the directory of headwater.toml, such as \"gateway.toml\"",
        read: |text| (!text.trim().is_empty()).then(|| Cow::Owned(text.to_owned())),
        show: |path| format!("{path:?}"),
    },
    default: Cow::Borrowed("gateway.toml"),
    required: false,
    purpose: "The gateway's configuration, its routes above all. It becomes a part of the task definition, so a change of it is in \
              the plan; `listen`, `admin` and `durability` are set by the knobs here.",
};

pub(in crate::configuration) static CLIENT_CIDRS: Knob<Texts<Cidr>> = Knob {
    key: "client_cidrs",
    takes: NETWORKS,
    default: Vec::new(),
    required: false,
    purpose: "Who may connect, such as the network's own addresses. A service that opens the port from its own stack needs \
              no entry. Never everybody: 0.0.0.0/0 is refused.",
};

pub(in crate::configuration) static GATEWAY_ADMIN_CIDRS: Knob<Texts<Cidr>> = Knob {
    key: "admin_cidrs",
    takes: NETWORKS,
    default: Vec::new(),
    required: false,
    purpose: "Who may reach port 9090, health and metrics, as to scrape them. ECS's own health check needs no entry.",
};

pub(in crate::configuration) static UPSTREAMS: Knob<Texts<Upstream>> = Knob {
    key: "upstreams",
    takes: Texts {
        accepts: "a list of networks with ports such as [\"10.20.0.0/16:8080\"]",
        read: Upstream::new,
        show: |upstream| format!("\"{upstream}\""),
    },
    default: Vec::new(),
    required: false,
    purpose: "What the routes lead to, as far as it is not port 443, which is always open. What is not named here the task \
              cannot connect to.",
};

pub(in crate::configuration) static DURABILITY: Knob<OneOf<Durability>> = Knob {
    key: "durability",
    takes: OneOf(&[("memory", Durability::Memory), ("spool", Durability::Spool)]),
    default: Durability::Memory,
    required: false,
    purpose: "Where events wait that SQS has not taken: in memory, or in files of the task's own storage, which outlive \
              the process and end with the task.",
};

pub(in crate::configuration) static GATEWAY_LOG_RETENTION_DAYS: Knob<NumberOf> = Knob {
    key: "log_retention_days",
    takes: NumberOf { numbers: LOG_DAYS, unit: "days" },
    default: 30,
    required: false,
    purpose: "How long CloudWatch keeps the gateway's log.",
};

const NETWORKS: Texts<Cidr> = Texts {
    accepts: "a list of networks such as [\"10.20.0.0/16\"]",
    read: |text| text.parse().ok().filter(|cidr: &Cidr| !cidr.is_everything()),
    show: |cidr| format!("\"{cidr}\""),
};

/// A registry's reference that means the same image tomorrow, as far as tags are not moved.
fn is_pinned(text: &str) -> bool {
    let digest = text.split_once("@sha256:").map(|(_, digest)| digest);
    let tag = text.rsplit('/').next().and_then(|name| name.split_once(':')).map(|(_, tag)| tag);
    let is_digest = |text: &str| text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit());
    is_image(text)
        && match digest {
            Some(digest) => is_digest(digest),
            None => tag.is_some_and(|tag| !tag.is_empty() && tag != "latest"),
        }
}
