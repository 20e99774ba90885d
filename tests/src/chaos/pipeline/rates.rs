//! Which faults calls meet, and how often.

use std::time::Duration;

use localstack::proxy::Fault;

use super::chance::Chance;

/// The names of the faults, for people.
pub(super) fn name(fault: Fault) -> &'static str {
    match fault {
        Fault::Throttled => "throttled",
        Fault::Unavailable => "answered with 503",
        Fault::ResetBefore => "reset before the call",
        Fault::ResetAfter => "reset after it",
        Fault::Stale => "stale",
        Fault::SlowBody(_) => "slow bodies",
        Fault::Late(_) => "late",
    }
}

/// Faults of a seed whose rates add up to `most` at most, each with a share by chance.
pub(super) fn of(seed: u64, most: f64) -> Vec<(Fault, f64)> {
    let mut chance = Chance::of(seed, "rates");
    let millis = |chance: &mut Chance| Duration::from_millis(50 + chance.below(450) as u64);
    let faults = [
        Fault::Throttled,
        Fault::Unavailable,
        Fault::ResetBefore,
        Fault::ResetAfter,
        Fault::SlowBody(millis(&mut chance)),
        Fault::Late(millis(&mut chance)),
    ];
    let together = most * (0.5 + chance.below(51) as f64 / 100.0);
    let shares = faults.map(|_| 1 + chance.below(4));
    let all = shares.iter().sum::<usize>() as f64;
    faults.into_iter().zip(shares).map(|(fault, share)| (fault, together * share as f64 / all)).collect()
}
