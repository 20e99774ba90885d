//! The task that EventStoreDB runs in: the server, and the containers that prepare and finish its start.

use std::collections::{BTreeMap, BTreeSet};

use aws_ecs::{
    ContainerCondition, ContainerDefinition, CpuArchitecture, HealthCheck, LinuxParameters, LogConfiguration,
    LogMode, MountPoint, PortMapping, TaskDefinitionSpec, Ulimit, Volume,
};

use super::{Parts, release::Line};
use crate::configuration::{Environment, TlsMode};

/// The port of gRPC, HTTP and the Admin UI.
pub(crate) const PORT: u16 = 2113;
/// The port of the TCP protocol, in the lines that have it.
pub(crate) const TCP_PORT: u16 = 1113;

/// `sh`, `chown` and `curl`, by digest, for the containers beside the server.
const TOOLS: &str = "docker.io/curlimages/curl:8.11.1@sha256:c1fe1679c34d9784c1b0d1e5f62ac0a79fca01fb6377cdd33e90473c6f9f9a69";
/// EventStoreDB's own tool for certificates, as the first source document has it.
const CERTIFICATE_TOOL: &str = "docker.io/eventstore/es-gencert-cli:1.0.2";

/// Where the certificate lies, in a volume of the task's own.
const CERTIFICATES: &str = "/certificates";
/// The directory of the authorities that a node trusts, which is read whole.
const AUTHORITIES: &str = "/certificates/ca";

const CERTIFICATE_CONTAINER: &str = "certificate";
const PASSWORDS_CONTAINER: &str = "passwords";
const SERVER_CONTAINER: &str = "eventstore";

pub(crate) fn spec(environment: &Environment, parts: &Parts) -> TaskDefinitionSpec {
    let line = environment.eventstore.release.line();
    let tls = environment.eventstore.tls;
    let mut containers = BTreeMap::from([(SERVER_CONTAINER.to_owned(), server(environment, parts, &line))]);
    match tls {
        TlsMode::Managed => {
            containers
                .insert(CERTIFICATE_CONTAINER.to_owned(), managed_certificate(environment, parts, &line));
        }
        TlsMode::Ephemeral => {
            containers.insert(CERTIFICATE_CONTAINER.to_owned(), ephemeral_certificate(parts, &line));
        }
        TlsMode::Off => {}
    }
    if tls != TlsMode::Off && !line.first_passwords {
        containers.insert(PASSWORDS_CONTAINER.to_owned(), passwords(environment, parts));
    }
    let efs = |access_point: &aws_efs::AccessPoint| Volume::efs(parts.file_system.id(), access_point.id());
    let mut volumes =
        BTreeMap::from([("data".to_owned(), efs(&parts.data)), ("logs".to_owned(), efs(&parts.logs))]);
    if tls != TlsMode::Off {
        volumes.insert("certificates".to_owned(), Volume::task_local());
    }
    TaskDefinitionSpec {
        cpu_units: environment.eventstore.cpu_units.into(),
        memory_mib: environment.eventstore.memory_mib,
        // EventStoreDB's images for arm64 are experimental.
        cpu_architecture: CpuArchitecture::X86_64,
        execution_role_arn: parts.execution_role.arn(),
        task_role_arn: parts.task_role.arn(),
        volumes,
        container_definitions: containers,
    }
}

fn server(environment: &Environment, parts: &Parts, line: &Line) -> ContainerDefinition {
    let tls = environment.eventstore.tls;
    let image = environment.eventstore.image.clone().unwrap_or_else(|| line.image.to_owned());
    let mut secrets = BTreeMap::new();
    if tls != TlsMode::Off && line.first_passwords {
        let option = |name: &str| format!("{}{name}", line.prefix);
        secrets.insert(option("DEFAULT_ADMIN_PASSWORD"), parts.admin_password.arn());
        secrets.insert(option("DEFAULT_OPS_PASSWORD"), parts.ops_password.arn());
    }
    let mut mounts = BTreeSet::from([mount(line.data, "data", false), mount(line.logs, "logs", false)]);
    let mut depends_on = BTreeMap::new();
    if tls != TlsMode::Off {
        mounts.insert(mount(CERTIFICATES, "certificates", true));
        depends_on.insert(CERTIFICATE_CONTAINER.to_owned(), ContainerCondition::Success);
    }
    let mut ports = BTreeSet::from([PortMapping::tcp(PORT.into())]);
    if line.tcp {
        ports.insert(PortMapping::tcp(TCP_PORT.into()));
    }
    ContainerDefinition {
        // The account's name for whom the image runs as, said here so that nobody builds one that runs as root.
        user: Some(format!("{0}:{0}", line.user)),
        // A second task may start while this one still stops. The lock is on the shared file system, so the second
        // waits for the first's end; the server takes the place of `flock`, so that signals reach it.
        entry_point: ["flock", "--no-fork", "--exclusive", "--wait", "300"].map(str::to_owned).into(),
        command: vec![format!("{}/headwater.lock", line.data), line.server.to_owned()],
        environment: options(environment, parts, line),
        secrets,
        port_mappings: ports,
        mount_points: mounts,
        depends_on,
        health_check: Some(health_check(tls)),
        // The server's runtime unpacks and listens under /tmp, and a volume there would belong to root.
        readonly_root_filesystem: false,
        linux_parameters: LinuxParameters::default().dropping_all_but(&[]),
        log_configuration: Some(log(parts)),
        // Time to finish writes and close the database.
        stop_timeout_seconds: Some(120),
        ulimits: BTreeMap::from([("nofile".to_owned(), Ulimit { soft_limit: 65_536, hard_limit: 65_536 })]),
        ..ContainerDefinition::new(image)
    }
}

/// The server's options: <https://docs.kurrent.io/server/v26.0/configuration/>
fn options(environment: &Environment, parts: &Parts, line: &Line) -> BTreeMap<String, String> {
    let (node, key) = (format!("{CERTIFICATES}/node.crt"), format!("{CERTIFICATES}/node.key"));
    let port = PORT.to_string();
    let tcp_port = TCP_PORT.to_string();
    let mut options = vec![
        ("CLUSTER_SIZE", "1"),
        (line.port_option, &port),
        (line.advertise_option, &parts.host_name),
        ("RUN_PROJECTIONS", "All"),
        ("START_STANDARD_PROJECTIONS", "true"),
        // The Admin UI's stream browser asks over it.
        ("ENABLE_ATOM_PUB_OVER_HTTP", "true"),
        ("LOG_CONSOLE_FORMAT", "Json"),
    ];
    if line.tcp {
        options.extend([("ENABLE_EXTERNAL_TCP", "true"), ("EXT_TCP_PORT", &tcp_port)]);
    }
    match environment.eventstore.tls {
        TlsMode::Off => options.push(("INSECURE", "true")),
        TlsMode::Managed | TlsMode::Ephemeral => options.extend([
            ("CERTIFICATE_FILE", node.as_str()),
            ("CERTIFICATE_PRIVATE_KEY_FILE", &key),
            ("TRUSTED_ROOT_CERTIFICATES_PATH", AUTHORITIES),
        ]),
    }
    options.into_iter().map(|(name, value)| (format!("{}{name}", line.prefix), value.to_owned())).collect()
}

/// Whether the server is ready to be read and written. The images have `curl`, for their own health check.
fn health_check(tls: TlsMode) -> HealthCheck {
    let address = match tls {
        TlsMode::Off => format!("http://localhost:{PORT}"),
        TlsMode::Managed | TlsMode::Ephemeral => {
            format!("--cacert {AUTHORITIES}/ca.crt https://localhost:{PORT}")
        }
    };
    HealthCheck {
        command: vec![
            "CMD-SHELL".to_owned(),
            format!("curl --silent --fail --max-time 4 {address}/health/live || exit 1"),
        ],
        interval_seconds: 10,
        timeout_seconds: 5,
        retries: 6,
        // The longest that ECS has. A database that takes longer to open needs the image's own patience.
        start_period_seconds: 300,
    }
}

/// Writes the certificate from Secrets Manager into the task's volume, for the server's user alone.
///
/// It runs as root, since a volume of the task's own belongs to root, and keeps no capability but that of giving files
/// away. So a file is closed before it is given away, and no directory is.
fn managed_certificate(environment: &Environment, parts: &Parts, line: &Line) -> ContainerDefinition {
    let script = format!(
        "set -eu\n\
         mkdir -p {AUTHORITIES}\n\
         give() {{ printf '%s\\n' \"$3\" > \"$2\"; chmod \"$1\" \"$2\"; chown {user}:{user} \"$2\"; }}\n\
         give 0444 {AUTHORITIES}/ca.crt \"$CA_CERTIFICATE\"\n\
         give 0444 {CERTIFICATES}/node.crt \"$CERTIFICATE\"\n\
         give 0400 {CERTIFICATES}/node.key \"$PRIVATE_KEY\"\n",
        user = line.user,
    );
    let part = |member: &str| parts.certificate.field(member);
    ContainerDefinition {
        secrets: BTreeMap::from([
            ("CA_CERTIFICATE".to_owned(), part("caCertificate")),
            ("CERTIFICATE".to_owned(), part("certificate")),
            ("PRIVATE_KEY".to_owned(), part("privateKey")),
        ]),
        ..certificate_container(parts, tools(environment), "sh", script)
    }
}

/// Makes a certificate for this task alone.
fn ephemeral_certificate(parts: &Parts, line: &Line) -> ContainerDefinition {
    let script = format!(
        "set -eu\n\
         cd {CERTIFICATES}\n\
         es-gencert-cli create-ca -out /tmp/ca\n\
         es-gencert-cli create-node -ca-certificate /tmp/ca/ca.crt -ca-key /tmp/ca/ca.key -out /tmp/node \
         -ip-addresses 127.0.0.1 -dns-names localhost,{host}\n\
         mkdir -p {AUTHORITIES}\n\
         give() {{ cat \"$3\" > \"$2\"; chmod \"$1\" \"$2\"; chown {user}:{user} \"$2\"; }}\n\
         give 0444 {AUTHORITIES}/ca.crt /tmp/ca/ca.crt\n\
         give 0444 {CERTIFICATES}/node.crt /tmp/node/node.crt\n\
         give 0400 {CERTIFICATES}/node.key /tmp/node/node.key\n",
        host = parts.host_name,
        user = line.user,
    );
    // The tool writes to its own /tmp first: its keys end with the container.
    ContainerDefinition {
        readonly_root_filesystem: false,
        ..certificate_container(parts, CERTIFICATE_TOOL, "bash", script)
    }
}

fn certificate_container(parts: &Parts, image: &str, shell: &str, script: String) -> ContainerDefinition {
    ContainerDefinition {
        essential: false,
        user: Some("0:0".to_owned()),
        entry_point: vec![shell.to_owned(), "-c".to_owned()],
        command: vec![script],
        mount_points: BTreeSet::from([mount(CERTIFICATES, "certificates", false)]),
        readonly_root_filesystem: true,
        linux_parameters: LinuxParameters::default().dropping_all_but(&["CHOWN"]),
        log_configuration: Some(log(parts)),
        ..ContainerDefinition::new(image)
    }
}

/// Replaces the passwords that a line begins with by those of Secrets Manager, and stays to say that they hold: the
/// task is healthy when they do.
fn passwords(environment: &Environment, parts: &Parts) -> ContainerDefinition {
    // Passwords go to curl by its standard input: arguments can be seen in the list of processes.
    let script = format!(
        "set -u\n\
         users=https://localhost:{PORT}/users\n\
         request() {{ curl --silent --fail --max-time 5 --output /dev/null --cacert {AUTHORITIES}/ca.crt --config - \"$@\"; }}\n\
         holds() {{ printf 'user = \"%s:%s\"\\n' \"$1\" \"$2\" | request \"$users/\\$current\"; }}\n\
         reset() {{ printf 'user = \"admin:%s\"\\nheader = \"Content-Type: application/json\"\\ndata = \
         \"{{\\\\\"newPassword\\\\\":\\\\\"%s\\\\\"}}\"\\n' \"$2\" \"$3\" | request \
         \"$users/$1/command/reset-password\"; }}\n\
         until holds ops \"$OPS_PASSWORD\" && holds admin \"$ADMIN_PASSWORD\"; do\n\
         holds ops \"$OPS_PASSWORD\" || reset ops changeit \"$OPS_PASSWORD\" || reset ops \"$ADMIN_PASSWORD\" \
         \"$OPS_PASSWORD\"\n\
         holds admin \"$ADMIN_PASSWORD\" || reset admin changeit \"$ADMIN_PASSWORD\"\n\
         sleep 2\n\
         done\n\
         exec tail -f /dev/null\n"
    );
    let check = format!(
        "printf 'user = \"admin:%s\"\\n' \"$ADMIN_PASSWORD\" | curl --silent --fail --max-time 4 --output /dev/null \
         --cacert {AUTHORITIES}/ca.crt --config - 'https://localhost:{PORT}/users/$current' || exit 1"
    );
    ContainerDefinition {
        // The image's own user.
        user: Some("100:101".to_owned()),
        entry_point: vec!["sh".to_owned(), "-c".to_owned()],
        command: vec![script],
        secrets: BTreeMap::from([
            ("ADMIN_PASSWORD".to_owned(), parts.admin_password.arn()),
            ("OPS_PASSWORD".to_owned(), parts.ops_password.arn()),
        ]),
        mount_points: BTreeSet::from([mount(CERTIFICATES, "certificates", true)]),
        depends_on: BTreeMap::from([(SERVER_CONTAINER.to_owned(), ContainerCondition::Healthy)]),
        health_check: Some(HealthCheck {
            command: vec!["CMD-SHELL".to_owned(), check],
            interval_seconds: 10,
            timeout_seconds: 5,
            retries: 6,
            start_period_seconds: 60,
        }),
        readonly_root_filesystem: true,
        linux_parameters: LinuxParameters::default().dropping_all_but(&[]),
        log_configuration: Some(log(parts)),
        ..ContainerDefinition::new(tools(environment))
    }
}

/// The image of the containers beside the server.
fn tools(environment: &Environment) -> &str {
    environment.eventstore.tools_image.as_deref().unwrap_or(TOOLS)
}

fn mount(path: &str, volume: &str, read_only: bool) -> MountPoint {
    MountPoint { container_path: path.to_owned(), source_volume: volume.to_owned(), read_only }
}

fn log(parts: &Parts) -> LogConfiguration {
    LogConfiguration::awslogs(parts.log_group.name(), &parts.region, "eventstore", LogMode::NonBlocking)
}
