//! What we set of a function.

use std::collections::{BTreeMap, BTreeSet};

use resource::Spec;
use serde::{Deserialize, Serialize};

/// The fields of a Lambda function that we set. All of them change in place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FunctionSpec {
    /// What the function is for; at most 256 characters.
    pub description: String,
    /// The ARN of the role that it runs as.
    pub role_arn: String,
    /// The runtime: `provided.al2023`.
    pub runtime: String,
    /// What the runtime starts: `bootstrap`.
    pub handler: String,
    /// The processor that the package is built for.
    pub architecture: Architecture,
    /// The SHA-256 of the package's zip in base64, as Lambda's `CodeSha256`.
    pub code_sha256: String,
    /// Memory: 128 to 10,240 MiB. The share of the processor grows with it.
    #[serde(rename = "memorySizeMiB")]
    pub memory_size_mib: i32,
    /// The longest that an invocation may take: 1 to 900 s.
    pub timeout_seconds: i32,
    /// The room in `/tmp`: 512 to 10,240 MiB.
    #[serde(rename = "ephemeralStorageSizeMiB")]
    pub ephemeral_storage_size_mib: i32,
    /// The environment's variables; at most 4 KB.
    pub environment: BTreeMap<String, String>,
    /// Where and how it logs.
    pub logging_config: LoggingConfig,
    /// Whether X-Ray traces it.
    pub tracing_mode: TracingMode,
    /// How many run at once at most, taken from the account's share; `None` is what the account has left.
    pub reserved_concurrent_executions: Option<i32>,
    /// The network that it reaches; `None` is the internet and AWS's own endpoints. Its role then needs
    /// [`grant_vpc_access`](crate::grant_vpc_access).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc_config: Option<VpcConfig>,
}

impl Spec for FunctionSpec {}

/// Where in a network a function's interfaces stand. From there it reaches the internet through a NAT gateway only, and
/// an AWS service through that or an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VpcConfig {
    /// The ids of the subnets that get an interface each; at least one.
    pub subnet_ids: BTreeSet<String>,
    /// The ids of the security groups that the interfaces belong to; one to five.
    pub security_group_ids: BTreeSet<String>,
}

/// The processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Architecture {
    /// Graviton.
    #[serde(rename = "arm64")]
    Arm64,
    /// Intel and AMD.
    #[serde(rename = "x86_64")]
    X86_64,
}

/// Where and how a function logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoggingConfig {
    /// The log group's name. It is there before the function, since Lambda's own would keep events for ever.
    pub log_group: String,
    /// The form of what Lambda itself logs.
    pub log_format: LogFormat,
    /// The least level of the function's lines that are kept; only with [`LogFormat::Json`].
    pub application_log_level: Option<ApplicationLogLevel>,
    /// The least level of Lambda's own lines that are kept; only with [`LogFormat::Json`].
    pub system_log_level: Option<SystemLogLevel>,
}

/// The form of what Lambda itself logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogFormat {
    /// One JSON object a line.
    #[serde(rename = "JSON")]
    Json,
    /// Plain text.
    Text,
}

/// The least level of a function's lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the levels' names are all that there is to say")]
pub enum ApplicationLogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

/// The least level of Lambda's own lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the levels' names are all that there is to say")]
pub enum SystemLogLevel {
    Debug,
    Info,
    Warn,
}

/// Whether X-Ray traces a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TracingMode {
    /// It samples.
    Active,
    /// It follows whoever calls.
    PassThrough,
}
