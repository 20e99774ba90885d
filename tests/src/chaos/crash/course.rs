//! Which calls of a command are still to be met, and what came of those that were.

use std::{collections::VecDeque, time::Duration};

use anyhow::Result;

use super::{
    case::{Harm, Met, Place},
    track::Leg,
};
use crate::chaos::{Only, Row, Settings, Size, Slice};

/// How often people hear of it: after so many calls.
const TOLD_EVERY: usize = 25;
/// How many calls are met of each command by each harm, where not all are.
const PICKS: usize = 1;

/// The calls of one command, each harm's after the other's.
pub(super) struct Course {
    pub(super) leg: &'static Leg,
    rounds: Vec<Round>,
}

/// The calls that meet one harm.
struct Round {
    what: String,
    harm: Harm,
    /// Whether k counts the changes alone.
    counts_changes: bool,
    slice: Slice,
    left: Left,
    /// Of how many calls some were picked; none where every one is met.
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
    From(Place),
    These(VecDeque<Place>),
}

/// Whether rows of that name are wanted.
pub(super) fn is_wanted(leg: &Leg, harm: Harm, settings: &Settings<'_>) -> bool {
    let what = what(leg, harm, settings.size);
    settings.only.is_none_or(|only| what.contains(&only.what))
}

/// What is harmed and how.
fn what(leg: &Leg, harm: Harm, size: Size) -> String {
    let call = if size == Size::Changes { "change" } else { "call" };
    let harm = match harm {
        Harm::Killed => format!("killed after {call} k"),
        Harm::Terminated => format!("SIGTERM at {call} k"),
        Harm::ReplyLost => "reply to change k lost".to_owned(),
    };
    format!("{}, {harm}", leg.name)
}

impl Course {
    /// The calls that are met at that size. `changing` says of each call of an undisturbed run whether it changes something.
    pub(super) fn of(leg: &'static Leg, harms: &[Harm], changing: &[bool], settings: &Settings<'_>) -> Self {
        let wanted = harms.iter().filter(|harm| is_wanted(leg, **harm, settings));
        Self { leg, rounds: wanted.map(|harm| Round::of(leg, *harm, changing, settings)).collect() }
    }

    pub(super) fn is_done(&self) -> bool {
        self.next().is_none()
    }

    /// The next harm, and the call that is to meet it.
    pub(super) fn next(&self) -> Option<(Harm, Place)> {
        self.rounds.iter().find_map(|round| Some((round.harm, round.next()?)))
    }

    /// Notes what came of the next call.
    pub(super) fn note(&mut self, ended: Result<Met>, took: Duration, settings: &Settings<'_>) {
        let next = self.rounds.iter_mut().find_map(|round| Some((round.next()?, round)));
        let Some((place, round)) = next else { return };
        round.took += took;
        if let Err(error) = &ended {
            let failure = format!("{}, {place}: {error:#}\n{}", round.what, round.again(place, settings));
            (settings.progress)(&failure);
            round.failures.push(failure);
        }
        round.count(&ended);
        if round.met.is_multiple_of(TOLD_EVERY) || round.next().is_none() {
            (settings.progress)(&format!("{}: {}, {:.0} s", round.what, round.met, round.took.as_secs_f32()));
        }
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Row> {
        self.rounds.iter().map(Round::row)
    }
}

impl Round {
    fn of(leg: &Leg, harm: Harm, changing: &[bool], settings: &Settings<'_>) -> Self {
        let what = what(leg, harm, settings.size);
        let counts_changes = harm == Harm::ReplyLost || settings.size == Size::Changes;
        let place: fn(usize) -> Place = if counts_changes { Place::Change } else { Place::Call };
        let changes = changing.iter().filter(|changes| **changes).count();
        let first = changing.iter().position(|changes| *changes).unwrap_or(0);
        let slice = settings.slice;
        let (from, to) = if counts_changes { (0, changes) } else { (first, changing.len()) };
        let (left, picked_of) = match (settings.only, settings.size) {
            (Some(Only { at: Some(k), .. }), _) => (Left::These([place(*k)].into()), Some(to)),
            // The one before the first change comes before them all.
            (_, Size::Changes) if harm != Harm::ReplyLost => {
                let before = Place::BeforeChanges(first.saturating_sub(1));
                (Left::From(if slice.number == 1 { before } else { place(slice.number - 2) }), None)
            }
            (_, Size::Full | Size::Changes) => (Left::From(place(slice.number - 1)), None),
            // The seed spreads them over all from the first change on.
            (_, Size::Smoke) => {
                let picked = spread(from, to, PICKS, settings.seed ^ harm as u64);
                (Left::These(picked.into_iter().map(place).collect()), Some(to))
            }
        };
        let (failures, took) = (Vec::new(), Duration::ZERO);
        Self {
            what,
            harm,
            counts_changes,
            slice,
            left,
            picked_of,
            met: 0,
            early: 0,
            duplicates: 0,
            failures,
            took,
        }
    }

    fn next(&self) -> Option<Place> {
        match &self.left {
            Left::From(place) => Some(*place),
            Left::These(places) => places.front().copied(),
        }
    }

    /// The command that does the same again.
    fn again(&self, place: Place, settings: &Settings<'_>) -> String {
        let size = match settings.size {
            Size::Smoke => "",
            Size::Changes => " --changes",
            Size::Full => " --full",
        };
        let at = match place {
            Place::Call(k) | Place::Change(k) => format!(" --at {k}"),
            Place::BeforeChanges(_) => String::new(),
        };
        format!("`cargo xtask chaos{size} --only '{}'{at}`", self.what)
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
            (Left::From(place), _) => *place = place.after(self.slice.of),
            (Left::These(places), _) => drop(places.pop_front()),
        }
    }

    fn row(&self) -> Row {
        // One before the first change is no change.
        let (met, calls) =
            if self.counts_changes { (self.met - self.early, "changes") } else { (self.met, "calls") };
        let mut found = vec![format!("{:.1} s a case", self.took.as_secs_f32() / self.met.max(1) as f32)];
        if self.early > 0 {
            found.insert(0, format!("{} before the first change", self.early));
        }
        if self.duplicates > 0 {
            found.insert(0, format!("{} duplicates made and removed", self.duplicates));
        }
        Row {
            what: self.what.clone(),
            times: match self.picked_of {
                None if self.slice != Slice::WHOLE => format!("{met} {calls}, slice {}", self.slice),
                None => format!("every k of {met} {calls}"),
                Some(of) => format!("{met} of {of} {calls}"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::crash::track::TRACKS;

    /// The places of a run with so many changes that a slice of a sweep of the changes meets.
    fn met(harm: Harm, slice: Slice, changes: usize) -> Vec<Place> {
        let changing: Vec<_> = [false, false].into_iter().chain(vec![true; changes]).collect();
        let settings = Settings { size: Size::Changes, seed: 1, only: None, slice, progress: &|_| () };
        let mut round = Round::of(&TRACKS[0].legs[0], harm, &changing, &settings);
        let mut met = Vec::new();
        while let Some(place) = round.next() {
            let is_there = !matches!(place, Place::Change(number) if number >= changes);
            met.extend(is_there.then_some(place));
            round.count(&Ok(if is_there { Met::Mended { duplicates: 0 } } else { Met::Nothing }));
        }
        met
    }

    #[test]
    fn the_slices_of_a_sweep_meet_every_change_once_and_a_signal_comes_before_the_first_as_well() {
        for (harm, more) in [(Harm::Killed, 1), (Harm::Terminated, 1), (Harm::ReplyLost, 0)] {
            let whole = met(harm, Slice::WHOLE, 7);
            let changes: Vec<_> = (0..7).map(Place::Change).collect();
            assert_eq!((whole.len(), &whole[more..]), (7 + more, &changes[..]));
            assert!(more == 0 || whole[0] == Place::BeforeChanges(1));
            for of in 1..10 {
                let slices = (1..=of).flat_map(|number| met(harm, Slice { number, of }, 7));
                let slices: Vec<_> = slices.collect();
                let each_once =
                    whole.iter().all(|place| slices.iter().filter(|one| *one == place).count() == 1);
                assert!(each_once && slices.len() == whole.len(), "{slices:?}");
            }
        }
    }

    #[test]
    fn a_slice_is_written_as_which_of_how_many() {
        assert_eq!("2/6".parse::<Slice>().ok(), Some(Slice { number: 2, of: 6 }));
        for text in ["0/6", "7/6", "2", "a/b", "1/0"] {
            assert!(text.parse::<Slice>().is_err(), "{text}");
        }
    }
}
