//! The producers: they send all of a load, as fast as the pipeline takes it.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use event::dead_letter::{Batches, MAX_BATCH_MESSAGES, Message};
use futures::{StreamExt, TryStreamExt, stream};
use headwater::queue::{Depth, Queue};
use tokio::sync::watch;

use super::{
    load::{Load, Sent},
    stage::Stage,
};

/// How many messages a producer has in hand.
const IN_HAND: usize = 20;
/// How many producers there are.
const PRODUCERS: usize = 8;
/// How often the queue's depth is asked for.
const GAUGE: Duration = Duration::from_millis(50);
/// How often a producer sends a batch again that did not get through, after all that the SDK has tried.
const ATTEMPTS: usize = 20;

/// How the traffic goes.
pub(super) struct Traffic {
    depth: watch::Sender<u64>,
    sent: watch::Sender<usize>,
    /// How many messages may be sent.
    opened: watch::Sender<usize>,
    /// How many messages there are.
    pub(super) all: usize,
    most_waiting: u64,
}

impl Traffic {
    /// No traffic yet, of `load`, and none until it is opened. The producers pause while `most_waiting` messages wait: what the
    /// emulator does for one takes the longer, the more there are.
    pub(super) fn of(load: &Load, most_waiting: u64) -> Self {
        let (depth, sent, opened) = (watch::Sender::new(0), watch::Sender::new(0), watch::Sender::new(0));
        Self { depth, sent, opened, all: load.messages.len(), most_waiting }
    }

    /// Sends all of it. Events go the way that meets faults, and may arrive twice where an answer is lost. Poison goes beside, so
    /// that each of its messages is one.
    ///
    /// # Errors
    /// SQS refuses a message, or a batch does not get through.
    pub(super) async fn flow(&self, load: &Load, stage: &Stage) -> Result<()> {
        let (faulty, beside) = (&stage.producers, stage.local.queue().await?);
        let send = stream::iter(load.messages.chunks(IN_HAND))
            .enumerate()
            .map(|(index, messages)| self.send(index * IN_HAND, messages, faulty, &beside))
            .buffer_unordered(PRODUCERS)
            .try_collect::<()>();
        let gauge = async {
            loop {
                let Depth { waiting, .. } = beside.depth().await?;
                self.depth.send_replace(waiting);
                tokio::time::sleep(GAUGE).await;
            }
        };
        tokio::select! {
            sent = send => sent,
            failed = gauge => failed,
        }
    }

    async fn send(&self, first: usize, messages: &[Sent], faulty: &Queue, beside: &Queue) -> Result<()> {
        self.opened.subscribe().wait_for(|opened| first < *opened).await?;
        self.depth.subscribe().wait_for(|waiting| *waiting < self.most_waiting).await?;
        let (poison, events): (Vec<_>, Vec<_>) = messages.iter().partition(|sent| sent.is_poison);
        let bodies =
            |sent: Vec<&Sent>| -> Vec<Message> { sent.iter().map(|one| one.message.clone()).collect() };
        for batch in Batches::new(bodies(poison), MAX_BATCH_MESSAGES) {
            ensure!(beside.send(&batch).await?.is_empty(), "SQS refuses poison");
        }
        for batch in Batches::new(bodies(events), MAX_BATCH_MESSAGES) {
            insist(faulty, &batch).await?;
        }
        self.sent.send_modify(|sent| *sent += messages.len());
        Ok(())
    }

    /// From now on so many messages may be sent.
    pub(super) fn open(&self, messages: usize) {
        self.opened.send_replace(messages);
    }

    /// Returns once so many messages are sent.
    ///
    /// # Errors
    /// Never, as long as this lives.
    pub(super) async fn reached(&self, messages: usize) -> Result<()> {
        self.sent.subscribe().wait_for(|sent| *sent >= messages).await?;
        Ok(())
    }

    /// Returns once so many messages are sent, or the queue is full.
    ///
    /// # Errors
    /// Never, as long as this lives.
    pub(super) async fn reached_or_dammed(&self, messages: usize) -> Result<()> {
        let mut depth = self.depth.subscribe();
        tokio::select! {
            reached = self.reached(messages) => reached?,
            full = depth.wait_for(|waiting| *waiting >= self.most_waiting) => drop(full?),
        }
        Ok(())
    }
}

/// Sends a batch until SQS has it, as a producer does that must not lose an event.
async fn insist(queue: &Queue, batch: &[Message]) -> Result<()> {
    let mut last = None;
    for _ in 0..ATTEMPTS {
        match queue.send(batch).await {
            Ok(refused) if refused.is_empty() => return Ok(()),
            Ok(refused) => bail!("SQS refuses an event: {}", refused[0]),
            Err(error) => last = Some(error),
        }
    }
    bail!("a batch did not get through, though it was sent {ATTEMPTS} times, at last for {last:?}")
}
