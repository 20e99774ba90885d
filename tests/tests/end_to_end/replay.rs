//! EventStoreDB made again: with its data after a destroy, from the journal without them.

use std::sync::Arc;

use anyhow::{Context, Result};
use end_to_end::Local;
use event::Timestamp;
use headwater::{commands::replay, load};
use journal::ReadOptions;
use resource::Node;
use serde_json::{Value, json};

use crate::{DEFAULTS, message};

/// An event at that time.
fn at(timestamp: &str) -> event::dead_letter::Message {
    let mut event = load::event(uuid::Uuid::new_v4(), 0);
    event["timestamp"] = json!(timestamp);
    message(event.to_string())
}

#[tokio::test]
async fn eventstore_and_relay_are_destroyed_and_deployed_and_no_event_is_lost() -> Result<()> {
    let local = Local::start(DEFAULTS).await?;
    local.deploy().await?;
    let messages: Vec<_> = load::messages(30).collect();
    local.send(&messages[..10]).await?;
    local.expect_stored(&messages[..10]).await?;
    let before = local.expect_relayed().await?;

    local.destroy(false).await?;
    assert!(local.streams().await.is_err(), "EventStoreDB still runs");
    local.send(&messages[10..20]).await?;
    // The program replays the journal by itself when it has made the relay's mapping.
    local.headwater(&["deploy", "--yes"]).await?.expect(0)?;
    local.task.follow(&local.bench).await?;
    local.send(&messages[20..]).await?;
    local.expect_stored(&messages).await?;
    let after = local.expect_relayed().await?;
    assert!(before.iter().all(|(request, events)| after.get(request) == Some(events)));
    local.headwater(&["drift"]).await?.expect(0)?;
    Ok(())
}

#[tokio::test]
async fn an_eventstoredb_that_lost_its_data_is_rebuilt_from_the_journal_and_a_second_replay_finds_nothing()
-> Result<()> {
    let local = Local::start(DEFAULTS).await?;
    local.deploy().await?;
    let times = ["2020-05-01T20:00:00Z", "2021-05-01T20:00:00Z", "2022-05-01T20:00:00Z"];
    let messages: Vec<_> = load::messages(500).chain(times.map(at)).collect();
    local.send(&messages).await?;
    local.expect_stored(&messages).await?;
    local.expect_relayed().await?;

    local.task.lose_data(&local.bench).await?;
    local.task.follow(&local.bench).await?;
    let window = ReadOptions {
        since: Some(Timestamp::parse(times[1])?),
        until: Some(Timestamp::parse(times[2])?),
        ..ReadOptions::default()
    };
    let some = replay::replay(&local.bench.session, &window, |_| ()).await?;
    assert_eq!((some.missing, some.present, some.rejected.len()), (1, 0, 0));
    let until = ["replay", "--until", times[2], "--json"];
    let older = local.headwater(&until).await?.expect(0)?.json()?;
    assert_eq!(older, json!({ "missing": 1, "present": 1, "rejected": [] }));

    let all = replay::replay(&local.bench.session, &ReadOptions::default(), |_| ()).await?;
    assert_eq!((all.missing, all.present, all.rejected.len()), (501, 2, 0));
    local.expect_relayed().await?;
    let again = replay::replay(&local.bench.session, &ReadOptions::default(), |_| ()).await?;
    assert_eq!((again.missing, again.present), (0, 503));
    Ok(())
}

#[tokio::test]
async fn events_that_the_journals_stream_has_forgotten_before_the_relay_was_there_are_replayed() -> Result<()>
{
    let mut local = Local::start(DEFAULTS).await?;
    let whole = Arc::new(local.bench.graph.clone());
    local.keep_only(|key| !["relay", "alarms"].contains(&key.stack()))?;
    local.deploy().await?;
    let forgotten: Vec<_> = load::messages(20).collect();
    local.send(&forgotten).await?;
    local.expect_stored(&forgotten).await?;

    // A mapping that begins with what comes from now on sees of the others as much as one of a stream that has forgotten them.
    local.bench.graph = (*whole).clone();
    let mut found = false;
    local.redraw(|nodes| nodes.iter_mut().for_each(|node| found |= begin_now(node)))?;
    found.then_some(()).context("there is no such mapping")?;
    local.deploy().await?;
    let new: Vec<_> = load::messages(5).collect();
    local.send(&new).await?;
    let all: Vec<_> = forgotten.iter().chain(&new).cloned().collect();
    local.expect_stored(&all).await?;
    let replayed = replay::replay(&local.bench.session, &ReadOptions::default(), |_| ()).await?;
    assert!(replayed.missing >= forgotten.len(), "only {} were missing", replayed.missing);
    assert_eq!(replayed.missing + replayed.present, all.len());
    local.expect_relayed().await?;
    Ok(())
}

fn begin_now(node: &mut Node) -> bool {
    let is_it = node.key.as_str() == blueprint::RELAY_MAPPING;
    if is_it {
        node.spec["stream"]["startingPosition"] = Value::from("LATEST");
    }
    is_it
}
