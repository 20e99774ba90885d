//! What `test-local` proves, in order. Each check builds on those before it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use aws_sdk_dynamodb::types::AttributeValue;
use engine::{Approved, Mode};
use event::{Event, dead_letter::Message};
use futures::{StreamExt, TryStreamExt, stream};
use journal::{Journal, ReadOptions};
use resource::{Outcome, is_shared};
use serde_json::Value;

use super::report::Report;
use crate::{
    commands::{Run, deploy, query, redrive, replay, send},
    load,
    local::Local,
    progress::Silent,
    queue::Queue,
    streams::{Recorded, Streams},
    terminal::counted,
};

/// The second source document's message.
const SEED: &str = include_str!("seed.json");
const SEED_REQUEST: &str = "677afffc-373e-42f0-8363-f24bc675bcf6";
/// One event with each JSON type in its data, falsy ones above all.
const TYPES: &str = include_str!("types.json");
const TYPES_REQUEST: &str = "0b9bc51a-9b3f-4f0c-9a5e-3a3f4b1d7c55";
const POISON: &str = r#"{"id": "5b070a84", "requestId": "677afffc", "type": "MICROSERVICE_REQUEST""#;
/// How many events of the many, and how many of them are sent again.
const MANY: u64 = 1_000;
const AGAIN: usize = 200;
/// How many requests are looked at at once.
const AT_ONCE: usize = 16;
/// How long the pipeline may take to carry out what a check sent.
const PATIENCE: Duration = Duration::from_secs(60);

const QUEUE: &str = "stateful/queue";
/// What leads an event to the journal.
const STORES: &[&str] = &[
    QUEUE,
    "stateful/dead-letter-queue",
    "stateful/journal",
    "ingest/function",
    "ingest/event-source-mapping",
];
/// What leads it to EventStoreDB besides, which itself runs everywhere.
const RELAYS: &[&str] = &["relay/function", blueprint::RELAY_MAPPING];

/// Local AWS, and what was sent to it.
pub(super) struct Proof {
    local: Local,
    run: Run,
    journal: Journal,
    sent: Vec<Message>,
}

impl Proof {
    /// Proves things of `local`.
    pub(super) fn new(local: Local, run: &Run) -> Self {
        let run = Run { target: local.target.clone(), ..run.clone() };
        let journal = query::journal(&local.bench.session);
        Self { local, run, journal, sent: Vec::new() }
    }

    /// The emulator's log.
    pub(super) fn log(&self) -> Option<&Path> {
        self.local.emulator.log()
    }

    /// Whether the emulator still runs.
    ///
    /// # Errors
    /// How it died.
    pub(super) fn alive(&self) -> Result<()> {
        Ok(self.local.emulator.check()?)
    }

    /// Ends local AWS.
    ///
    /// # Errors
    /// Something of it may be left.
    pub(super) async fn end(self) -> Result<()> {
        self.local.end().await
    }

    /// All checks, into `report`.
    ///
    /// # Errors
    /// The report cannot be printed.
    pub(super) async fn all(&mut self, report: &mut Report) -> Result<()> {
        let relays = [STORES, RELAYS].concat();
        let many = format!("{} are in the journal, each once", counted(MANY, "event"));
        report.check("deploy makes all that the blueprint names", &[], self.deploys()).await?;
        report
            .check(
                "EventStoreDB runs, and answers its admin by TLS and password",
                &[],
                self.runs_eventstore(),
            )
            .await?;
        report.check("the source document's message is in the table", STORES, self.stores_the_seed()).await?;
        report.check("and in its stream of EventStoreDB", &relays, self.relays_the_seed()).await?;
        report
            .check("data keeps its types: 0, false, null, nested, 38 digits", STORES, self.keeps_types())
            .await?;
        report.check(&many, STORES, self.stores_many()).await?;
        report
            .check("and in EventStoreDB, each once, in its request's stream", &relays, self.relays_many())
            .await?;
        report.check("events that are sent again add nothing", STORES, self.folds_duplicates()).await?;
        report
            .check(
                "a poison message is in the dead-letter queue with its reason",
                STORES,
                self.rejects_poison(),
            )
            .await?;
        report.check("redrive moves it back, and it is rejected again", STORES, self.redrives()).await?;
        report.check("a second deploy makes no mutating call", &[], self.converges()).await?;
        report
            .check("drift names a change from outside, and deploy repairs it", &[QUEUE], self.repairs_drift())
            .await?;
        report
            .check(
                "replay rebuilds an EventStoreDB that has lost its data",
                &relays,
                self.rebuilds_eventstore(),
            )
            .await?;
        report.check("destroy keeps what holds events or secrets", &[], self.destroys_stateless()).await?;
        report
            .check(
                "what was sent meanwhile is stored after the next deploy",
                &relays,
                self.survives_destroy(),
            )
            .await?;
        report.check("destroy --include-stateful leaves nothing", &[], self.destroys_all()).await
    }

    async fn deploys(&self) -> Result<String> {
        let steps = self.apply(Mode::Deploy).await?;
        let made = counted(steps as u64, "resource");
        Ok(match self.local.bench.left_out.len() {
            0 => made,
            left_out => format!("{made}, {left_out} left out"),
        })
    }

    async fn runs_eventstore(&self) -> Result<String> {
        let streams = self.local.task.streams(&self.local.bench).await?;
        streams.read("a-stream-that-nobody-wrote").await?;
        Ok(self.local.task.description(&self.local.bench).await)
    }

    async fn stores_the_seed(&self) -> Result<String> {
        self.send(&[message(SEED)]).await?;
        let stored = self.wait_for_request(SEED_REQUEST, 1).await?;
        let sent = Event::from_json(SEED)?;
        ensure!(stored == [sent], "what is stored is not what was sent: {}", stored[0].to_json());
        let item = self.raw_item(&stored[0]).await?;
        ensure!(
            matches!(item.get("Data"), Some(AttributeValue::M(data)) if matches!(data.get("Name"), Some(AttributeValue::S(name)) if name == "Microservice A")),
            "Data is no map with the string Name: {item:?}"
        );
        Ok(format!("{} {}", stored[0].event_type(), stored[0].id()))
    }

    async fn relays_the_seed(&self) -> Result<String> {
        let sent = Event::from_json(SEED)?;
        let stream = format!("request-{SEED_REQUEST}");
        let recorded = self.wait_for_stream(&stream, 1).await?.remove(0);
        let is = (recorded.id.as_str(), recorded.event_type.as_str(), &recorded.data);
        let data = Value::Object(sent.data().clone());
        ensure!(
            is == (sent.id(), sent.event_type(), &data),
            "what is there is not what was sent: {recorded:?}"
        );
        let correlation = &recorded.metadata["$correlationId"];
        ensure!(correlation == SEED_REQUEST, "its $correlationId is {correlation}");
        Ok(format!("{stream}, $correlationId and all"))
    }

    async fn relays_many(&self) -> Result<String> {
        let begun = Instant::now();
        let streams = self.wait_for_relayed(&self.sent).await?;
        let rate = (MANY as f64 / begun.elapsed().as_secs_f64().max(0.001)) as u64;
        Ok(format!("{}, {} a second behind", counted(streams as u64, "stream"), counted(rate, "event")))
    }

    async fn rebuilds_eventstore(&self) -> Result<String> {
        self.local.task.lose_data(&self.local.bench).await?;
        self.apply(Mode::Deploy).await?;
        let replayed = replay::replay(&self.local.bench.session, &ReadOptions::default(), |_| ()).await?;
        ensure!(replayed.rejected.is_empty(), "{} events were rejected", replayed.rejected.len());
        self.wait_for_relayed(&self.sent).await?;
        let again = replay::replay(&self.local.bench.session, &ReadOptions::default(), |_| ()).await?;
        ensure!(again.missing == 0, "a second replay appended {} events", again.missing);
        Ok(format!("{} were missing, then none", counted(replayed.missing as u64, "event")))
    }

    async fn keeps_types(&self) -> Result<String> {
        self.send(&[message(TYPES)]).await?;
        let stored = self.wait_for_request(TYPES_REQUEST, 1).await?;
        let sent = Event::from_json(TYPES)?;
        ensure!(stored == [sent], "what is stored is not what was sent: {}", stored[0].to_json());
        Ok(counted(stored[0].data().len() as u64, "field"))
    }

    async fn raw_item(&self, event: &Event) -> Result<std::collections::HashMap<String, AttributeValue>> {
        let client = aws_sdk_dynamodb::Client::new(&self.local.bench.session.sdk);
        let answer = client
            .get_item()
            .table_name(self.journal.table())
            .key(journal::schema::REQUEST_ID, AttributeValue::S(event.request_id().to_owned()))
            .key(journal::schema::EVENT_KEY, AttributeValue::S(event.key().to_string()))
            .send()
            .await?;
        answer.item.context("the item is not under the key that its event has")
    }

    async fn stores_many(&mut self) -> Result<String> {
        self.sent = load::messages(MANY).collect();
        let begun = Instant::now();
        self.send(&self.sent).await?;
        self.wait_for_events(&self.sent).await?;
        Ok(counted((MANY as f64 / begun.elapsed().as_secs_f64()) as u64, "event") + " a second")
    }

    async fn folds_duplicates(&self) -> Result<String> {
        self.send(&self.sent[..AGAIN]).await?;
        self.wait_until_drained().await?;
        self.wait_for_events(&self.sent).await?;
        Ok(format!("{AGAIN} sent again"))
    }

    async fn rejects_poison(&self) -> Result<String> {
        self.send(&[message(POISON)]).await?;
        self.dead_letter().await
    }

    async fn dead_letter(&self) -> Result<String> {
        let dead = self.queue(blueprint::DEAD_LETTER_QUEUE).await?;
        let messages = until(|| async {
            let messages = redrive::list(&dead).await?;
            Ok((!messages.is_empty()).then_some(messages))
        });
        let messages = messages.await.context("no message came to the dead-letter queue")?;
        ensure!(messages.len() == 1, "{} messages are in the dead-letter queue", messages.len());
        ensure!(redrive::body(&messages[0]) == POISON, "its body is not as it was sent");
        Ok(redrive::reason(&messages[0]))
    }

    async fn redrives(&self) -> Result<String> {
        let (dead, queue) =
            (self.queue(blueprint::DEAD_LETTER_QUEUE).await?, self.queue(blueprint::EVENT_QUEUE).await?);
        let moved = redrive::redrive(&dead, &queue).await?;
        self.wait_until_drained().await?;
        self.dead_letter().await?;
        Ok(format!("moved by {}", moved.by()))
    }

    async fn converges(&self) -> Result<String> {
        self.local.calls.clear();
        self.apply(Mode::Deploy).await?;
        let mutating = self.local.calls.mutating();
        ensure!(mutating.is_empty(), "it called {}", mutating.join(", "));
        Ok(counted(self.local.calls.all().len() as u64, "describing call"))
    }

    async fn repairs_drift(&self) -> Result<String> {
        let queue = self.queue(blueprint::EVENT_QUEUE).await?;
        queue.set_visibility_timeout(77).await?;
        let plan = self.local.bench.plan(Mode::Deploy).await?;
        let fields: Vec<_> =
            plan.steps.iter().flat_map(|step| &step.changes).map(|change| change.field.as_str()).collect();
        ensure!(fields == ["visibilityTimeoutSeconds"], "drift names {fields:?}");
        self.apply(Mode::Deploy).await?;
        ensure!(self.local.bench.plan(Mode::Deploy).await?.is_converged(), "it differs still");
        Ok("visibilityTimeoutSeconds".to_owned())
    }

    async fn destroys_stateless(&self) -> Result<String> {
        let deleted = self.apply(Mode::Destroy { include_stateful: false }).await?;
        let left: Vec<_> = self.keys_left().await?;
        let bench = &self.local.bench;
        let retained = bench
            .graph
            .nodes()
            .filter(|node| node.retained && !is_shared(&bench.families, &node.kind))
            .count();
        ensure!(left.len() == retained, "left are {}", left.join(", "));
        // None were sent where nothing leads them to the journal.
        self.wait_for_events(&self.sent).await?;
        Ok(format!("{} deleted, {} kept", counted(deleted as u64, "resource"), left.len()))
    }

    async fn survives_destroy(&self) -> Result<String> {
        let more: Vec<_> = load::messages(10).collect();
        self.send(&more).await?;
        self.apply(Mode::Deploy).await?;
        self.wait_for_events(&more).await?;
        self.wait_for_relayed(&more).await?;
        Ok("10 events waited in the queue".to_owned())
    }

    async fn destroys_all(&self) -> Result<String> {
        let deleted = self.apply(Mode::Destroy { include_stateful: true }).await?;
        let left = self.keys_left().await?;
        ensure!(left.is_empty(), "left are {}", left.join(", "));
        Ok(format!("{} deleted", counted(deleted as u64, "resource")))
    }

    /// What is there of ours alone.
    async fn keys_left(&self) -> Result<Vec<String>> {
        let bench = &self.local.bench;
        let survey = bench.survey().await?;
        Ok(survey
            .ours()
            .filter(|(kind, ..)| !is_shared(&bench.families, kind))
            .map(|(_, key, _)| key.to_string())
            .collect())
    }

    /// Plans and applies; the number of steps.
    async fn apply(&self, mode: Mode) -> Result<usize> {
        let bench = &self.local.bench;
        let approved = Approved::Proposed(bench.propose(mode).await?);
        let report = deploy::execute_with(bench, &self.run, approved, Arc::new(Silent)).await;
        let report = self.local.explain(report)?;
        if let Some((step, error)) = report.failures().next() {
            bail!("{}: {}", step.key, deploy::chain(error));
        }
        ensure!(report.outcome == Outcome::Succeeded, "the run ended as {:?}", report.outcome);
        self.local.task.follow(&self.local.bench).await?;
        Ok(report.steps.len())
    }

    async fn queue(&self, name: &str) -> Result<Queue> {
        let session = &self.local.bench.session;
        Queue::named(&session.sdk, &session.scope.physical_name(name)).await
    }

    async fn send(&self, messages: &[Message]) -> Result<()> {
        let queue = self.queue(blueprint::EVENT_QUEUE).await?;
        let sent = send::send(&queue, messages.iter().cloned(), None, |_| ()).await?;
        if let Some(refused) = sent.refused.first() {
            bail!("{refused}");
        }
        Ok(())
    }

    /// Waits until nobody works on a message any more.
    async fn wait_until_drained(&self) -> Result<()> {
        let queue = self.queue(blueprint::EVENT_QUEUE).await?;
        until(|| async {
            let depth = queue.depth().await?;
            Ok((depth.waiting + depth.in_flight == 0).then_some(()))
        })
        .await
        .context("the queue was not emptied")
    }

    async fn wait_for_request(&self, request: &str, count: usize) -> Result<Vec<Event>> {
        let found = until(|| async {
            let events: Vec<Event> =
                self.journal.by_request(request, &ReadOptions::default()).try_collect().await?;
            Ok((events.len() >= count).then_some(events))
        });
        let events = found.await.with_context(|| format!("request {request} is not in the journal"))?;
        ensure!(events.len() == count, "request {request} has {} events, not {count}", events.len());
        Ok(events)
    }

    async fn wait_for_stream(&self, stream: &str, count: usize) -> Result<Vec<Recorded>> {
        let streams = self.local.task.streams(&self.local.bench).await?;
        self.wait_in(&streams, stream, count).await
    }

    async fn wait_in(&self, streams: &Streams, stream: &str, count: usize) -> Result<Vec<Recorded>> {
        let found = until(|| async {
            let events = streams.read(stream).await?;
            Ok((events.len() >= count).then_some(events))
        });
        let events = found.await.with_context(|| format!("stream {stream} has not {count} events"))?;
        ensure!(events.len() == count, "stream {stream} has {} events, not {count}", events.len());
        Ok(events)
    }

    /// Waits until EventStoreDB has the requests of these messages as the journal has them, event by event; how many.
    async fn wait_for_relayed(&self, messages: &[Message]) -> Result<usize> {
        let streams = self.local.task.streams(&self.local.bench).await?;
        let requests = requests(messages)?;
        let (streams, journal) = (&streams, &self.journal);
        let compared = requests.keys().map(|request| async move {
            let stored: Vec<Event> =
                journal.by_request(request, &ReadOptions::default()).try_collect().await?;
            let relayed = self.wait_in(streams, &format!("request-{request}"), stored.len()).await?;
            for event in stored {
                let key = event.key().to_string();
                let found = relayed.iter().find(|recorded| recorded.metadata["eventKey"] == *key);
                let found =
                    found.with_context(|| format!("{key} is not in the stream of request {request}"))?;
                let same = found.event_type == event.event_type()
                    && found.data == Value::Object(event.data().clone());
                ensure!(same, "{key} is another event in the stream of request {request}");
            }
            Ok::<_, anyhow::Error>(())
        });
        stream::iter(compared).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        Ok(requests.len())
    }

    /// Waits until the events of these messages are stored, and none besides them in their requests, each once.
    async fn wait_for_events(&self, messages: &[Message]) -> Result<()> {
        let wanted = requests(messages)?;
        let waits = wanted.iter().map(|(request, ids)| async move {
            let events = self.wait_for_request(request, ids.len()).await?;
            let stored: BTreeSet<_> = events.iter().map(|event| event.id().to_owned()).collect();
            ensure!(stored == *ids, "request {request} has other events than were sent");
            Ok(())
        });
        stream::iter(waits).buffer_unordered(AT_ONCE).try_collect().await
    }
}

/// The messages' ids by their requests.
fn requests(messages: &[Message]) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let mut requests: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for message in messages {
        let event = Event::from_json(&message.body)?;
        requests.entry(event.request_id().to_owned()).or_default().insert(event.id().to_owned());
    }
    Ok(requests)
}

fn message(body: &str) -> Message {
    Message { body: body.to_owned(), ..Message::default() }
}

/// Looks again until there is something, within [`PATIENCE`].
async fn until<T, F: Future<Output = Result<Option<T>>>>(mut look: impl FnMut() -> F) -> Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        ensure!(begun.elapsed() < PATIENCE, "waited {} s in vain", PATIENCE.as_secs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
