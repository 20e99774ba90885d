//! The stacks `deployments` and `stateful`: what holds something that cannot be made again.

use std::collections::BTreeMap;

use aws_dynamodb::{
    Deployments, IndexSpec, KeySchema, PointInTimeRecovery, Projection, StreamViewType, Table, TableSpec,
    Tables,
};
use aws_sqs::{Queue, QueueSpec, Queues, RedriveAllowPolicy, RedrivePolicy};
use resource::{Key, Node, Reference, Scope};

use crate::configuration::Environment;
use crate::stack::{Placed, node};
use crate::{DEAD_LETTER_QUEUE, EVENT_QUEUE, EVENT_TABLE, Error, RELAY_FAILURE_QUEUE, configuration};

/// What the other stacks may refer to.
pub(crate) struct Stateful {
    pub(crate) journal: Placed<Table>,
    pub(crate) queue: Placed<Queue>,
    pub(crate) dead_letter_queue: Placed<Queue>,
    /// Where the relay leaves what it can never append.
    pub(crate) relay_failures: Placed<Queue>,
}

impl Placed<Table> {
    /// A reference to the ARN of the table's stream, which has a label that DynamoDB makes.
    pub(crate) fn stream_arn(&self) -> String {
        Reference::output(&self.key, "streamArn").to_string()
    }
}

pub(crate) fn stack(scope: &Scope, environment: &Environment) -> Result<(Vec<Node>, Stateful), Error> {
    let stateful = Stateful {
        journal: Placed { key: Key::new(Key::STATEFUL, "journal")?, handle: Table::new(scope, EVENT_TABLE) },
        queue: Placed { key: Key::new(Key::STATEFUL, "queue")?, handle: Queue::new(scope, EVENT_QUEUE) },
        dead_letter_queue: Placed {
            key: Key::new(Key::STATEFUL, "dead-letter-queue")?,
            handle: Queue::new(scope, DEAD_LETTER_QUEUE),
        },
        relay_failures: Placed {
            key: Key::new(Key::STATEFUL, "relay-failure-queue")?,
            handle: Queue::new(scope, RELAY_FAILURE_QUEUE),
        },
    };
    let Stateful { journal, queue, dead_letter_queue: dead, relay_failures } = &stateful;
    let nodes = vec![
        deployments(scope)?,
        node::<Tables>(&journal.key, Some(journal.handle.name()), &journal_table(&environment.journal))?,
        node::<Queues>(
            &dead.key,
            Some(dead.handle.name()),
            &dead_letter_queue(environment, &dead.handle, &queue.handle),
        )?,
        // SQS refuses a redrive policy whose dead-letter queue is not there.
        node::<Queues>(
            &queue.key,
            Some(queue.handle.name()),
            &event_queue(environment, &queue.handle, &dead.handle),
        )?
        .after([&dead.key]),
        node::<Queues>(
            &relay_failures.key,
            Some(relay_failures.handle.name()),
            &failure_queue(environment, &relay_failures.handle),
        )?,
    ];
    Ok((nodes, stateful))
}

fn deployments(scope: &Scope) -> Result<Node, Error> {
    let key = Key::new(Key::DEPLOYMENTS, "table")?;
    node::<Tables>(&key, Some(Deployments::table(scope).name()), &Deployments::spec())
}

/// The table as the journal's schema has it. It streams new events whole, for whoever relays them.
fn journal_table(knobs: &configuration::Journal) -> TableSpec {
    let key = |schema: journal::schema::KeySchema| KeySchema::strings(schema.partition_key, schema.sort_key);
    let indexes = journal::schema::INDEXES.map(|index| {
        (index.name.to_owned(), IndexSpec { key_schema: key(index.key), projection: Projection::All })
    });
    TableSpec {
        global_secondary_indexes: BTreeMap::from(indexes),
        stream_view_type: Some(StreamViewType::NewImage),
        point_in_time_recovery: Some(PointInTimeRecovery {
            recovery_period_in_days: knobs.point_in_time_recovery_days.into(),
        }),
        deletion_protection_enabled: knobs.deletion_protection,
        index_shards: Some(knobs.index_shards.get().into()),
        ..TableSpec::new(key(journal::schema::TABLE_KEY))
    }
}

fn event_queue(environment: &Environment, queue: &Queue, dead: &Queue) -> QueueSpec {
    QueueSpec {
        visibility_timeout_seconds: environment.visibility_timeout_seconds(),
        message_retention_period_seconds: environment.queue.retention_seconds,
        redrive_policy: Some(RedrivePolicy {
            dead_letter_target_arn: dead.arn(),
            max_receive_count: environment.queue.max_receive_count.into(),
        }),
        policy: Some(queue.tls_only()),
        ..QueueSpec::default()
    }
}

fn failure_queue(environment: &Environment, failures: &Queue) -> QueueSpec {
    QueueSpec {
        message_retention_period_seconds: environment.queue.dead_letter_retention_seconds,
        policy: Some(failures.tls_only()),
        ..QueueSpec::default()
    }
}

fn dead_letter_queue(environment: &Environment, dead: &Queue, queue: &Queue) -> QueueSpec {
    QueueSpec {
        message_retention_period_seconds: environment.queue.dead_letter_retention_seconds,
        redrive_allow_policy: Some(RedriveAllowPolicy::ByQueue { source_queue_arns: vec![queue.arn()] }),
        policy: Some(dead.tls_only()),
        ..QueueSpec::default()
    }
}
