//! What is sent: events over many requests by turns, some of them again in other words, and poison among them.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
};

use anyhow::{Result, bail};
use event::{
    Event,
    dead_letter::{Attribute, Message},
};

use super::{
    chance::Chance,
    poison::{self, Poison},
};

/// Every so many events there is one that is sent twice, the second time in other words: as many as 5 in 100.
const ONE_TWICE_IN: usize = 20;
/// Every so many events there is one whose id another event has, too, with other content.
const ONE_NAMESAKE_IN: usize = 200;
/// Every so many events there is a message that can never be stored.
const ONE_POISON_IN: usize = 66;
/// How far what belongs together lies apart at most, in messages: the events of a request, and an event and its duplicate.
const APART: usize = 400;

const TYPES: [&str; 6] =
    ["ORDER_PLACED", "ORDER_PAID", "STOCK_RESERVED", "PARCEL_SENT", "MICROSERVICE_REQUEST", "Rückfrage"];
const SOURCES: [&str; 4] = ["Gateway", "Shop", "Warehouse", "Ledger"];

/// An event's place in the journal: its request, and its key there.
pub(super) type Place = (String, String);

/// What is sent, and what has to become of it. It follows from a seed alone.
pub(super) struct Load {
    /// All messages, in the order in which they are sent.
    pub(super) messages: Vec<Sent>,
    /// The events that have to be stored, by place.
    pub(super) events: BTreeMap<Place, Event>,
    /// What has to be given up, by its body, which no two have in common.
    pub(super) poison: HashMap<String, Poison>,
    /// How many messages are duplicates of another.
    pub(super) duplicates: usize,
    /// How many events have the id of another.
    pub(super) namesakes: usize,
}

/// A message that is sent.
pub(super) struct Sent {
    /// It.
    pub(super) message: Message,
    /// Whether it can never be stored.
    pub(super) is_poison: bool,
}

impl Load {
    /// A load of `count` events that differ, and what is sent beside them.
    ///
    /// # Errors
    /// An event is none, or two are one: the load is at fault.
    pub(super) fn of(seed: u64, count: usize) -> Result<Self> {
        let mut writer = Writer { chance: Chance::of(seed, "load"), requests: Vec::new() };
        let mut load = Self {
            messages: Vec::new(),
            events: BTreeMap::new(),
            poison: HashMap::new(),
            duplicates: 0,
            namesakes: 0,
        };
        // Each message with where in the order it is sent.
        let mut placed: Vec<(usize, Sent)> = Vec::new();
        let mut last: Option<Fields> = None;
        while load.events.len() < count {
            let at = load.events.len();
            let fields = match last.take() {
                Some(namesake) if writer.chance.one_in(ONE_NAMESAKE_IN) => {
                    load.namesakes += 1;
                    writer.namesake(namesake)
                }
                _ => writer.event(at),
            };
            let message = writer.message(&fields);
            load.expect(&message)?;
            placed.push((at + writer.chance.below(APART), Sent { message, is_poison: false }));
            if writer.chance.one_in(ONE_TWICE_IN) {
                load.duplicates += 1;
                let message = writer.message(&fields);
                placed.push((at + writer.chance.below(APART), Sent { message, is_poison: false }));
            }
            if at % ONE_POISON_IN == ONE_POISON_IN / 2 {
                let poison = poison::make(load.poison.len(), &fields, &mut writer.chance)?;
                let message = poison.message.clone();
                placed.push((at + writer.chance.below(APART), Sent { message, is_poison: true }));
                load.poison.insert(poison.message.body.clone(), poison);
            }
            last = Some(fields);
        }
        placed.sort_by_key(|(at, _)| *at);
        load.messages = placed.into_iter().map(|(_, sent)| sent).collect();
        Ok(load)
    }

    fn expect(&mut self, message: &Message) -> Result<()> {
        let event = Event::from_json(&message.body)?;
        let place = place(&event);
        if self.events.insert(place, event).is_some() {
            bail!("the load has an event twice: {}", message.body);
        }
        Ok(())
    }

    /// How many messages of each kind of poison there are.
    pub(super) fn poison_by_kind(&self) -> BTreeMap<&'static str, usize> {
        let mut by_kind = BTreeMap::new();
        for poison in self.poison.values() {
            *by_kind.entry(poison.kind).or_default() += 1;
        }
        by_kind
    }
}

/// Where the journal keeps an event.
pub(super) fn place(event: &Event) -> Place {
    (event.request_id().to_owned(), event.key().to_string())
}

/// The fields of an event with their values as JSON, in any order.
#[derive(Clone)]
pub(super) struct Fields {
    /// Names and values.
    pub(super) fields: Vec<(&'static str, String)>,
    /// A whole number in `data`, which can be written in several ways.
    number: usize,
    /// The other members of `data`.
    rest: String,
}

impl Fields {
    /// The object with its fields in this order.
    pub(super) fn json(&self) -> String {
        let members: Vec<_> = self.fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    }

    /// The same with another value in a field.
    pub(super) fn with(&self, field: &str, value: impl Into<String>) -> Self {
        let mut fields = self.clone();
        let value = value.into();
        if let Some((_, old)) = fields.fields.iter_mut().find(|(name, _)| *name == field) {
            *old = value;
        }
        fields
    }

    /// The value of a field.
    pub(super) fn value(&self, field: &str) -> &str {
        self.fields.iter().find(|(name, _)| *name == field).map_or("", |(_, value)| value)
    }
}

/// Writes events and the words that they are sent in.
struct Writer {
    chance: Chance,
    /// What is left of the requests that events are made for: id, and how many more.
    requests: Vec<(String, usize)>,
}

/// How many requests have their turns.
const REQUESTS_AT_ONCE: usize = 24;

impl Writer {
    fn event(&mut self, index: usize) -> Fields {
        let request = self.request();
        let id = match index % 9 {
            // Of EventStoreDB's sort are most, but not all.
            0 => format!("{} {index}", self.chance.of_these(&SOURCES)),
            _ => self.uuid(),
        };
        let mut rest = String::new();
        let filling = "payload ".repeat(self.chance.below(40));
        let deep =
            self.chance.of_these(&["null", "[0,false,\"\",null]", "{\"list\":[{\"at\":-1.5e-7}]}", "{}"]);
        // Writing into a text cannot fail.
        let _ = write!(rest, "\"name\":\"naïve — 事件 {index}\",\"filling\":\"{filling}\",\"deep\":{deep}");
        let number = self.chance.below(1_000_000);
        let fields = vec![
            ("id", quoted(&id)),
            ("requestId", quoted(&request)),
            ("timestamp", quoted(&self.timestamp(index))),
            ("type", quoted(self.chance.of_these(&TYPES))),
            ("source", quoted(self.chance.of_these(&SOURCES))),
            ("data", format!("{{\"number\":{number},{rest}}}")),
        ];
        Fields { fields, number, rest }
    }

    /// An event with the same id, time and request, and other content.
    fn namesake(&mut self, of: Fields) -> Fields {
        let number = of.number + 1;
        Fields { number, ..of.with("data", format!("{{\"number\":{number},{}}}", of.rest)) }
    }

    fn request(&mut self) -> String {
        while self.requests.len() < REQUESTS_AT_ONCE {
            let events = 5 + self.chance.below(6);
            let id = self.uuid();
            self.requests.push((id, events));
        }
        let turn = self.chance.below(self.requests.len());
        let (id, left) = &mut self.requests[turn];
        *left -= 1;
        let (id, is_last) = (id.clone(), *left == 0);
        if is_last {
            self.requests.swap_remove(turn);
        }
        id
    }

    fn uuid(&mut self) -> String {
        let (high, low) = (self.chance.number(), self.chance.number());
        let node = low & 0xffff_ffff_ffff;
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{node:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 52
        )
    }

    /// Some instant of some days, in no order; now and then in another offset, or finer.
    fn timestamp(&mut self, index: usize) -> String {
        let (day, hour) = (1 + self.chance.below(28), self.chance.below(24));
        let (minute, second) = (self.chance.below(60), self.chance.below(60));
        let end = match index % 5 {
            0 => "+05:30",
            1 => ".125Z",
            2 => ".000000001Z",
            _ => "Z",
        };
        format!("2026-03-{day:02}T{hour:02}:{minute:02}:{second:02}{end}")
    }

    /// The event in words of its own: another order of its fields, another form of its number, other white space.
    fn message(&mut self, event: &Fields) -> Message {
        let number = event.number;
        let number = match self.chance.below(3) {
            0 => number.to_string(),
            1 => format!("{number}.0"),
            _ => format!("{number}0e-1"),
        };
        let data = match self.chance.one_in(2) {
            true => format!("{{\"number\":{number},{}}}", event.rest),
            false => format!("{{ {} , \"number\" : {number}\n}}", event.rest),
        };
        let mut event = event.with("data", data);
        self.chance.shuffle(&mut event.fields);
        let body = match self.chance.one_in(2) {
            true => event.json(),
            false => format!(" {}\r\n", event.json().replacen(":", " :\t", 1)),
        };
        let mut message = Message { body, ..Message::default() };
        if self.chance.one_in(10) {
            message.attributes.insert("Trace".to_owned(), Attribute::string("a — b"));
        }
        message
    }
}

/// A text as JSON; none of ours has anything to escape.
fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}
