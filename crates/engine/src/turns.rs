//! Whose turn it is: how many steps run at once, and which go first where more could begin.

use std::cmp::Reverse;

use resource::{Kind, Step};

/// How many steps run at once: a number for each service, and none for all of them together, because AWS throttles the
/// calls of an account by service. A service is what kinds have before their last colons: `AWS::EC2` of `AWS::EC2::VPC`.
///
/// The SDK sends a throttled call again, at most four times, after up to 1, 2, 4 and 8 s: 7.5 s in all on average. A
/// bound is right where a service serves all that are at once under way within that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concurrency {
    /// The bound of a service that is not `named`: 8. A step has one call under way, sometimes a few.
    pub others: usize,
    /// The bounds of services that take fewer.
    pub named: &'static [(&'static str, usize)],
}

impl Default for Concurrency {
    fn default() -> Self {
        Self { others: 8, named: &[] }
    }
}

impl Concurrency {
    /// Whether a step of `kind` may begin beside steps of these.
    pub(crate) fn allows<'a>(&self, kind: &Kind, running: impl Iterator<Item = &'a Kind>) -> bool {
        let named = self.named.iter().find(|(name, _)| *name == service(kind));
        let most = named.map_or(self.others, |(_, most)| *most);
        running.filter(|other| service(other) == service(kind)).count() < most.max(1)
    }
}

fn service(kind: &Kind) -> &str {
    kind.as_str().rsplit_once("::").map_or(kind.as_str(), |(service, _)| service)
}

/// The `wanted` places, those with the longest chain of steps behind them first: no run ends before its longest chain does.
pub(crate) fn of(steps: &[Step], wanted: &[usize]) -> Vec<usize> {
    let mut behind = vec![0; steps.len()];
    // A step comes after all that it waits for, so from the last one on, what is behind a step is known.
    for (place, step) in steps.iter().enumerate().rev() {
        for &other in &step.after {
            behind[other] = behind[other].max(behind[place] + 1);
        }
    }
    let mut turns = wanted.to_vec();
    turns.sort_by_key(|place| Reverse(behind[*place]));
    turns
}
