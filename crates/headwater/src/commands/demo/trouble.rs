//! What goes wrong with service B, and when.

use std::{
    ops::Range,
    sync::atomic::{AtomicBool, Ordering},
};

use uuid::Uuid;

/// How many of 100 items B answers with 500 while it is in trouble.
const ERRORS_PERCENT: u128 = 50;
/// For how many of 100 it gives no answer at all.
const SILENCES_PERCENT: u128 = 15;

/// What a question to B meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Harm {
    /// It is answered with 500.
    Error,
    /// It is never answered.
    Silence,
}

/// Whether B is in trouble now, and what it does then. Which item meets what follows from the seed alone.
#[derive(Debug)]
pub(super) struct Trouble {
    seed: u64,
    on: AtomicBool,
}

impl Trouble {
    /// None yet.
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, on: AtomicBool::new(false) }
    }

    /// The requests of `total` that find B in trouble: the middle third.
    pub(super) fn span(total: u64) -> Range<u64> {
        total / 3..total - total / 3
    }

    /// Begins or ends it.
    pub(super) fn set(&self, on: bool) {
        self.on.store(on, Ordering::Relaxed);
    }

    /// What a question about this item meets now.
    pub(super) fn meets(&self, item: u64) -> Option<Harm> {
        self.on.load(Ordering::Relaxed).then(|| harm(self.seed, item)).flatten()
    }
}

fn harm(seed: u64, item: u64) -> Option<Harm> {
    // A hash that is the same everywhere: nothing here needs more chance than that.
    let hash = Uuid::new_v5(&Uuid::from_u64_pair(0, seed), &item.to_be_bytes()).as_u128();
    match hash % 100 {
        below if below < ERRORS_PERCENT => Some(Harm::Error),
        below if below < ERRORS_PERCENT + SILENCES_PERCENT => Some(Harm::Silence),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_goes_wrong_before_and_after() {
        let trouble = Trouble::new(1);
        let harmed = || (0..100).filter(|item| trouble.meets(*item).is_some()).count();
        assert_eq!(harmed(), 0);
        trouble.set(true);
        assert!(harmed() > 0);
        trouble.set(false);
        assert_eq!(harmed(), 0);
        assert_eq!(Trouble::span(300), 100..200);
    }

    #[test]
    fn every_seed_has_errors_silences_and_answers_and_a_seed_has_them_again() {
        for seed in 0..50 {
            let all = || -> Vec<_> { (0..100).map(|item| harm(seed, item)).collect() };
            for wanted in [Some(Harm::Error), Some(Harm::Silence), None] {
                assert!(all().contains(&wanted), "seed {seed} has no {wanted:?}");
            }
            assert_eq!(all(), all());
        }
        assert_ne!(
            (0..100).map(|item| harm(1, item)).collect::<Vec<_>>(),
            (0..100).map(|item| harm(2, item)).collect::<Vec<_>>()
        );
    }
}
