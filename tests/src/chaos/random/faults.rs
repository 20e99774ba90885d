//! Which faults a seed brings, and how patient the client is with them.

use std::time::Duration;

use localstack::proxy::{Fault, Request, Seeded, Verdict};

/// How much harm there is, and to what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mix {
    /// Which part of the calls meets a fault: 0.2 is every fifth.
    rate: f64,
    /// Whether only what may change something meets one.
    spares_reads: bool,
    /// How often the SDK makes a call at most.
    pub(super) attempts: u32,
}

const KINDS: [Fault; 7] = [
    Fault::Throttled,
    Fault::Unavailable,
    Fault::ResetBefore,
    Fault::ResetAfter,
    Fault::Stale,
    Fault::SlowBody(Duration::from_millis(100)),
    Fault::Late(Duration::from_millis(100)),
];

impl Mix {
    /// With five attempts, as shipped, a run seldom fails. With fewer it fails while it looks, and with one for each change
    /// it fails half-way, unless the families know what to do.
    const ALL: [Self; 4] = [
        Self { rate: 0.2, spares_reads: false, attempts: 5 },
        Self { rate: 0.2, spares_reads: false, attempts: 3 },
        Self { rate: 0.1, spares_reads: false, attempts: 2 },
        Self { rate: 0.2, spares_reads: true, attempts: 1 },
    ];

    pub(super) const CALM: Self = Self { rate: 0.0, ..Self::ALL[0] };

    pub(super) fn of(seed: u64) -> Self {
        Self::ALL[(seed % 4) as usize]
    }

    /// What calls meet, all kinds of faults alike. Each run of each scenario has its own.
    pub(super) fn faults(
        self,
        seed: u64,
        scenario: usize,
        run: usize,
    ) -> impl Fn(&Request) -> Verdict + Send + Sync {
        let rate = self.rate / KINDS.len() as f64;
        let own = seed.wrapping_mul(1000).wrapping_add((scenario * 10 + run) as u64);
        let seeded = Seeded::new(own, KINDS.map(|kind| (kind, rate)));
        move |request| match self.spares_reads && request.is_read() {
            true => Verdict::default(),
            false => seeded.verdict(request),
        }
    }
}

/// The kind in a word or two.
pub(super) fn word(fault: Fault) -> &'static str {
    match fault {
        Fault::Throttled => "throttled",
        Fault::Unavailable => "unavailable",
        Fault::ResetBefore => "reset before",
        Fault::ResetAfter => "reset after",
        Fault::Stale => "stale",
        Fault::SlowBody(_) => "slow",
        Fault::Late(_) => "late",
    }
}
