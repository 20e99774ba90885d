//! The random sweep: faults by chance while an environment is deployed, changed and destroyed. Runs may fail, but tell why; the
//! same command goes on from where they were; and what is there in the end is what it would be without any fault.
//!
//! What a call meets depends on the seed and on the call, not on the order in which concurrent calls come. So a seed that
//! failed fails again.

mod faults;
mod judge;
mod runs;

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use engine::Mode;
use futures::future::try_join_all;

use self::{
    faults::Mix,
    judge::{Judged, State},
};
use super::{
    Row, Settings, Size,
    inventory::{Inventory, inventory},
    lab::Lab,
};

/// How many seeds there are where chance is to have its way.
const SEEDS: u64 = 24;
/// How many labs there are at once then. An emulator has one thread, and what calls it another.
const WORKERS: u64 = 2;
/// How many events the journal holds.
const EVENTS: u64 = 10;

const PLAIN: &str = r#"
[environments.local]
lease_seconds = 15
[environments.local.alarms]
emails = ["one@example.com"]
"#;

/// Something of every stack is another, and the public way is a NAT gateway.
const CHANGED: &str = r#"
[environments.local]
lease_seconds = 15
[environments.local.alarms]
emails = ["other@example.com"]
[environments.local.backup]
delete_after_days = 90
[environments.local.eventstore]
admin_cidrs = ["203.0.113.7/32"]
cpu_units = 2048
[environments.local.ingest]
log_retention_days = 90
memory_mib = 512
[environments.local.network]
egress = "nat"
[environments.local.queue]
max_receive_count = 7
[environments.local.relay]
batch_size = 50
"#;

/// A command that meets faults.
pub(super) struct Scenario {
    what: &'static str,
    knobs: &'static str,
    mode: Mode,
}

/// Each begins where the one before it ended.
const SCENARIOS: [Scenario; 5] = [
    Scenario { what: "first deploy", knobs: PLAIN, mode: Mode::Deploy },
    Scenario { what: "update", knobs: CHANGED, mode: Mode::Deploy },
    Scenario { what: "destroy", knobs: CHANGED, mode: Mode::Destroy { include_stateful: false } },
    Scenario { what: "deploy after it", knobs: CHANGED, mode: Mode::Deploy },
    Scenario { what: "destroy of all", knobs: CHANGED, mode: Mode::Destroy { include_stateful: true } },
];

/// Sweeps.
///
/// # Errors
/// A lab cannot be made, or its environment not without any fault.
pub async fn run(settings: &Settings<'_>) -> Result<Vec<Row>> {
    let (seeds, workers) = match settings.size {
        Size::Smoke | Size::Changes => (1, 1),
        Size::Full => (SEEDS, WORKERS),
    };
    let seeds: Vec<u64> = (0..seeds).map(|more| settings.seed.wrapping_add(more)).collect();
    let work = |worker: u64| {
        let seeds = seeds.iter().skip(worker as usize).step_by(workers as usize);
        async move {
            let mut lab = begin().await.context("without any fault")?;
            let mut judged = Vec::new();
            for seed in seeds {
                judged.extend(lab.sweep(*seed, settings).await?);
            }
            anyhow::Ok(judged)
        }
    };
    let judged: Vec<_> = try_join_all((0..workers).map(work)).await?.into_iter().flatten().collect();
    let row = |(place, scenario)| judge::row(scenario, place, &judged);
    Ok(SCENARIOS.iter().enumerate().map(row).collect())
}

/// A lab in which all was done once without any fault, and all was destroyed again.
struct Ready {
    lab: Lab,
    /// What each scenario leaves.
    undisturbed: Vec<Inventory>,
}

async fn begin() -> Result<Ready> {
    let mut lab = Lab::start(PLAIN).await?;
    let empty = inventory(&lab.beside).await?;
    let mut undisturbed = Vec::new();
    for Scenario { knobs, mode, .. } in SCENARIOS {
        runs::configure(&mut lab, knobs, Mix::CALM).await?;
        lab.apply(mode).await?;
        undisturbed.push(inventory(&lab.beside).await?);
    }
    let left = undisturbed.last().map(|last| last.since(&empty)).unwrap_or_default();
    let shared = |line: &String| line.starts_with("+ role AWSServiceRoleForEcs");
    ensure!(left.iter().all(shared), "destroyed, and yet there is {left:#?}");
    Ok(Ready { lab, undisturbed })
}

impl Ready {
    /// Every scenario with that seed. Where one leaves an environment that nothing can be begun from, the rest is left out and
    /// the lab is another one.
    async fn sweep(&mut self, seed: u64, settings: &Settings<'_>) -> Result<Vec<Judged>> {
        let mix = Mix::of(seed);
        let mut judged = Vec::new();
        for (place, scenario) in SCENARIOS.iter().enumerate() {
            let begun = Instant::now();
            runs::configure(&mut self.lab, scenario.knobs, mix).await?;
            let before = State::of(&self.lab).await?;
            let ran = runs::under_faults(&self.lab, scenario.mode, mix, seed, place).await;
            let mut of_seed = judge::judge(&self.lab, scenario, before, &self.undisturbed[place], ran).await;
            (of_seed.seed, of_seed.place, of_seed.took) = (seed, place, begun.elapsed());
            (settings.progress)(&of_seed.sentence(scenario));
            let failed = !of_seed.failures.is_empty();
            judged.push(of_seed);
            if failed {
                *self = begin().await?;
                break;
            }
            if place == 0 {
                self.lab.append(EVENTS).await?;
            }
        }
        Ok(judged)
    }
}
