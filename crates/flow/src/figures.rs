//! Calls, counted.

use serde::Serialize;

use crate::{Call, Outcome, Verdict, Window};

/// Calls, counted: `calls` is the sum of `answered`, `failed`, `unanswered`, `pending` and `dropped`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// All.
    pub calls: u64,
    /// By the second.
    pub calls_per_second: f64,
    /// Answered.
    pub answered: u64,
    /// Failed, whosever fault that was.
    pub failed: u64,
    /// Failed, and a later attempt at the same was answered; they are among `failed` or `unanswered`.
    pub retried: u64,
    /// Without an answer for longer than one waits.
    pub unanswered: u64,
    /// Without an answer yet.
    pub pending: u64,
    /// Given up by the caller or not made by it, for reasons of its own.
    pub dropped: u64,
    /// The share of `failed` and `unanswered` in those and `answered`, 0 to 1; `None` where there are none.
    pub failure_rate: Option<f64>,
    /// The median duration of the answered calls.
    pub p50_microseconds: Option<u64>,
    /// The duration that 99 of 100 answered calls do not exceed.
    pub p99_microseconds: Option<u64>,
}

/// Calls while they are counted.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    figures: Figures,
    durations: Vec<u64>,
}

impl Tally {
    pub(crate) fn add(&mut self, call: &Call) {
        let figures = &mut self.figures;
        figures.calls += 1;
        figures.retried += u64::from(call.verdict == Some(Verdict::Retried));
        let count = match &call.outcome {
            _ if call.is_callers_own() => &mut figures.dropped,
            Outcome::Answered { duration_microseconds, .. } => {
                self.durations.extend(duration_microseconds);
                &mut figures.answered
            }
            Outcome::Failed { .. } => &mut figures.failed,
            Outcome::Unanswered { .. } => &mut figures.unanswered,
            Outcome::Pending { .. } => &mut figures.pending,
        };
        *count += 1;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.figures.calls == 0
    }

    /// The figures of the calls that began in `window`.
    pub(crate) fn figures(mut self, window: &Window) -> Figures {
        self.durations.sort_unstable();
        let seconds = window.seconds();
        let figures = self.figures;
        let failing = figures.failed + figures.unanswered;
        let finished = figures.answered + failing;
        Figures {
            calls_per_second: if seconds > 0.0 { figures.calls as f64 / seconds } else { 0.0 },
            failure_rate: (finished > 0).then(|| failing as f64 / finished as f64),
            p50_microseconds: percentile(&self.durations, 50),
            p99_microseconds: percentile(&self.durations, 99),
            ..figures
        }
    }
}

/// The smallest of the sorted values that so many of 100 do not exceed.
fn percentile(sorted: &[u64], of_hundred: usize) -> Option<u64> {
    let rank = (sorted.len() * of_hundred).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_value_that_so_many_do_not_exceed() {
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!((percentile(&hundred, 50), percentile(&hundred, 99)), (Some(50), Some(99)));
        assert_eq!((percentile(&[7], 50), percentile(&[7], 99)), (Some(7), Some(7)));
        assert_eq!((percentile(&[1, 9], 50), percentile(&[1, 9], 99)), (Some(1), Some(9)));
        assert_eq!(percentile(&[], 50), None);
    }
}
