//! Which calls of a command are still to be met, and what came of those that were.

use std::{collections::VecDeque, time::Duration};

use anyhow::Result;

use super::{
    case::{Harm, Met},
    track::Leg,
};
use crate::chaos::Row;

/// How often people hear of it: after so many calls.
const TOLD_EVERY: usize = 25;

/// The calls of one command, each harm's after the other's.
pub(super) struct Course {
    pub(super) leg: &'static Leg,
    rounds: Vec<Round>,
}

/// The calls that meet one harm.
struct Round {
    harm: Harm,
    left: Left,
    /// Of how many calls some were picked; none where every call is met.
    picked_of: Option<usize>,
    met: usize,
    /// How many were met before anything was changed.
    early: usize,
    duplicates: usize,
    failures: Vec<String>,
    took: Duration,
}

enum Left {
    /// Every call from here on, until a run ends without having met its call.
    From(usize),
    These(VecDeque<usize>),
}

impl Course {
    /// Every call of the command.
    pub(super) fn of_all(leg: &'static Leg, harms: &[Harm]) -> Self {
        let round = |harm: &Harm| Round::new(*harm, Left::From(0), None);
        Self { leg, rounds: harms.iter().map(round).collect() }
    }

    /// As many of its calls as are said, which the seed spreads over them from the first change on. `changing` says of each
    /// call of an undisturbed run whether it changes something.
    pub(super) fn of_some(
        leg: &'static Leg,
        harms: &[Harm],
        count: usize,
        seed: u64,
        changing: &[bool],
    ) -> Self {
        let changes = changing.iter().filter(|changes| **changes).count();
        let first = changing.iter().position(|changes| *changes).unwrap_or(0);
        let round = |harm: &Harm| {
            let (from, to) = match harm {
                Harm::ReplyLost => (0, changes),
                Harm::Killed | Harm::Terminated => (first, changing.len()),
            };
            Round::new(*harm, Left::These(spread(from, to, count, seed ^ *harm as u64)), Some(to))
        };
        Self { leg, rounds: harms.iter().map(round).collect() }
    }

    pub(super) fn is_done(&self) -> bool {
        self.next().is_none()
    }

    /// The next harm, and the call that is to meet it.
    pub(super) fn next(&self) -> Option<(Harm, usize)> {
        self.rounds.iter().find_map(|round| Some((round.harm, round.next()?)))
    }

    /// Notes what came of the next call, of about `total`.
    pub(super) fn note(
        &mut self,
        ended: Result<Met>,
        took: Duration,
        total: usize,
        progress: &(dyn Fn(&str) + Sync),
    ) {
        let Some(round) = self.rounds.iter_mut().find(|round| round.next().is_some()) else { return };
        round.took += took;
        let what = round.what(self.leg);
        if let Err(error) = &ended {
            let failure = format!("{what}, k = {}: {error:#}", round.next().unwrap_or_default());
            progress(&failure);
            round.failures.push(failure);
        }
        round.count(&ended);
        if round.met.is_multiple_of(TOLD_EVERY) || round.next().is_none() {
            progress(&format!("{what}: {} of about {total}, {:.0} s", round.met, round.took.as_secs_f32()));
        }
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Row> {
        self.rounds.iter().map(|round| round.row(self.leg))
    }
}

impl Round {
    fn new(harm: Harm, left: Left, picked_of: Option<usize>) -> Self {
        let (failures, took) = (Vec::new(), Duration::ZERO);
        Self { harm, left, picked_of, met: 0, early: 0, duplicates: 0, failures, took }
    }

    fn next(&self) -> Option<usize> {
        match &self.left {
            Left::From(call) => Some(*call),
            Left::These(calls) => calls.front().copied(),
        }
    }

    fn count(&mut self, ended: &Result<Met>) {
        match ended {
            Ok(Met::Nothing) => {}
            Ok(Met::Early) => (self.met, self.early) = (self.met + 1, self.early + 1),
            Ok(Met::Mended { duplicates }) => {
                (self.met, self.duplicates) = (self.met + 1, self.duplicates + duplicates);
            }
            Err(_) => self.met += 1,
        }
        match (&mut self.left, ended) {
            (Left::From(_), Ok(Met::Nothing)) => self.left = Left::These(VecDeque::new()),
            (Left::From(call), _) => *call += 1,
            (Left::These(calls), _) => drop(calls.pop_front()),
        }
    }

    fn what(&self, leg: &Leg) -> String {
        let harm = match self.harm {
            Harm::Killed => "killed after call k",
            Harm::Terminated => "SIGTERM at call k",
            Harm::ReplyLost => "reply to change k lost",
        };
        format!("{}, {harm}", leg.name)
    }

    fn row(&self, leg: &Leg) -> Row {
        let calls = if self.harm == Harm::ReplyLost { "changes" } else { "calls" };
        let mut found = vec![format!("{:.1} s a case", self.took.as_secs_f32() / self.met.max(1) as f32)];
        if self.early > 0 {
            found.insert(0, format!("{} before the first change", self.early));
        }
        if self.duplicates > 0 {
            found.insert(0, format!("{} duplicates made and removed", self.duplicates));
        }
        Row {
            what: self.what(leg),
            times: match self.picked_of {
                None => format!("every k of {}", self.met),
                Some(of) => format!("{} of {of} {calls}", self.met),
            },
            found: found.join(", "),
            failures: self.failures.clone(),
            took: self.took,
        }
    }
}

/// So many numbers from `from` until `to`, one in each of as many equal parts.
fn spread(from: usize, to: usize, count: usize, seed: u64) -> VecDeque<usize> {
    let part = to.saturating_sub(from) / count.max(1);
    let pick = |place: usize| from + place * part + mixed(seed, place as u64) as usize % part.max(1);
    (0..count).map(pick).collect()
}

/// A number by chance that depends on these two alone: a round of SplitMix64.
fn mixed(seed: u64, place: u64) -> u64 {
    let mut mixed = seed.wrapping_add((place + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
