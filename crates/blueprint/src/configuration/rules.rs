//! Rules between knobs: what each may be alone but not together.

use std::net::IpAddr;

use super::{Environment, GATEWAY_ADMIN_PORT, Gateway, TlsMode};

/// A rule that an environment breaks. The keys are to blame, the first of them that the file has most of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) keys: &'static [&'static str],
    pub(super) message: String,
    pub(super) help: String,
}

/// All rules that `environment` breaks.
pub(super) fn broken(environment: &Environment) -> Vec<Broken> {
    let Environment { queue, ingest, .. } = environment;
    [
        (ingest.batch_size > 10 && ingest.batching_window_seconds == 0).then(|| Broken {
            keys: &["ingest.batching_window_seconds", "ingest.batch_size"],
            message: format!("a `batch_size` of {} needs a batching window", ingest.batch_size),
            help: "Lambda wants `batching_window_seconds` of at least 1 for a `batch_size` above 10"
                .to_owned(),
        }),
        (queue.dead_letter_retention_seconds <= queue.retention_seconds).then(|| Broken {
            keys: &["queue.dead_letter_retention_seconds", "queue.retention_seconds"],
            message: "the dead-letter queue must keep messages longer than the queue does".to_owned(),
            help: format!(
                "a message that SQS moves there keeps its age and could be gone at once: make \
                 `retention_seconds` less than {}, or `dead_letter_retention_seconds` more than {}",
                queue.dead_letter_retention_seconds, queue.retention_seconds
            ),
        }),
        retention_ends_before_the_last_receive(environment),
        task_size(
            &["eventstore.memory_mib", "eventstore.cpu_units"],
            environment.eventstore.cpu_units,
            environment.eventstore.memory_mib,
            2048,
        ),
        (environment.backup.completion_window_minutes < environment.backup.start_window_minutes + 60).then(
            || Broken {
                keys: &["backup.completion_window_minutes", "backup.start_window_minutes"],
                message: "a backup's completion window must be at least an hour longer than its start window"
                    .to_owned(),
                help: format!(
                    "set `completion_window_minutes` to {} or more",
                    environment.backup.start_window_minutes + 60
                ),
            },
        ),
    ]
    .into_iter()
    .flatten()
    .chain(production(environment))
    .chain(environment.gateway.iter().flat_map(|gateway| of_gateway(environment, gateway)))
    .chain(environment.is_local().then(|| local(environment)).into_iter().flatten())
    .collect()
}

/// What people depend on is protected, encrypted and closed.
fn production(environment: &Environment) -> impl Iterator<Item = Broken> {
    let Environment { journal, eventstore, .. } = environment;
    let broken = [
        (!journal.deletion_protection).then(|| Broken {
            keys: &["journal.deletion_protection"],
            message: "a production environment keeps its deletion protection".to_owned(),
            help: "leave `deletion_protection` out, or set `production = false`".to_owned(),
        }),
        (eventstore.tls == TlsMode::Off).then(|| Broken {
            keys: &["eventstore.tls"],
            message: "a production environment's EventStoreDB has TLS and passwords".to_owned(),
            help: "leave `tls` out, or set `production = false`".to_owned(),
        }),
        eventstore.execute_command.then(shell_in_production),
    ];
    broken.into_iter().flatten().filter(|_| environment.production)
}

fn of_gateway(environment: &Environment, gateway: &Gateway) -> impl Iterator<Item = Broken> {
    let repository = gateway.ecr_repository();
    let elsewhere = repository.filter(|repository| repository.region != environment.region.as_str());
    [
        task_size(&["gateway.memory_mib", "gateway.cpu_units"], gateway.cpu_units, gateway.memory_mib, 512),
        (gateway.port == GATEWAY_ADMIN_PORT).then(|| Broken {
            keys: &["gateway.port"],
            message: format!("the gateway's port {GATEWAY_ADMIN_PORT} is that of its health and metrics"),
            help: "choose another `port`".to_owned(),
        }),
        elsewhere.map(|repository| Broken {
            keys: &["gateway.image"],
            message: format!("the gateway's image is in {}, another region", repository.region),
            help: format!(
                "each task would pull it from there; replicate it to {}, and name it there",
                environment.region
            ),
        }),
        (environment.production && gateway.execute_command)
            .then(|| Broken { keys: &["gateway.execute_command"], ..shell_in_production() }),
    ]
    .into_iter()
    .flatten()
}

fn shell_in_production() -> Broken {
    Broken {
        keys: &["eventstore.execute_command"],
        message: "nobody opens a shell in a production environment's task".to_owned(),
        help: "leave `execute_command` out, or set `production = false`".to_owned(),
    }
}

/// Fargate has only some sizes of memory for each size of processor; `floor` is the least that the task needs, in MiB:
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size>
fn task_size(keys: &'static [&'static str], cpu_units: u16, memory_mib: u32, floor: u32) -> Option<Broken> {
    if cpu_units == 256 {
        return (![512, 1024, 2048].contains(&memory_mib)).then(|| Broken {
            keys,
            message: no_task(cpu_units, memory_mib),
            help: "with 256 CPU units `memory_mib` is 512, 1024 or 2048".to_owned(),
        });
    }
    let (least, most, step) = match cpu_units {
        512 => (1, 4, 1),
        1024 => (2, 8, 1),
        2048 => (4, 16, 1),
        4096 => (8, 30, 1),
        8192 => (16, 60, 4),
        _ => (32, 120, 8),
    };
    let fits = memory_mib.is_multiple_of(1024)
        && (least..=most).contains(&(memory_mib / 1024))
        && (memory_mib / 1024 - least).is_multiple_of(step);
    (!fits).then(|| Broken {
        keys,
        message: no_task(cpu_units, memory_mib),
        help: format!(
            "with {cpu_units} CPU units `memory_mib` is {} to {} in steps of {}",
            floor.max(least * 1024),
            most * 1024,
            step * 1024
        ),
    })
}

fn no_task(cpu_units: u16, memory_mib: u32) -> String {
    format!("Fargate has no task of {cpu_units} CPU units with {memory_mib} MiB")
}

/// A message must live until its last receive, else SQS deletes it and its event with it.
fn retention_ends_before_the_last_receive(environment: &Environment) -> Option<Broken> {
    let Environment { queue, .. } = environment;
    let visibility = environment.visibility_timeout_seconds();
    let needed = visibility * u32::from(queue.max_receive_count);
    (queue.retention_seconds < needed).then(|| Broken {
        keys: &["queue.retention_seconds", "queue.max_receive_count", "ingest.timeout_seconds"],
        message: "the queue would delete a failing event before its last receive".to_owned(),
        help: format!(
            "{} receives, each hidden for {} s (6 × `timeout_seconds` + `batching_window_seconds`), take {} s, and \
             `retention_seconds` is {}: raise it, or lower the others",
            queue.max_receive_count,
            visibility,
            needed,
            queue.retention_seconds
        ),
    })
}

/// A local environment can never reach an account: dummy credentials, an endpoint on this machine.
fn local(environment: &Environment) -> Vec<Broken> {
    let elsewhere = environment.endpoint_url.as_deref().is_some_and(|url| !is_loopback(url));
    [
        elsewhere.then(|| Broken {
            keys: &["endpoint_url"],
            message: "the local environment's endpoint is not on this machine".to_owned(),
            help: "use 127.0.0.1, [::1] or localhost, or leave `endpoint_url` out".to_owned(),
        }),
        environment.profile.is_some().then(|| Broken {
            keys: &["profile"],
            message: "the local environment takes no profile".to_owned(),
            help: "it uses dummy credentials, so that it cannot reach an account: leave `profile` out"
                .to_owned(),
        }),
        environment.production.then(|| Broken {
            keys: &["production"],
            message: "the local environment is never production".to_owned(),
            help: "leave `production` out".to_owned(),
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn is_loopback(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    uri.host().is_some_and(|host| {
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    })
}
