//! The commands that are harmed, in pairs of which each leads to where the other begins, and how they go without any harm.

use anyhow::{Context, Result};
use engine::Mode;

use super::{case::Harm, course};
use crate::chaos::{
    Settings,
    inventory::{Inventory, inventory},
    lab::{Contents, Lab},
};

/// The lease outlives every run, so a run that waited for its end would be seen.
const KNOBS: &str = "[environments.local]\nlease_seconds = 900\n";

/// Something else of almost every family, what comes and goes included: rules, the ways out of the network, a subscription.
const OTHER_KNOBS: &str = r#"
[environments.local]
lease_seconds = 900
[environments.local.queue]
retention_seconds = 3600
max_receive_count = 3
[environments.local.ingest]
memory_mib = 512
timeout_seconds = 45
maximum_concurrency = 5
log_retention_days = 7
[environments.local.network]
egress = "nat"
[environments.local.eventstore]
cpu_units = 2048
memory_mib = 8192
admin_cidrs = ["203.0.113.7/32"]
log_retention_days = 7
[environments.local.backup]
delete_after_days = 7
[environments.local.relay]
memory_mib = 512
batch_size = 50
[environments.local.alarms]
emails = ["ops@example.com"]
"#;

/// How many events are in the journal.
const EVENTS: u64 = 6;

/// A command.
pub(super) struct Leg {
    pub(super) name: &'static str,
    pub(super) arguments: &'static [&'static str],
    pub(super) mode: Mode,
    pub(super) knobs: &'static str,
}

/// Two commands.
pub(super) struct Track {
    /// Whether all is deployed before the first of them, with events in the journal that no run may lose.
    is_deployed: bool,
    pub(super) legs: [Leg; 2],
}

const fn deploy(name: &'static str, knobs: &'static str) -> Leg {
    Leg { name, arguments: &["deploy", "--yes", "--json"], mode: Mode::Deploy, knobs }
}

pub(super) static TRACKS: [Track; 3] = [
    Track {
        is_deployed: false,
        legs: [
            deploy("first deploy", KNOBS),
            Leg {
                name: "destroy of all",
                arguments: &["destroy", "--include-stateful", "--confirm", "local", "--json"],
                mode: Mode::Destroy { include_stateful: true },
                knobs: KNOBS,
            },
        ],
    },
    Track {
        is_deployed: true,
        legs: [
            Leg {
                name: "destroy",
                arguments: &["destroy", "--yes", "--json"],
                mode: Mode::Destroy { include_stateful: false },
                knobs: KNOBS,
            },
            deploy("deploy after a destroy", KNOBS),
        ],
    },
    Track { is_deployed: true, legs: [deploy("update", OTHER_KNOBS), deploy("update back", KNOBS)] },
];

impl Track {
    /// Whether a command of it is to be harmed so.
    pub(super) fn is_wanted(&self, harm: Harm, settings: &Settings<'_>) -> bool {
        self.legs.iter().any(|leg| course::is_wanted(leg, harm, settings))
    }
}

/// A lab where the first command of a track begins.
pub(super) struct Begun {
    pub(super) lab: Lab,
    /// What its configuration file holds.
    knobs: &'static str,
    /// What must be there after every run; none where a command makes or deletes it.
    pub(super) contents: Option<Contents>,
    pub(super) undisturbed: [Undisturbed; 2],
}

/// A command without any harm.
#[derive(Default)]
pub(super) struct Undisturbed {
    /// For each of its calls, whether it changes something.
    pub(super) changing: Vec<bool>,
    /// What was there at its end.
    pub(super) inventory: Inventory,
}

impl Begun {
    /// Makes a lab and lets both commands run once.
    pub(super) async fn new(track: &Track) -> Result<Self> {
        let lab = Lab::start(KNOBS).await?;
        let mut contents = None;
        if track.is_deployed {
            lab.apply(Mode::Deploy).await?;
            lab.local.task.follow(&lab.local.bench).await?;
            lab.append(EVENTS).await?;
            contents = Some(lab.contents().await?);
        }
        let mut begun = Self { lab, knobs: KNOBS, contents, undisturbed: Default::default() };
        for (place, leg) in track.legs.iter().enumerate() {
            begun.undisturbed[place] = begun.run(leg).await.context(leg.name)?;
        }
        Ok(begun)
    }

    /// Sees to it that the configuration file holds these knobs.
    pub(super) async fn configure(&mut self, knobs: &'static str) -> Result<()> {
        if self.knobs != knobs {
            self.lab.local.reconfigure(knobs).await?;
            self.knobs = knobs;
        }
        Ok(())
    }

    async fn run(&mut self, leg: &Leg) -> Result<Undisturbed> {
        self.configure(leg.knobs).await?;
        let lab = &self.lab;
        lab.proxy.clear();
        lab.local.spawn_headwater(leg.arguments).await?.end().await?.expect(0)?;
        let changing = lab.proxy.calls().iter().map(|call| !call.request.is_read()).collect();
        lab.expect_converged(leg.mode).await?;
        Ok(Undisturbed { changing, inventory: inventory(&lab.beside).await? })
    }
}
