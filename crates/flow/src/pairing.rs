//! Which two events are one call.
//!
//! Those of one source, service and span are, in whatever order they came. Where a sender gives no span, an answer belongs
//! to the oldest call of its source to that service that has none yet. A request without an answer and an answer without a
//! request are a call each. What says the same again is a repetition: an event with the id of another of its source, as
//! both sides of a conflict have, and a further request or answer of one span.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use event::{Event, call};
use time::OffsetDateTime;

use crate::{Call, Outcome, Part};

/// An event with what it says of a call.
pub(crate) struct Told<'a> {
    pub(crate) event: &'a Event,
    pub(crate) at: OffsetDateTime,
    said: Option<(Part, call::Call<'a>)>,
}

impl<'a> Told<'a> {
    pub(crate) fn of(event: &'a Event) -> Self {
        let part = match event.event_type() {
            call::REQUEST => Some(Part::Request),
            call::RESPONSE | call::FAILURE => Some(Part::Answer),
            _ => None,
        };
        let said = part.zip(call::Call::from_data(event.data()));
        Self { event, at: event.timestamp().instant(), said }
    }

    /// Where it is among the events of one instant: clocks that count seconds give a request and its answer the same one.
    pub(crate) fn rank(&self) -> u8 {
        match self.said {
            Some((Part::Request, _)) => 0,
            None => 1,
            Some(_) => 2,
        }
    }
}

/// The events of a call, as indices.
#[derive(Clone, Copy, Default)]
struct Pair {
    request: Option<usize>,
    answer: Option<usize>,
}

/// For each event what it is, and to which pair it belongs.
struct Pairing<'a, 'e> {
    told: &'e [Told<'a>],
    pairs: Vec<Pair>,
    parts: Vec<(Part, Option<usize>)>,
}

/// The calls that these events tell of, in the order in which they began, and for each event what it is to which of them.
/// The events are in the order of time.
pub(crate) fn pair(
    told: &[Told<'_>],
    now: OffsetDateTime,
    patience: Duration,
) -> (Vec<Call>, Vec<(Part, Option<usize>)>) {
    let mut pairing = Pairing { told, pairs: Vec::new(), parts: vec![(Part::Other, None); told.len()] };
    let once = pairing.without_repetitions();
    pairing.by_span(&once);
    pairing.by_turn(&once);
    pairing.into_calls(now, patience)
}

impl<'a> Pairing<'a, '_> {
    /// The events that say something of a call for the first time, by source and id.
    fn without_repetitions(&mut self) -> Vec<usize> {
        let mut first: HashMap<(&str, &str, Part), usize> = HashMap::new();
        let mut once = Vec::new();
        for (index, told) in self.told.iter().enumerate() {
            let Some((part, _)) = &told.said else { continue };
            let of = *first.entry((told.event.source(), told.event.id(), *part)).or_insert(index);
            if of == index {
                self.parts[index] = (*part, None);
                once.push(index);
            } else {
                // Until the pairs are known, it is named by the event that it repeats.
                self.parts[index] = (Part::Repetition, Some(of));
            }
        }
        once
    }

    /// Makes a pair of each span.
    fn by_span(&mut self, once: &[usize]) {
        type Span<'a> = (&'a str, Cow<'a, str>, Cow<'a, str>);
        let mut of_span: HashMap<Span<'a>, usize> = HashMap::new();
        for &index in once {
            let told = &self.told[index];
            let Some((part, call)) = &told.said else { continue };
            let Some(span) = &call.span else { continue };
            let key = (told.event.source(), call.name.clone(), span.clone());
            let pair = *of_span.entry(key).or_insert_with(|| {
                self.pairs.push(Pair::default());
                self.pairs.len() - 1
            });
            if self.take(pair, index, *part) {
                self.parts[index].1 = Some(pair);
            } else {
                self.parts[index] = (Part::Repetition, Some(self.parts_event(pair, *part)));
            }
        }
    }

    /// Pairs what is left, in the order of time. Two spans never pair.
    fn by_turn(&mut self, once: &[usize]) {
        #[derive(Default)]
        struct Open {
            spanned: VecDeque<(usize, usize)>,
            plain: VecDeque<(usize, usize)>,
        }
        let mut open: HashMap<(&str, Cow<'a, str>), Open> = HashMap::new();
        for &index in once {
            let told = &self.told[index];
            let Some((part, call)) = &told.said else { continue };
            if self.parts[index].0 == Part::Repetition {
                continue;
            }
            let open = open.entry((told.event.source(), call.name.clone())).or_default();
            match (part, self.parts[index].1) {
                (Part::Request, Some(pair)) if self.pairs[pair].answer.is_none() => {
                    open.spanned.push_back((index, pair));
                }
                (Part::Answer, Some(pair)) if self.pairs[pair].request.is_none() => {
                    if let Some((_, plain)) = open.plain.pop_front() {
                        self.pairs[pair] = Pair::default();
                        self.join(plain, index, *part);
                    }
                }
                (_, Some(_)) => {}
                (Part::Request, None) => {
                    let pair = self.begin(index, *part);
                    open.plain.push_back((index, pair));
                }
                (_, None) => {
                    let spanned_first = match (open.spanned.front(), open.plain.front()) {
                        (Some(spanned), Some(plain)) => spanned < plain,
                        (spanned, _) => spanned.is_some(),
                    };
                    let queue = if spanned_first { &mut open.spanned } else { &mut open.plain };
                    match queue.pop_front() {
                        Some((_, pair)) => self.join(pair, index, *part),
                        None => {
                            self.begin(index, *part);
                        }
                    }
                }
            }
        }
    }

    fn begin(&mut self, index: usize, part: Part) -> usize {
        self.pairs.push(Pair::default());
        let pair = self.pairs.len() - 1;
        self.join(pair, index, part);
        pair
    }

    fn join(&mut self, pair: usize, index: usize, part: Part) {
        self.take(pair, index, part);
        self.parts[index].1 = Some(pair);
    }

    /// Puts an event into its place of a pair, if that is free.
    fn take(&mut self, pair: usize, index: usize, part: Part) -> bool {
        let pair = &mut self.pairs[pair];
        let place = if part == Part::Request { &mut pair.request } else { &mut pair.answer };
        place.replace(index).is_none_or(|before| {
            *place = Some(before);
            false
        })
    }

    /// The event in that place of a pair.
    fn parts_event(&self, pair: usize, part: Part) -> usize {
        let Pair { request, answer } = self.pairs[pair];
        if part == Part::Request { request } else { answer }.unwrap_or_default()
    }

    fn into_calls(
        mut self,
        now: OffsetDateTime,
        patience: Duration,
    ) -> (Vec<Call>, Vec<(Part, Option<usize>)>) {
        for index in 0..self.parts.len() {
            // What a repetition repeats is no repetition itself, or one that comes before it.
            if let (Part::Repetition, Some(of)) = self.parts[index] {
                self.parts[index].1 = self.parts[of].1;
            }
        }
        let mut calls: Vec<(usize, Call)> = self
            .pairs
            .iter()
            .enumerate()
            .filter_map(|(index, pair)| Some((index, self.call(pair, now, patience)?)))
            .collect();
        let first = |pair: usize| self.pairs[pair].request.or(self.pairs[pair].answer);
        calls.sort_by_key(|(pair, call)| (call.started, first(*pair)));
        let mut place = vec![None; self.pairs.len()];
        for (index, (pair, _)) in calls.iter().enumerate() {
            place[*pair] = Some(index);
        }
        let parts =
            self.parts.iter().map(|(part, pair)| (*part, pair.and_then(|pair| place[pair]))).collect();
        (calls.into_iter().map(|(_, call)| call).collect(), parts)
    }

    fn call(&self, pair: &Pair, now: OffsetDateTime, patience: Duration) -> Option<Call> {
        let told = |index: Option<usize>| index.map(|index| &self.told[index]);
        let said = |told: Option<&'_ Told<'a>>| {
            told.and_then(|told| told.said.as_ref()).map(|(_, call)| call.clone())
        };
        let (request, answer) = (told(pair.request), told(pair.answer));
        let caller = request.or(answer)?.event.source().to_owned();
        let (asked, answered) = (said(request), said(answer));
        let begun = request.map(|request| request.at);
        let reported = answered.as_ref().and_then(|call| call.duration_microseconds);
        let started = begun.or_else(|| answer.map(|answer| before(answer.at, reported.unwrap_or(0))))?;
        let late = plus(started, patience);
        let (outcome, failed_at) = match (answer, answered.as_ref()) {
            (Some(answer), Some(said)) => {
                let duration = reported.or_else(|| begun.map(|begun| microseconds(begun, answer.at)));
                let outcome = outcome(answer.event.event_type(), said, duration);
                let failed = matches!(outcome, Outcome::Failed { .. });
                (outcome, failed.then_some(answer.at))
            }
            _ if late <= now => {
                (Outcome::Unanswered { for_microseconds: microseconds(started, now) }, Some(late))
            }
            _ => (Outcome::Pending { for_microseconds: microseconds(started, now) }, None),
        };
        let asked_first = [asked, answered].into_iter().flatten();
        let text = |of: fn(&call::Call<'a>) -> Option<Cow<'a, str>>| {
            asked_first.clone().find_map(|call| of(&call)).map(Cow::into_owned)
        };
        Some(Call {
            caller,
            service: text(|call| Some(call.name.clone()))?,
            method: text(|call| call.method.clone()),
            route: text(|call| call.route.clone()),
            attempt: asked_first.clone().find_map(|call| call.attempt),
            span: text(|call| call.span.clone()),
            parent_span: text(|call| call.parent.clone()),
            started,
            offset_microseconds: 0,
            outcome,
            parent: None,
            depth: 0,
            verdict: None,
            ended: answer.map(|answer| answer.at),
            failed_at,
        })
    }
}

/// What an answer says. A status of 500 or more is a failure, whatever the type.
fn outcome(event_type: &str, said: &call::Call<'_>, duration_microseconds: Option<u64>) -> Outcome {
    let status = said.status;
    if event_type == call::FAILURE || status.is_some_and(|status| status >= 500) {
        let error = said.error.as_deref().map(str::to_owned);
        Outcome::Failed { status, error, duration_microseconds }
    } else {
        Outcome::Answered { status, duration_microseconds }
    }
}

/// From one instant to another, 0 where that lies before.
pub(crate) fn microseconds(from: OffsetDateTime, to: OffsetDateTime) -> u64 {
    u64::try_from((to - from).whole_microseconds()).unwrap_or(0)
}

/// An instant that lies so long before, or `instant` where no clock shows that.
fn before(instant: OffsetDateTime, microseconds: u64) -> OffsetDateTime {
    let span = i64::try_from(microseconds).map(time::Duration::microseconds).ok();
    let earlier = span.and_then(|span| instant.checked_sub(span));
    earlier.filter(|earlier| earlier.year() >= 0).unwrap_or(instant)
}

/// An instant that lies so long after, or the last one.
fn plus(instant: OffsetDateTime, span: Duration) -> OffsetDateTime {
    let span = time::Duration::try_from(span).unwrap_or(time::Duration::MAX);
    instant.saturating_add(span)
}
