//! From TOML to environments: walks the document's tables and gathers every fault with its place.

use std::ops::Range;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::knob::{Domain, Knob, found, list, nearest};
use super::name::{EnvironmentName, ProjectName};
use super::problem::Fault;
use super::{
    Alarms, Backup, Declared, Environment, EventStore, Ingest, Journal, LOCAL, Network, Queue, Relay, knobs,
    rules,
};

/// The environments of a document, sorted by name, the local one among them.
pub(super) fn read(text: &str) -> Result<Vec<Declared>, Vec<Fault>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(errors.iter().map(|error| syntax(text, error)).collect());
    }
    let mut faults = Vec::new();
    let mut top = Section::new(String::new(), Some(document.get_ref()), 0..0, &mut faults);
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
        let environment =
            environment(project.clone(), environment_name, Some(table), place.clone(), &mut faults);
        environments.push(Declared { environment, place: Some(place) });
    }
    if !environments.iter().any(|declared| declared.environment.is_local()) {
        let environment = environment(project, EnvironmentName::DEFAULT, None, 0..0, &mut faults);
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
    faults: &mut Vec<Fault>,
) -> Environment {
    let known = faults.len();
    let path = format!("environments.{name}");
    let local = name.as_str() == LOCAL;
    let mut section = Section::new(path, table, place.clone(), faults);
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

/// A table that is being read. What nobody asked for when it is finished is an unknown key.
struct Section<'a, 'f> {
    path: String,
    table: Option<&'a DeTable<'a>>,
    place: Range<usize>,
    asked: Vec<&'static str>,
    faults: &'f mut Vec<Fault>,
}

impl<'a, 'f> Section<'a, 'f> {
    fn new(
        path: String,
        table: Option<&'a DeTable<'a>>,
        place: Range<usize>,
        faults: &'f mut Vec<Fault>,
    ) -> Self {
        Self { path, table, place, asked: Vec::new(), faults }
    }

    /// The knob's value, or its default where the file leaves it out or has it wrong (which is a fault).
    fn get<D: Domain>(&mut self, knob: &'static Knob<D>) -> D::Value {
        self.asked.push(knob.key);
        let Some(written) = self.table.and_then(|table| table.get(knob.key)) else {
            return knob.default.clone();
        };
        knob.takes.read(written.get_ref()).unwrap_or_else(|| {
            self.faults.push(bad_value(knob, written));
            knob.default.clone()
        })
    }

    /// The same for a knob that the file must have. One that is there misspelt is an unknown key, and told as such.
    fn require<D: Domain>(&mut self, knob: &'static Knob<D>) -> D::Value {
        let meant = |key: &Spanned<_>| nearest(AsRef::<str>::as_ref(key.get_ref()), &[knob.key]).is_some();
        if !self.table.into_iter().flatten().any(|(key, _)| meant(key)) {
            self.faults.push(Fault {
                place: Some(self.place.clone()),
                message: format!("`{}` is missing in [{}]", knob.key, self.path),
                help: Some(format!("add it: {}", knob.takes.accepts())),
                note: Some(knob.purpose.to_owned()),
            });
        }
        self.get(knob)
    }

    /// The table under `key`, if there is one, and its place.
    fn table(&mut self, key: &'static str) -> (Option<&'a DeTable<'a>>, Range<usize>) {
        self.asked.push(key);
        match self.table.and_then(|table| table.get(key)) {
            None => (None, self.place.clone()),
            Some(value) => (as_table(&self.child(key), value, self.faults), value.span()),
        }
    }

    /// What `read` makes of the table under `key`; of its defaults alone where there is none.
    fn within<T>(&mut self, key: &'static str, read: fn(&mut Section<'_, '_>) -> T) -> T {
        let (table, place) = self.table(key);
        let mut section = Section::new(self.child(key), table, place, self.faults);
        let value = read(&mut section);
        section.finish();
        value
    }

    fn child(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn finish(self) {
        for key in self.table.into_iter().flatten().map(|(key, _)| key) {
            if !self.asked.contains(&key.get_ref().as_ref()) {
                self.faults.push(unknown_key(&self.path, &self.asked, key));
            }
        }
    }
}

fn as_table<'a>(
    path: &str,
    value: &'a Spanned<DeValue<'a>>,
    faults: &mut Vec<Fault>,
) -> Option<&'a DeTable<'a>> {
    let table = value.get_ref().as_table();
    if table.is_none() {
        faults.push(Fault {
            place: Some(value.span()),
            message: format!("`{path}` must be a table, not {}", found(value.get_ref())),
            help: Some(format!("write its keys under [{path}]")),
            note: None,
        });
    }
    table
}

fn bad_value<D: Domain>(knob: &Knob<D>, written: &Spanned<DeValue<'_>>) -> Fault {
    let suggestion = knob.takes.suggest(written.get_ref());
    Fault {
        place: Some(written.span()),
        message: format!(
            "`{}` is {}, but takes {}",
            knob.key,
            found(written.get_ref()),
            knob.takes.accepts()
        ),
        help: suggestion.map(|value| format!("did you mean `{} = {value}`?", knob.key)),
        note: Some(knob.purpose.to_owned()),
    }
}

fn unknown_key(path: &str, asked: &[&'static str], key: &Spanned<impl AsRef<str>>) -> Fault {
    let name = key.get_ref().as_ref();
    let place = if path.is_empty() { "at the top of the file".to_owned() } else { format!("in [{path}]") };
    let help = nearest(name, asked)
        .map(|near| format!("did you mean `{near}`?"))
        .or_else(|| elsewhere(path, name))
        .unwrap_or_else(|| format!("there are {}", list(asked, "and")));
    Fault {
        place: Some(key.span()),
        message: format!("unknown key `{name}` {place}"),
        help: Some(help),
        note: None,
    }
}

/// Where a key that is unknown in one table belongs, if another table knows it.
fn elsewhere(path: &str, key: &str) -> Option<String> {
    let section =
        knobs::SECTIONS.iter().find(|section| section.knobs.iter().any(|knob| knob.key() == key))?;
    let environment = path.split('.').nth(1).unwrap_or("<name>");
    Some(match section.table {
        "" => format!("`{key}` belongs at the top of the file, above all tables"),
        table => format!("`{key}` belongs in [{}]", table.replace("<name>", environment)),
    })
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

/// The value of the first of `keys` that is written; each is a path below `table`.
fn blamed(table: Option<&DeTable<'_>>, keys: &[&str]) -> Option<Range<usize>> {
    let written = |path: &&str| {
        let mut parts = path.split('.');
        let value = table?.get(parts.next()?)?;
        parts.try_fold(value, |value, part| value.get_ref().as_table()?.get(part)).map(Spanned::span)
    };
    keys.iter().find_map(written)
}

/// What the TOML parser found. It names no key, so a key that is there twice is taken from the text.
fn syntax(text: &str, error: &toml::de::Error) -> Fault {
    let written = error.span().and_then(|place| text.get(place)).unwrap_or_default();
    let duplicate = error.message() == "duplicate key";
    Fault {
        place: error.span(),
        message: if duplicate { format!("`{written}` is there twice") } else { error.message().to_owned() },
        help: duplicate.then(|| "keep one of them".to_owned()),
        note: None,
    }
}
