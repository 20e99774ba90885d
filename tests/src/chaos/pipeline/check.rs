//! What has to hold once everything has come to rest.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::{Duration, Instant},
};

use anyhow::{Context, Error, Result};
use event::{
    Event,
    dead_letter::{Cause, DeadLetter},
};
use headwater::{
    commands::redrive,
    queue::{Queue, Received},
    streams::Streams,
};

use super::{
    load::{Load, Place, place},
    settle::settle,
    stage::Stage,
};
use crate::relayed::{is_same, look_at};

/// How long a message is hidden while all of a queue are received.
const HIDDEN: Duration = Duration::from_secs(600);
/// How many of many are named.
const NAMED: usize = 3;

/// What was found.
pub(super) struct Judged {
    /// What does not hold of events.
    pub(super) events: Vec<String>,
    /// What does not hold of poison.
    pub(super) poison: Vec<String>,
    /// Dead letters that are there a second time, after a lost answer; their message's id tells.
    pub(super) doubled: usize,
    /// Events that were given up with an error, and were redriven.
    pub(super) redriven: usize,
    /// When all was at rest.
    pub(super) rested: Instant,
}

impl Judged {
    /// Waits until the pipeline is at rest, and compares what it holds with what was sent.
    pub(super) async fn of(load: &Load, stage: &Stage) -> Self {
        let (events, poison, rested) = (Vec::new(), Vec::new(), Instant::now());
        let mut judged = Self { events, poison, doubled: 0, redriven: 0, rested };
        if let Err(error) = judged.compare(load, stage).await {
            judged.fails(&error);
        }
        judged
    }

    /// Where something does not come to rest, what there is is compared all the same: that says more.
    async fn compare(&mut self, load: &Load, stage: &Stage) -> Result<()> {
        if let Err(error) = drained(stage).await {
            self.fails(&error);
        }
        self.look_at_dead_letters(load, stage).await?;
        let by_request = by_request(load);
        let streams = stage.local.streams().await.context("EventStoreDB cannot be read")?;
        if let Err(error) = caught_up(&by_request, &streams).await {
            self.fails(&error);
        }
        self.rested = Instant::now();
        stored(load, stage, &mut self.events).await?;
        relayed(&by_request, &streams, &mut self.events).await?;
        let failed = everything_in(&stage.local.failure_queue().await?).await?;
        let bodies = failed.iter().map(|message| message.message.body.clone());
        tell("messages in the relay's failure queue", bodies, &mut self.events);
        Ok(())
    }

    async fn look_at_dead_letters(&mut self, load: &Load, stage: &Stage) -> Result<()> {
        let dead = stage.local.dead_letter_queue().await?;
        let given_up = GivenUp::of(&everything_in(&dead).await?, load, &mut self.poison);
        (self.doubled, self.redriven) = (given_up.doubled, given_up.exhausted.len());
        let several = "messages of poison with dead letters of several messages";
        tell(several, given_up.repeated, &mut self.poison);
        if self.redriven > 0 {
            redrive::redrive(&dead, &stage.local.queue().await?).await?;
            drained(stage).await?;
            let again = GivenUp::of(&everything_in(&dead).await?, load, &mut self.poison).exhausted;
            let again = again.iter().map(|place| format!("{place:?}"));
            tell("events that were given up again", again, &mut self.events);
        }
        Ok(())
    }

    /// Something else went wrong.
    pub(super) fn fails(&mut self, error: &Error) {
        self.events.push(format!("{error:#}"));
    }

    /// The same, where each failure says what makes it happen again.
    pub(super) fn told_with(mut self, again: &str) -> Self {
        for failure in self.events.iter_mut().chain(&mut self.poison) {
            failure.push_str(&format!(" ({again})"));
        }
        self
    }

    /// What there is to say at once.
    pub(super) fn sentence(&self) -> String {
        let failures: Vec<_> = self.events.iter().chain(&self.poison).map(String::as_str).collect();
        if failures.is_empty() { "all of it held".to_owned() } else { failures.join("; ") }
    }
}

/// Waits until the event queue is empty.
async fn drained(stage: &Stage) -> Result<()> {
    let queue = stage.local.queue().await?;
    settle("the queue drains", async || {
        let (depth, stored) = (queue.depth().await?, stage.item_count().await?);
        let is_empty = depth.waiting + depth.in_flight == 0;
        Ok((!is_empty).then_some((depth, stored)))
    })
    .await
}

/// All messages of a queue, which are shown to others again afterwards.
async fn everything_in(queue: &Queue) -> Result<Vec<Received>> {
    let mut all: BTreeMap<String, Received> = BTreeMap::new();
    loop {
        let batch = queue.receive(HIDDEN).await?;
        if batch.is_empty() {
            break;
        }
        all.extend(batch.into_iter().map(|message| (message.id.clone(), message)));
    }
    let all: Vec<_> = all.into_values().collect();
    queue.release(&all).await?;
    Ok(all)
}

/// What the dead-letter queue holds, told apart.
#[derive(Default)]
struct GivenUp {
    /// Events that failed on their last receive.
    exhausted: BTreeSet<Place>,
    doubled: usize,
    /// Poison with dead letters of several messages.
    repeated: Vec<String>,
}

impl GivenUp {
    /// Each poison has to be there with its own reason, and nothing besides but events that failed on their last receive.
    fn of(messages: &[Received], load: &Load, failures: &mut Vec<String>) -> Self {
        let mut given_up = Self::default();
        let mut strange = Vec::new();
        let mut told: HashMap<&str, BTreeSet<String>> = HashMap::new();
        for message in messages {
            // None: SQS moved it, which knows no reason.
            let letter = DeadLetter::from_message(&message.message).ok().flatten();
            match letter.and_then(|letter| Meant::of(letter, load)) {
                Some(Meant::Poison { body, message_id }) => {
                    let is_new = told.entry(body).or_default().insert(message_id);
                    given_up.doubled += usize::from(!is_new);
                }
                Some(Meant::Exhausted(place)) => drop(given_up.exhausted.insert(place)),
                None => strange.push(format!("{}: {}", redrive::reason(message), redrive::body(message))),
            }
        }
        tell("dead letters that ought not to be, or not so", strange, failures);
        let missing = load.poison.iter().filter(|(body, _)| !told.contains_key(body.as_str()));
        let missing = missing.map(|(body, poison)| format!("{}: {body}", poison.kind));
        tell("messages of poison without a dead letter", missing, failures);
        let repeated = told.iter().filter(|(_, ids)| ids.len() > 1);
        given_up.repeated = repeated.map(|(body, ids)| format!("{ids:?} {body}")).collect();
        given_up
    }
}

/// What a dead letter is that may be there.
enum Meant<'a> {
    /// It is poison's, whole and with its own reason.
    Poison { body: &'a str, message_id: String },
    /// It is an event's that failed on its last receive.
    Exhausted(Place),
}

impl<'a> Meant<'a> {
    fn of(letter: DeadLetter, load: &'a Load) -> Option<Self> {
        let original = &letter.original;
        match letter.cause {
            Cause::Rejected => {
                let (body, poison) = load.poison.get_key_value(&original.body)?;
                poison.is_told_by(&letter).then_some(Self::Poison { body, message_id: letter.message_id })
            }
            Cause::Exhausted => {
                let place = place(&Event::from_json(&original.body).ok()?);
                load.events.contains_key(&place).then_some(Self::Exhausted(place))
            }
        }
    }
}

/// Each event has to be in the journal once, and none besides.
async fn stored(load: &Load, stage: &Stage, failures: &mut Vec<String>) -> Result<()> {
    let stored = stage.local.stored().await?;
    let count = stored.len();
    let stored: BTreeMap<_, _> = stored.into_iter().map(|event| (place(&event), event)).collect();
    let missing =
        load.events.keys().filter(|place| !stored.contains_key(place)).map(|place| format!("{place:?}"));
    tell("events that are not in the journal", missing, failures);
    let others = stored.iter().filter(|(place, event)| load.events.get(place) != Some(event));
    tell(
        "events in the journal that were not sent so",
        others.map(|(place, _)| format!("{place:?}")),
        failures,
    );
    failures.extend(
        (count != stored.len()).then(|| format!("the journal has {count} items of {} keys", stored.len())),
    );
    Ok(())
}

type ByRequest<'a> = BTreeMap<&'a str, Vec<Event>>;

fn by_request(load: &Load) -> ByRequest<'_> {
    let mut by_request = ByRequest::new();
    for event in load.events.values() {
        by_request.entry(event.request_id()).or_default().push(event.clone());
    }
    by_request
}

/// Waits until no stream has too few events. Only what had too few before is read again.
async fn caught_up(by_request: &ByRequest<'_>, streams: &Streams) -> Result<()> {
    let mut short: BTreeMap<&str, usize> =
        by_request.iter().map(|(request, events)| (*request, events.len())).collect();
    settle("the relay catches up", async || {
        let counts = look_at(streams, short.keys().copied(), |request, there| (request, there.len())).await?;
        let there: usize = counts.iter().map(|(_, count)| count).sum();
        for (request, count) in counts {
            if short.get(request).is_some_and(|wanted| count >= *wanted) {
                short.remove(request);
            }
        }
        Ok((!short.is_empty()).then_some((short.len(), there)))
    })
    .await
}

/// Each event has to be in the stream of its request once and whole, and none besides.
async fn relayed(by_request: &ByRequest<'_>, streams: &Streams, failures: &mut Vec<String>) -> Result<()> {
    let wrong = look_at(streams, by_request.keys().copied(), |request, recorded| {
        let same = is_same(&recorded, &by_request[request]);
        same.err().map(|error| format!("request-{request}: {error:#}"))
    });
    let wrong = wrong.await?.into_iter().flatten();
    tell("streams of EventStoreDB that are not as they ought to be", wrong, failures);
    Ok(())
}

/// Adds that there are some, and which the first are.
fn tell(what: &str, these: impl IntoIterator<Item = String>, failures: &mut Vec<String>) {
    let mut these = these.into_iter();
    let first: Vec<_> = these.by_ref().take(NAMED).map(|one| format!("{one:.300}")).collect();
    if !first.is_empty() {
        failures.push(format!("{} {what}: {}", first.len() + these.count(), first.join("; ")));
    }
}
