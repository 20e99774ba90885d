//! From TOML to environments: walks the document's tables and gathers every fault with its place.

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use settings_file::{Fault, Section, as_table, blamed};
use toml::Spanned;
use toml::de::DeTable;

use super::name::{EnvironmentName, ProjectName};
use super::{
    Alarms, Backup, Declared, Environment, EventStore, Gateway, Ingest, Journal, LOCAL, Network, Queue,
    Relay, gateway, knobs, rules,
};

/// The environments of a document, sorted by name, the local one among them. Files that it names are read in `directory`.
pub(super) fn read(text: &str, directory: &Path) -> Result<Vec<Declared>, Vec<Fault>> {
    let document = settings_file::document(text)?;
    let mut faults = Vec::new();
    let mut top = Section::new(knobs::SECTIONS, String::new(), Some(document.get_ref()), 0..0, &mut faults);
    let project = top.get(&knobs::PROJECT);
    let (tables, _) = top.table("environments");
    top.finish();

    let mut environments = Vec::new();
    for (name, table) in tables.into_iter().flatten() {
        let place = name.span();
        let Some(environment_name) = EnvironmentName::new(name.get_ref()) else {
            faults.push(bad_environment_name(name));
            continue;
        };
        let Some(table) = as_table(&format!("environments.{name}"), table, &mut faults) else { continue };
        let environment = environment(
            project.clone(),
            environment_name,
            Some(table),
            place.clone(),
            directory,
            &mut faults,
        );
        environments.push(Declared { environment, place: Some(place) });
    }
    if !environments.iter().any(|declared| declared.environment.is_local()) {
        let environment = environment(project, EnvironmentName::DEFAULT, None, 0..0, directory, &mut faults);
        environments.push(Declared { environment, place: None });
    }
    environments.sort_by(|a, b| a.environment.name.cmp(&b.environment.name));
    if faults.is_empty() { Ok(environments) } else { Err(faults) }
}

fn environment(
    project: ProjectName,
    name: EnvironmentName,
    table: Option<&DeTable<'_>>,
    place: Range<usize>,
    directory: &Path,
    faults: &mut Vec<Fault>,
) -> Environment {
    let known = faults.len();
    let path = format!("environments.{name}");
    let local = name.as_str() == LOCAL;
    let mut section = Section::new(knobs::SECTIONS, path, table, place.clone(), faults);
    let (account, region) = if local {
        (section.get(&knobs::ACCOUNT), section.get(&knobs::REGION_NAME))
    } else {
        (section.require(&knobs::ACCOUNT), section.require(&knobs::REGION_NAME))
    };
    let environment = Environment {
        project,
        name,
        account,
        region,
        profile: section.get(&knobs::PROFILE),
        endpoint_url: section.get(&knobs::ENDPOINT_URL),
        production: section.get(&knobs::PRODUCTION),
        lease: Duration::from_secs(section.get(&knobs::LEASE_SECONDS).into()),
        journal: section.within("journal", journal),
        queue: section.within("queue", queue),
        ingest: section.within("ingest", ingest),
        network: section.within("network", network),
        eventstore: section.within("eventstore", eventstore),
        backup: section.within("backup", backup),
        relay: section.within("relay", relay),
        gateway: section.within("gateway", |section| gateway(section, directory)),
        alarms: section.within("alarms", |section| Alarms { emails: section.get(&knobs::EMAILS) }),
        local_eventstore: None,
        permissions_boundary: None,
    };
    section.finish();
    // Rules between values mean nothing while a value itself is wrong.
    if faults.len() == known {
        let broken = rules::broken(&environment).into_iter();
        faults.extend(broken.map(|broken| Fault {
            place: Some(blamed(table, broken.keys).unwrap_or_else(|| place.clone())),
            message: broken.message,
            help: Some(broken.help),
            note: None,
        }));
    }
    environment
}

fn journal(section: &mut Section<'_, '_>) -> Journal {
    Journal {
        index_shards: section.get(&knobs::INDEX_SHARDS),
        point_in_time_recovery_days: section.get(&knobs::POINT_IN_TIME_RECOVERY_DAYS),
        deletion_protection: section.get(&knobs::DELETION_PROTECTION),
    }
}

fn queue(section: &mut Section<'_, '_>) -> Queue {
    Queue {
        retention_seconds: section.get(&knobs::RETENTION_SECONDS),
        dead_letter_retention_seconds: section.get(&knobs::DEAD_LETTER_RETENTION_SECONDS),
        max_receive_count: section.get(&knobs::MAX_RECEIVE_COUNT),
    }
}

fn ingest(section: &mut Section<'_, '_>) -> Ingest {
    Ingest {
        memory_mib: section.get(&knobs::MEMORY_MIB),
        timeout_seconds: section.get(&knobs::TIMEOUT_SECONDS),
        architecture: section.get(&knobs::ARCHITECTURE),
        batch_size: section.get(&knobs::BATCH_SIZE),
        batching_window_seconds: section.get(&knobs::BATCHING_WINDOW_SECONDS),
        maximum_concurrency: section.get(&knobs::MAXIMUM_CONCURRENCY),
        log_retention_days: section.get(&knobs::LOG_RETENTION_DAYS),
        log_level: section.get(&knobs::LOG_LEVEL),
    }
}

fn network(section: &mut Section<'_, '_>) -> Network {
    Network {
        cidr: section.get(&knobs::CIDR).into_owned(),
        azs: section.get(&knobs::AZS),
        egress: section.get(&knobs::EGRESS),
    }
}

fn eventstore(section: &mut Section<'_, '_>) -> EventStore {
    EventStore {
        release: section.get(&knobs::RELEASE),
        image: section.get(&knobs::IMAGE),
        tools_image: section.get(&knobs::TOOLS_IMAGE),
        tls: section.get(&knobs::TLS),
        cpu_units: section.get(&knobs::CPU_UNITS),
        memory_mib: section.get(&knobs::TASK_MEMORY_MIB),
        admin_cidrs: section.get(&knobs::ADMIN_CIDRS),
        throughput: section.get(&knobs::THROUGHPUT),
        execute_command: section.get(&knobs::EXECUTE_COMMAND),
        log_retention_days: section.get(&knobs::EVENTSTORE_LOG_RETENTION_DAYS),
    }
}

fn backup(section: &mut Section<'_, '_>) -> Backup {
    Backup {
        mode: section.get(&knobs::MODE),
        schedule: section.get(&knobs::SCHEDULE).into_owned(),
        start_window_minutes: section.get(&knobs::START_WINDOW_MINUTES),
        completion_window_minutes: section.get(&knobs::COMPLETION_WINDOW_MINUTES),
        delete_after_days: section.get(&knobs::DELETE_AFTER_DAYS),
    }
}

fn relay(section: &mut Section<'_, '_>) -> Relay {
    Relay {
        memory_mib: section.get(&knobs::RELAY_MEMORY_MIB),
        timeout_seconds: section.get(&knobs::RELAY_TIMEOUT_SECONDS),
        batch_size: section.get(&knobs::RELAY_BATCH_SIZE),
        batching_window_seconds: section.get(&knobs::RELAY_BATCHING_WINDOW_SECONDS),
        log_retention_days: section.get(&knobs::LOG_RETENTION_DAYS),
        log_level: section.get(&knobs::RELAY_LOG_LEVEL),
    }
}

/// None where it is off; its other knobs are checked all the same.
fn gateway(section: &mut Section<'_, '_>, directory: &Path) -> Option<Gateway> {
    let enabled = section.get(&knobs::ENABLED);
    let image = match enabled {
        true => section.require(&knobs::GATEWAY_IMAGE),
        false => section.get(&knobs::GATEWAY_IMAGE),
    };
    let path = section.get(&knobs::ROUTES_FILE);
    let gateway = Gateway {
        image: image.unwrap_or_default(),
        architecture: section.get(&knobs::GATEWAY_ARCHITECTURE),
        cpu_units: section.get(&knobs::GATEWAY_CPU_UNITS),
        memory_mib: section.get(&knobs::GATEWAY_MEMORY_MIB),
        desired_count: section.get(&knobs::DESIRED_COUNT),
        cluster: section.get(&knobs::CLUSTER),
        port: section.get(&knobs::PORT),
        routes: toml::Table::new(),
        client_cidrs: section.get(&knobs::CLIENT_CIDRS),
        admin_cidrs: section.get(&knobs::GATEWAY_ADMIN_CIDRS),
        upstreams: section.get(&knobs::UPSTREAMS),
        durability: section.get(&knobs::DURABILITY),
        execute_command: section.get(&knobs::EXECUTE_COMMAND),
        log_retention_days: section.get(&knobs::GATEWAY_LOG_RETENTION_DAYS),
    };
    let read = |path: &str| gateway::routes(fs::read(directory.join(path)));
    enabled.then(|| Gateway { routes: section.file(&knobs::ROUTES_FILE, &path, read), ..gateway })
}

fn bad_environment_name(name: &Spanned<impl AsRef<str>>) -> Fault {
    Fault {
        place: Some(name.span()),
        message: format!(
            "an environment takes {}, not {:?}",
            EnvironmentName::ACCEPTS,
            name.get_ref().as_ref()
        ),
        help: None,
        note: Some("It is part of every physical name.".to_owned()),
    }
}
