//! The stack `alarms`: what watches the whole pipeline, who is told, and the dashboard that shows it.

use std::collections::{BTreeMap, BTreeSet};

use aws_ecs::Service;
use aws_lambda::Function;
use aws_observability::{
    Access, Alarm, AlarmSpec, Alarms, DashboardSpec, Dashboards, Line, MetricFilterSpec, MetricFilters,
    Statistic, Topic, TopicSpec, Topics, Widget, dashboard_name, efs_burst_credits, efs_percent_io_limit,
    function_errors, function_throttles, index_throttles, iterator_age, metric_filter, metric_filter_name,
    no_running_task, oldest_message_age, queue_not_empty, table_throttles,
};
use resource::{Key, Node, Scope};

use crate::configuration::{Environment, Throughput};
use crate::eventstore::EventStore;
use crate::stack::node;
use crate::stateful::Stateful;
use crate::storage::Storage;
use crate::{Error, INGEST, RELAY};

const STACK: &str = "alarms";

/// What the functions count of themselves.
const NAMESPACE: &str = "Headwater";

/// A message that is older waits for a consumer that does not keep up.
const OLDEST_MESSAGE_SECONDS: u32 = 5 * 60;
/// The relay is that far behind when something is wrong, and has most of the stream's 24 hours left.
const ITERATOR_AGE_SECONDS: u32 = 15 * 60;
/// A tenth of what a new file system begins with: <https://docs.aws.amazon.com/efs/latest/ug/performance.html>
const LEAST_BURST_CREDITS: u64 = 210 * 1024 * 1024 * 1024;
const IO_LIMIT_PERCENT: u8 = 90;

/// An alarm: what its name ends in, and what it watches.
type Watched = (String, AlarmSpec);

pub(crate) fn stack(
    scope: &Scope,
    environment: &Environment,
    stateful: &Stateful,
    storage: &Storage,
    eventstore: &EventStore,
    gateway: Option<&Service>,
) -> Result<Vec<Node>, Error> {
    let key = |name: &str| Key::new(STACK, name);
    let topic = Topic::new(scope, STACK);
    let (topic_key, filter_key) = (key("topic")?, key("eventstore-errors")?);
    let filter = eventstore_errors(scope, environment, eventstore);
    let watched: Vec<Watched> = [
        of_queues(stateful),
        of_functions(scope),
        of_journal(stateful),
        of_eventstore(environment, storage, eventstore, &filter),
        gateway.map(of_gateway).into_iter().collect(),
    ]
    .concat();

    let emails: BTreeSet<String> = environment.alarms.emails.iter().cloned().collect();
    let topic_spec = TopicSpec { kms_master_key_id: None, email_addresses: emails };
    let dashboard_key = key("dashboard")?;
    let dashboard = dashboard(scope, &watched);
    let mut nodes = vec![
        node::<Topics>(&topic_key, Some(topic.name()), &topic_spec)?,
        node::<MetricFilters>(&filter_key, Some(&metric_filter_name(scope, &filter_key)), &filter)?
            .after([&Key::new(crate::EVENTSTORE, "log-group")?]),
        node::<Dashboards>(&dashboard_key, Some(&dashboard_name(scope, &dashboard_key)), &dashboard)?,
    ];
    for (name, spec) in watched {
        let alarm = Alarm::new(scope, &name);
        let spec = spec.notify(topic.arn());
        nodes.push(
            node::<Alarms>(&key(&format!("{name}-alarm"))?, Some(alarm.name()), &spec)?.after([&topic_key]),
        );
    }
    Ok(nodes)
}

fn of_queues(stateful: &Stateful) -> Vec<Watched> {
    let Stateful { queue, dead_letter_queue, relay_failures, .. } = stateful;
    vec![
        ("dead-letters".to_owned(), queue_not_empty(dead_letter_queue.handle.name())),
        ("relay-failures".to_owned(), queue_not_empty(relay_failures.handle.name())),
        ("event-age".to_owned(), oldest_message_age(queue.handle.name(), OLDEST_MESSAGE_SECONDS)),
    ]
}

fn of_functions(scope: &Scope) -> Vec<Watched> {
    let name = |function: &str| Function::new(scope, function).name().to_owned();
    let mut watched = Vec::new();
    for function in [INGEST, RELAY] {
        watched.push((format!("{function}-errors"), function_errors(&name(function))));
        watched.push((format!("{function}-throttles"), function_throttles(&name(function))));
    }
    watched.push(("relay-behind".to_owned(), iterator_age(&name(RELAY), ITERATOR_AGE_SECONDS)));
    watched.push(("journal-modified".to_owned(), journal_modified(scope, &name(RELAY))));
    watched
}

/// History is append-only: an item that was changed or removed was changed by somebody else than `ingest`.
fn journal_modified(scope: &Scope, relay: &str) -> AlarmSpec {
    AlarmSpec {
        description: "An item of the journal was changed or removed, which Headwater never does.".to_owned(),
        namespace: NAMESPACE.to_owned(),
        metric_name: "Modified".to_owned(),
        dimensions: dimensions(scope, relay),
        ..function_errors(relay)
    }
}

/// What the functions' own metrics are by.
fn dimensions(scope: &Scope, function: &str) -> BTreeMap<String, String> {
    [("Environment", scope.environment.as_str()), ("Function", function)]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

fn of_journal(stateful: &Stateful) -> Vec<Watched> {
    let table = stateful.journal.handle.name();
    let mut watched = Vec::new();
    for (access, word) in [(Access::Read, "reads"), (Access::Write, "writes")] {
        watched.push((format!("journal-{word}-throttled"), table_throttles(table, access)));
        for index in journal::schema::INDEXES {
            let name = index.name.to_ascii_lowercase();
            watched.push((format!("{name}-{word}-throttled"), index_throttles(table, index.name, access)));
        }
    }
    watched
}

fn of_eventstore(
    environment: &Environment,
    storage: &Storage,
    eventstore: &EventStore,
    filter: &MetricFilterSpec,
) -> Vec<Watched> {
    let file_system = storage.file_system.id();
    let service = &eventstore.service;
    let mut watched = vec![
        ("eventstore-down".to_owned(), no_running_task(eventstore.cluster.name(), service.name())),
        ("eventstore-errors".to_owned(), metric_filter("EventStoreDB logs errors.", filter)),
        ("file-system-busy".to_owned(), efs_percent_io_limit(&file_system, IO_LIMIT_PERCENT)),
    ];
    if environment.eventstore.throughput == Throughput::Bursting {
        let credits = efs_burst_credits(&file_system, LEAST_BURST_CREDITS);
        watched.push(("file-system-credits".to_owned(), credits));
    }
    watched
}

fn of_gateway(service: &Service) -> Watched {
    ("gateway-down".to_owned(), no_running_task(service.cluster_name(), service.name()))
}

/// The lines of EventStoreDB's log, in its JSON, that are errors.
fn eventstore_errors(scope: &Scope, environment: &Environment, eventstore: &EventStore) -> MetricFilterSpec {
    MetricFilterSpec {
        log_group_name: eventstore.log_group.name().to_owned(),
        filter_pattern: r#"{ ($.['@l'] = "Error") || ($.['@l'] = "Fatal") }"#.to_owned(),
        metric_namespace: NAMESPACE.to_owned(),
        // A metric without dimensions, so its name tells the environment.
        metric_name: format!("{}-{}-EventStoreErrors", scope.project, environment.name),
        metric_value: "1".to_owned(),
        default_value: Some(0.0),
    }
}

fn dashboard(scope: &Scope, watched: &[Watched]) -> DashboardSpec {
    let arns = watched.iter().map(|(name, _)| Alarm::new(scope, name).arn());
    let lines = |names: &[&str]| -> Vec<Line> {
        let chosen = watched.iter().filter(|(name, _)| names.iter().any(|wanted| name.contains(wanted)));
        chosen.map(|(name, spec)| Line::of(spec, name)).collect()
    };
    let counts = |function: &str, names: &[&str]| -> Vec<Line> {
        let line = |name: &&str| Line {
            namespace: NAMESPACE.to_owned(),
            metric_name: (*name).to_owned(),
            dimensions: dimensions(scope, Function::new(scope, function).name()),
            statistic: Statistic::Sum,
            period_seconds: 60,
            label: (*name).to_owned(),
        };
        names.iter().map(line).collect()
    };
    let title = format!(
        "# {} in {}\nFrom the queue to the journal to EventStoreDB.",
        scope.environment, scope.region
    );
    let mut widgets = vec![
        Widget::Text(title),
        Widget::alarms("Alarms", arns),
        Widget::graph("Queues", lines(&["dead-letters", "relay-failures", "event-age"])),
        Widget::graph("Ingest", counts(INGEST, &["Received", "Stored", "Folded", "Rejected", "Retried"])),
        Widget::graph("Relay", counts(RELAY, &["Received", "Appended", "Present", "Rejected", "Modified"])),
        Widget::graph("Functions", lines(&["-errors", "-throttles"])),
        Widget::graph("Behind", lines(&["relay-behind"])),
        Widget::graph("Journal throttled", lines(&["-throttled"])),
        Widget::graph("EventStoreDB", lines(&["eventstore-"])),
        Widget::graph("File system", lines(&["file-system-"])),
    ];
    let gateway = lines(&["gateway-"]);
    if !gateway.is_empty() {
        widgets.push(Widget::graph("Gateway", gateway));
    }
    DashboardSpec::new(&scope.region, &widgets)
}
