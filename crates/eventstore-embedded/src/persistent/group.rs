//! One persistent subscription: which events wait, which are with whom, and what becomes of them. Pure: the time is an
//! argument, and what has to be read, sent or written is said, not done.

use std::{
    collections::{HashMap, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use tokio::time::Instant;
use uuid::Uuid;

use super::{
    settings::{Settings, Strategy},
    window::Window,
};
use crate::store::{event::Record, read::Resolved};

/// An event on its way through the subscription.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) resolved: Resolved,
    pub(crate) place: Place,
    /// How often it was handed out before.
    pub(crate) retry_count: i32,
}

/// Where a message came from, in the order in which messages are handed out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// The stream of parked events: a revision.
    Parked(u64),
    /// The source: a revision or a position.
    Source(u64),
}

impl Message {
    /// By what a consumer names it.
    pub(crate) fn id(&self) -> Uuid {
        self.resolved.original().map(|record| record.event.id).unwrap_or_default()
    }
}

/// What is to become of an event that a consumer did not handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nack {
    Park,
    Retry,
    Skip,
}

/// A message that is to be put with the parked ones, and why.
#[derive(Debug)]
pub(crate) struct Parking {
    pub(crate) message: Message,
    pub(crate) reason: String,
}

/// By what the subscription knows its consumers: those that came later have a greater one.
pub(crate) type ConsumerId = u64;

/// One who takes events.
#[derive(Debug)]
pub(crate) struct Consumer {
    pub(crate) id: ConsumerId,
    /// How many events it takes at once.
    pub(crate) slots: usize,
    pub(crate) in_flight: usize,
    /// How many it was sent so far.
    pub(crate) total: u64,
}

#[derive(Debug)]
struct InFlight {
    message: Message,
    consumer: ConsumerId,
    deadline: Option<Instant>,
}

/// The subscription.
#[derive(Debug)]
pub(crate) struct Group {
    settings: Settings,
    /// The one that was served last is at the end.
    consumers: VecDeque<Consumer>,
    /// What comes again is before what is new.
    waiting: VecDeque<Message>,
    in_flight: HashMap<Uuid, InFlight>,
    source: Window,
    parked: Window,
    /// How far progress went since it was last stored.
    progress: u32,
    stored: Option<u64>,
    stored_at: Instant,
}

impl Group {
    /// A subscription whose progress is stored as this place.
    pub(crate) fn new(settings: Settings, stored: Option<u64>, now: Instant) -> Self {
        Self {
            settings,
            consumers: VecDeque::new(),
            waiting: VecDeque::new(),
            in_flight: HashMap::new(),
            source: Window::default(),
            parked: Window::default(),
            progress: 0,
            stored,
            stored_at: now,
        }
    }

    /// Adds a consumer, unless there are as many as there may be.
    pub(crate) fn connect(&mut self, id: ConsumerId, slots: usize) -> bool {
        let maximum = at_least_one(self.settings.max_subscriber_count);
        if self.settings.max_subscriber_count > 0 && self.consumers.len() >= maximum {
            return false;
        }
        self.consumers.push_front(Consumer { id, slots: slots.max(1), in_flight: 0, total: 0 });
        true
    }

    /// Takes a consumer away. What it had goes to the others, and does not count as handed out.
    pub(crate) fn disconnect(&mut self, id: ConsumerId) {
        self.consumers.retain(|consumer| consumer.id != id);
        let mut had: Vec<Message> =
            self.in_flight.extract_if(|_, it| it.consumer == id).map(|(_, it)| it.message).collect();
        had.sort_by_key(|message| message.place);
        had.into_iter().rev().for_each(|message| self.waiting.push_front(message));
    }

    /// How many more events of the source are wanted.
    pub(crate) fn wants(&self) -> usize {
        let room = at_least_one(self.settings.history_buffer_size).saturating_sub(self.waiting.len());
        match self.consumers.is_empty() {
            true => 0,
            false => room.min(at_least_one(self.settings.read_batch_size)),
        }
    }

    /// An event of the source, or a parked one that is to be handed out again.
    pub(crate) fn offer(&mut self, message: Message) {
        match message.place {
            Place::Source(place) => {
                self.source.open(place);
                self.waiting.push_back(message);
            }
            Place::Parked(revision) => {
                self.parked.open(revision);
                self.waiting.push_front(message);
            }
        }
    }

    /// Hands out what waits, as far as the consumers have room: whom to send what.
    pub(crate) fn dispatch(&mut self, now: Instant) -> Vec<(ConsumerId, Message)> {
        let (mut sent, mut index) = (Vec::new(), 0);
        while let Some(message) = self.waiting.get(index)
            && self.consumers.iter().any(has_room)
        {
            // Two events of one id could not be told apart when one is acknowledged.
            let free = !self.in_flight.contains_key(&message.id());
            let chosen = self.choose(message).filter(|_| free);
            let Some((mut consumer, message)) =
                chosen.and_then(|it| self.consumers.remove(it).zip(self.waiting.remove(index)))
            else {
                index += 1;
                continue;
            };
            consumer.in_flight += 1;
            consumer.total += 1;
            let timeout = u64::try_from(self.settings.message_timeout_ms).ok().filter(|timeout| *timeout > 0);
            let deadline = timeout.map(|timeout| now + Duration::from_millis(timeout));
            let in_flight = InFlight { message: message.clone(), consumer: consumer.id, deadline };
            self.in_flight.insert(message.id(), in_flight);
            sent.push((consumer.id, message));
            self.consumers.push_back(consumer);
        }
        sent
    }

    /// The events were handled.
    pub(crate) fn ack(&mut self, ids: &[Uuid]) {
        for id in ids {
            if let Some(message) = self.take_back(id) {
                self.close(message.place);
            }
        }
    }

    /// The events were not handled. What is to be parked is closed by the caller once it is.
    pub(crate) fn nack(&mut self, ids: &[Uuid], action: Nack, reason: &str) -> Vec<Parking> {
        let messages: Vec<_> = ids.iter().filter_map(|id| self.take_back(id)).collect();
        let parking =
            |message| Parking { message, reason: format!("Client explicitly NAK'ed message.\n{reason}") };
        match action {
            Nack::Park => messages.into_iter().map(parking).collect(),
            Nack::Retry => self.retry(messages),
            Nack::Skip => {
                messages.iter().for_each(|message| self.close(message.place));
                Vec::new()
            }
        }
    }

    /// Takes back what a consumer had for too long.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<Parking> {
        let late = |it: &InFlight| it.deadline.is_some_and(|deadline| deadline <= now);
        let ids: Vec<Uuid> = self.in_flight.iter().filter(|(_, it)| late(it)).map(|(id, _)| *id).collect();
        let messages = ids.iter().filter_map(|id| self.take_back(id)).collect();
        self.retry(messages)
    }

    /// What lies at this place is done with.
    pub(crate) fn close(&mut self, place: Place) {
        match place {
            Place::Source(place) => self.progress += self.source.close(place),
            Place::Parked(revision) => {
                self.parked.close(revision);
            }
        }
    }

    /// The progress that is to be stored now; at once if the subscription ends.
    pub(crate) fn checkpoint(&self, now: Instant, ends: bool) -> Option<u64> {
        let due = self.checkpoint_due().is_some_and(|due| due <= now);
        self.source.done().filter(|done| Some(*done) != self.stored && (due || ends))
    }

    /// Progress was stored.
    pub(crate) fn stored(&mut self, place: u64, now: Instant) {
        (self.stored, self.stored_at, self.progress) = (Some(place), now, 0);
    }

    /// When there is something to do that nobody asks for.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let expires = self.in_flight.values().filter_map(|it| it.deadline);
        expires.chain(self.checkpoint_due()).min()
    }

    /// The last parked event before which every one that was handed out again is done with.
    pub(crate) fn parked_done(&self) -> Option<u64> {
        self.parked.done()
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn consumers(&self) -> impl Iterator<Item = &Consumer> {
        self.consumers.iter()
    }

    pub(crate) fn stored_place(&self) -> Option<u64> {
        self.stored
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// How many messages wait: those that come again, and the others.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        let again = self.waiting.iter().filter(|message| message.retry_count > 0).count();
        (again, self.waiting.len() - again)
    }

    fn checkpoint_due(&self) -> Option<Instant> {
        let reached = |count: i32| self.progress as usize >= at_least_one(count);
        let patience = u64::try_from(self.settings.checkpoint_after_ms).unwrap_or(0);
        match () {
            () if reached(self.settings.max_checkpoint_count) => Some(self.stored_at),
            () if reached(self.settings.min_checkpoint_count) => {
                Some(self.stored_at + Duration::from_millis(patience))
            }
            () => None,
        }
    }

    /// Takes a message from the consumer that has it.
    fn take_back(&mut self, id: &Uuid) -> Option<Message> {
        let InFlight { message, consumer, .. } = self.in_flight.remove(id)?;
        if let Some(consumer) = self.consumers.iter_mut().find(|it| it.id == consumer) {
            consumer.in_flight -= 1;
        }
        Some(message)
    }

    /// Lets messages come again, before all others, unless they did so too often.
    fn retry(&mut self, mut messages: Vec<Message>) -> Vec<Parking> {
        messages.sort_by_key(|message| message.place);
        let maximum = self.settings.max_retry_count;
        let (again, spent): (Vec<_>, Vec<_>) = messages.into_iter().partition(|it| it.retry_count < maximum);
        for message in again.into_iter().rev() {
            self.waiting.push_front(Message { retry_count: message.retry_count + 1, ..message });
        }
        let reason = format!("Reached retry count of {maximum}");
        spent.into_iter().map(|message| Parking { message, reason: reason.clone() }).collect()
    }

    /// The index of the consumer that gets this message next, if that one has room.
    fn choose(&self, message: &Message) -> Option<usize> {
        let mut all = self.consumers.iter().enumerate();
        let chosen = match self.settings.strategy {
            Strategy::RoundRobin => all.find(|(_, it)| has_room(it)),
            Strategy::DispatchToSingle => all.filter(|(_, it)| has_room(it)).min_by_key(|(_, it)| it.id),
            // The consumer with the greatest weight for the key: when one comes or goes, only its own keys move.
            Strategy::Pinned | Strategy::PinnedByCorrelation => {
                let key = self.pin(message);
                all.max_by_key(|(_, it)| hash(&(&key, it.id))).filter(|(_, it)| has_room(it))
            }
        };
        chosen.map(|(index, _)| index)
    }

    /// What messages that go to one consumer have in common.
    fn pin(&self, message: &Message) -> String {
        let Some(record) = message.resolved.event.as_ref().or(message.resolved.link.as_ref()) else {
            return String::new();
        };
        match self.settings.strategy {
            Strategy::PinnedByCorrelation => correlation_id(record),
            _ => None,
        }
        .unwrap_or_else(|| record.stream.to_string())
    }
}

fn correlation_id(record: &Record) -> Option<String> {
    let metadata: serde_json::Value = serde_json::from_slice(&record.event.metadata).ok()?;
    Some(metadata.get("$correlationId")?.as_str()?.to_owned())
}

fn has_room(consumer: &Consumer) -> bool {
    consumer.in_flight < consumer.slots
}

/// Sizes and counts below 1 make no sense: they mean 1.
fn at_least_one(setting: i32) -> usize {
    usize::try_from(setting).unwrap_or(0).max(1)
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
