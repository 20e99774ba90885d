//! The pipeline of an environment: what is sent, what is stored, what is given up.

use anyhow::{Context, Result, bail, ensure};
use aws_sdk_dynamodb::types::AttributeValue;
use event::{Event, dead_letter::Message};
use headwater::{
    commands::{query, redrive, send},
    queue::{Queue, Received},
};
use journal::Journal;

use crate::{Local, until};

/// An item of the journal's table as DynamoDB has it.
type Item = std::collections::HashMap<String, AttributeValue>;

impl Local {
    /// The event queue.
    ///
    /// # Errors
    /// It is not there.
    pub async fn queue(&self) -> Result<Queue> {
        Queue::named(&self.bench.session.sdk, &self.name(blueprint::EVENT_QUEUE)).await
    }

    /// The dead-letter queue.
    ///
    /// # Errors
    /// It is not there.
    pub async fn dead_letter_queue(&self) -> Result<Queue> {
        Queue::named(&self.bench.session.sdk, &self.name(blueprint::DEAD_LETTER_QUEUE)).await
    }

    /// The relay's failure queue.
    ///
    /// # Errors
    /// It is not there.
    pub async fn failure_queue(&self) -> Result<Queue> {
        Queue::named(&self.bench.session.sdk, &self.name(blueprint::RELAY_FAILURE_QUEUE)).await
    }

    /// The journal.
    pub fn journal(&self) -> Journal {
        query::journal(&self.bench.session)
    }

    /// Sends messages to the event queue, ten at a time.
    ///
    /// # Errors
    /// SQS does not take one.
    pub async fn send(&self, messages: &[Message]) -> Result<()> {
        let sent = send::send(&self.queue().await?, messages.iter().cloned(), None, |_| ()).await?;
        match sent.refused.first() {
            Some(refused) => bail!("{refused}"),
            None => Ok(()),
        }
    }

    /// Every item of the table, by a scan: nothing that is there escapes it.
    ///
    /// # Errors
    /// The table is not there.
    pub async fn items(&self) -> Result<Vec<Item>> {
        let client = aws_sdk_dynamodb::Client::new(&self.bench.session.sdk);
        let scan = client.scan().table_name(self.journal().table()).consistent_read(true);
        Ok(scan.into_paginator().items().send().try_collect().await?)
    }

    /// Every event of the table, sorted by key.
    ///
    /// # Errors
    /// The table is not there, or an item is no event.
    pub async fn stored(&self) -> Result<Vec<Event>> {
        let events: Result<Vec<_>, _> =
            self.items().await?.into_iter().map(journal::item::to_event).collect();
        Ok(sorted(events?))
    }

    /// Waits until the journal holds these events, each once, and none but them.
    ///
    /// # Errors
    /// It does not within the bound, or it holds others.
    pub async fn expect_stored(&self, messages: &[Message]) -> Result<Vec<Event>> {
        let events: Result<Vec<_>, _> =
            messages.iter().map(|message| Event::from_json(&message.body)).collect();
        let mut wanted = sorted(events?);
        wanted.dedup();
        let what = format!("{} events in the journal", wanted.len());
        let stored = until(&what, || async {
            let stored = self.stored().await?;
            Ok((stored.len() >= wanted.len()).then_some(stored))
        });
        let stored = stored.await?;
        ensure!(stored == wanted, "the journal holds {} events, not the {} sent", stored.len(), wanted.len());
        Ok(stored)
    }

    /// Waits until nobody works on a message any more and none waits.
    ///
    /// # Errors
    /// It is not so within the bound.
    pub async fn expect_drained(&self) -> Result<()> {
        let queue = self.queue().await?;
        until("an empty queue", || async {
            let depth = queue.depth().await?;
            Ok((depth.waiting + depth.in_flight == 0).then_some(()))
        })
        .await
    }

    /// Waits until that many messages lie in the dead-letter queue.
    ///
    /// # Errors
    /// They are not within the bound, or they are more.
    pub async fn expect_dead(&self, count: u64) -> Result<Vec<Received>> {
        expect_in(&self.dead_letter_queue().await?, count).await
    }

    /// Waits until that many messages lie in the relay's failure queue.
    ///
    /// # Errors
    /// They are not within the bound, or they are more.
    pub async fn expect_failed(&self, count: u64) -> Result<Vec<Received>> {
        expect_in(&self.failure_queue().await?, count).await
    }
}

async fn expect_in(queue: &Queue, count: u64) -> Result<Vec<Received>> {
    until(&format!("{count} messages in {}", queue.url()), || async {
        Ok((queue.depth().await?.waiting >= count).then_some(()))
    })
    .await?;
    let letters = redrive::list(queue).await.context("the messages cannot be listed")?;
    ensure!(letters.len() as u64 == count, "{} messages, not {count}", letters.len());
    Ok(letters)
}

fn sorted(mut events: Vec<Event>) -> Vec<Event> {
    events.sort_by_key(|event| (event.request_id().to_owned(), event.key().to_string()));
    events
}
