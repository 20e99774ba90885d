//! What is done to a pipeline while events flow through it, beside what its calls meet.

use std::time::Duration;

use anyhow::Result;
use headwater::terminal::counted;
use tokio::time::{sleep, timeout};

use super::{
    chance::Chance,
    stage::{Function, Stage},
    traffic::Traffic,
};

/// The longest that one harm is kept up where what it is to lead to does not come.
const KEPT_UP: Duration = Duration::from_secs(30);
/// How often it is looked whether it has come.
const PAUSE: Duration = Duration::from_millis(20);
/// What the emulator says of a batch of the journal's stream that the relay did not take.
pub(super) const NOT_RELAYED: &str = "failed processing DynamoDB stream batch";
/// How many batches are to fail because their relay was killed: the more, the likelier one of them was half done.
const KILLED_RELAYS: usize = 3;
/// What ingest says of an event that it gives up.
const GIVEN_UP: &str = "failed on its last receive: moved to the dead-letter queue";

/// One of the harms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Harm {
    /// All functions are killed at the moment when the journal has taken an append that ingest has no answer to.
    KilledAppending,
    /// All functions are killed shortly after a relay has started, until some batches have failed for it.
    KilledRelaying,
    /// Ingest's event source mapping is disabled, until more events are sent or the queue is full.
    IngestOff,
    /// The relay's is, until more events are sent.
    RelayOff,
    /// EventStoreDB is stopped, until a batch fails for it.
    EventStoreAway,
    /// The journal takes nothing, until an event is given up for it.
    JournalFull,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Done {
    /// Harms in all.
    pub(super) harms: usize,
    /// Event source mappings that were disabled and enabled again.
    pub(super) toggles: usize,
    /// Stops of EventStoreDB.
    pub(super) stops: usize,
    /// Harms that led to nothing, because nothing was going on that they could have met.
    pub(super) missed: usize,
}

/// Harms of each sort so many times, in an order by chance, spread over the traffic.
pub(super) struct Plan {
    harms: Vec<Harm>,
    chance: Chance,
}

impl Plan {
    /// The plan of a seed: so many rounds of these harms.
    pub(super) fn of(seed: u64, harms: &[Harm], rounds: usize) -> Self {
        let mut chance = Chance::of(seed, "harm");
        let round = |_| {
            let mut round = harms.to_vec();
            chance.shuffle(&mut round);
            round
        };
        let harms = (0..rounds).flat_map(round).collect();
        Self { harms, chance }
    }

    /// Carries it out, each harm with a stretch of the traffic of its own: what comes next is sent when it is over.
    ///
    /// # Errors
    /// The emulator refuses.
    pub(super) async fn carry_out(
        mut self,
        stage: &Stage,
        traffic: &Traffic,
        progress: &(dyn Fn(&str) + Sync),
    ) -> Result<Done> {
        let mut done = Done { harms: self.harms.len(), ..Done::default() };
        let stretch = traffic.all / (self.harms.len() + 1);
        for (index, harm) in self.harms.into_iter().enumerate() {
            let begin = stretch * (index + 1);
            traffic.open(begin);
            traffic.reached(begin).await?;
            traffic.open(begin + stretch);
            progress(&format!(
                "pipeline, {} are sent: {}",
                counted(begin as u64, "message"),
                harm.sentence()
            ));
            let enough = begin + stretch / 2;
            let kept_up = timeout(KEPT_UP, harm.keep_up(stage, traffic, enough, &mut self.chance)).await;
            harm.end(stage).await?;
            match kept_up {
                Ok(result) => result?,
                Err(_) => done.missed += 1,
            }
            done.toggles += usize::from(matches!(harm, Harm::IngestOff | Harm::RelayOff));
            done.stops += usize::from(harm == Harm::EventStoreAway);
        }
        traffic.open(traffic.all);
        Ok(done)
    }
}

impl Harm {
    fn sentence(self) -> &'static str {
        match self {
            Self::KilledAppending => "the functions are killed while ingest appends",
            Self::KilledRelaying => "the functions are killed while the relay appends",
            Self::IngestOff => "ingest gets nothing",
            Self::RelayOff => "the relay gets nothing",
            Self::EventStoreAway => "EventStoreDB is away",
            Self::JournalFull => "the journal takes nothing",
        }
    }

    /// Does it, until it has led to what it is to lead to, or `enough` messages are sent.
    async fn keep_up(
        self,
        stage: &Stage,
        traffic: &Traffic,
        enough: usize,
        chance: &mut Chance,
    ) -> Result<()> {
        let mut log = stage.log()?;
        match self {
            Self::KilledAppending => {
                stage.orders.kill_at_an_append();
                while stage.orders.is_to_kill() {
                    sleep(PAUSE).await;
                }
            }
            Self::KilledRelaying => {
                stage.orders.kill_all();
                while log.count(&[NOT_RELAYED, "Runtime."])? < KILLED_RELAYS {
                    let asked = stage.orders.asked();
                    while stage.orders.asked() == asked {
                        sleep(PAUSE).await;
                    }
                    // It connects, and then it appends to one stream after the other.
                    sleep(Duration::from_millis(20 + chance.below(200) as u64)).await;
                    stage.orders.kill_all();
                }
            }
            Self::IngestOff => {
                stage.switch(Function::Ingest, false).await?;
                traffic.reached_or_dammed(enough).await?;
            }
            Self::RelayOff => {
                stage.switch(Function::Relay, false).await?;
                traffic.reached(enough).await?;
            }
            Self::EventStoreAway => {
                stage.local.task.stop().await?;
                while log.count(&[NOT_RELAYED, "EventStoreAway"])? == 0 {
                    sleep(PAUSE).await;
                }
            }
            Self::JournalFull => {
                stage.orders.refuse_appends();
                while log.count(&[GIVEN_UP])? == 0 {
                    sleep(PAUSE).await;
                }
            }
        }
        Ok(())
    }

    /// Makes good again what does not end by itself.
    async fn end(self, stage: &Stage) -> Result<()> {
        match self {
            Self::KilledAppending | Self::KilledRelaying | Self::JournalFull => {
                stage.orders.forget();
                Ok(())
            }
            Self::IngestOff => stage.switch(Function::Ingest, true).await,
            Self::RelayOff => stage.switch(Function::Relay, true).await,
            Self::EventStoreAway => stage.local.task.follow(&stage.local.bench).await,
        }
    }
}
