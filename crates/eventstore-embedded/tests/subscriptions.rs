//! `$all` and catch-up subscriptions, as a client that others wrote sees them.
#![allow(missing_docs, clippy::expect_used, clippy::panic, reason = "a test that fails panics")]

mod support;

use eventstore_embedded::Server;
use kurrentdb::{
    Error, ReadAllOptions, StreamPosition, SubscribeToAllOptions, SubscribeToStreamOptions,
    SubscriptionEvent, SubscriptionFilter, TombstoneStreamOptions,
};
use support::{all_of, client, event, events, next, number, numbers_of, soon, start, until_live};

#[tokio::test]
async fn all_is_read_either_way_in_the_order_of_the_writes() -> kurrentdb::Result<()> {
    let server = start(Server::builder()).await;
    let client = client(&server);
    for at in 0..300 {
        client.append_to_stream(format!("s-{}", at % 7), &Default::default(), event(at)).await?;
    }
    let forwards = || ReadAllOptions::default().forwards().position(StreamPosition::Start);
    let backwards = || ReadAllOptions::default().backwards().position(StreamPosition::End);
    let read = async |options: &ReadAllOptions| all_of(client.read_all(options).await?).await;
    let all = read(&forwards()).await?;
    assert_eq!(all.iter().map(number).collect::<Vec<_>>(), (0..300).collect::<Vec<_>>());
    let numbers = numbers_of(client.read_all(&backwards()).await?).await?;
    assert_eq!(numbers, (0..300).rev().collect::<Vec<_>>());

    // Forwards a position is the first event that is read, backwards it is the first that is not.
    let middle = StreamPosition::Position(all[150].get_original_event().position);
    let options = forwards().position(middle).max_count(2);
    assert_eq!(numbers_of(client.read_all(&options).await?).await?, [150, 151]);
    let options = backwards().position(middle).max_count(2);
    assert_eq!(numbers_of(client.read_all(&options).await?).await?, [149, 148]);
    let options = forwards().filter(SubscriptionFilter::on_stream_name().regex("^s-[3]$")).max_count(3);
    assert_eq!(numbers_of(client.read_all(&options).await?).await?, [3, 10, 17]);
    let options = backwards().filter(SubscriptionFilter::on_stream_name().add_prefix("s-3")).max_count(1);
    assert_eq!(numbers_of(client.read_all(&options).await?).await?, [297]);
    let options = forwards().filter(SubscriptionFilter::on_event_type().add_prefix("Other"));
    assert_eq!(numbers_of(client.read_all(&options).await?).await?, [] as [u64; 0]);
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_stream_is_followed_from_its_past_into_its_future() -> kurrentdb::Result<()> {
    let server = start(Server::builder()).await;
    let client = client(&server);
    client.append_to_stream("s", &Default::default(), events(0..300)).await?;
    let options = SubscribeToStreamOptions::default().start_from(StreamPosition::Position(9));
    let mut subscription = client.subscribe_to_stream("s", &options).await;
    assert_eq!(until_live(&mut subscription).await?, (10..300).collect::<Vec<_>>());
    client.append_to_stream("other", &Default::default(), event(999)).await?;
    client.append_to_stream("s", &Default::default(), events(300..310)).await?;
    for expected in 300..310 {
        assert_eq!(number(&next(&mut subscription).await?), expected);
    }
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_subscription_from_the_end_sees_only_what_is_new() -> kurrentdb::Result<()> {
    let server = start(Server::builder()).await;
    let client = client(&server);
    client.append_to_stream("s", &Default::default(), events(0..3)).await?;
    let options = SubscribeToStreamOptions::default().start_from(StreamPosition::End);
    let mut of_stream = client.subscribe_to_stream("s", &options).await;
    let options = SubscribeToAllOptions::default().position(StreamPosition::End);
    let mut of_all = client.subscribe_to_all(&options).await;
    assert_eq!(until_live(&mut of_stream).await?, [] as [u64; 0]);
    assert_eq!(until_live(&mut of_all).await?, [] as [u64; 0]);
    client.append_to_stream("s", &Default::default(), event(3)).await?;
    assert_eq!(number(&next(&mut of_stream).await?), 3);
    assert_eq!(number(&next(&mut of_all).await?), 3);
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_filtered_subscription_says_how_far_it_has_looked() -> kurrentdb::Result<()> {
    let server = start(Server::builder()).await;
    let client = client(&server);
    client.append_to_stream("noise", &Default::default(), events(0..100)).await?;
    let written = client.append_to_stream("signal", &Default::default(), event(100)).await?;
    let filter = SubscriptionFilter::on_stream_name().add_prefix("signal").max(10);
    let mut subscription = client.subscribe_to_all(&SubscribeToAllOptions::default().filter(filter)).await;
    let mut checkpoints = Vec::new();
    loop {
        match soon(subscription.next_subscription_event()).await? {
            SubscriptionEvent::Checkpoint(position) => checkpoints.push(position),
            SubscriptionEvent::EventAppeared(event) => {
                assert_eq!(number(&event), 100);
                break;
            }
            _ => {}
        }
    }
    assert_eq!(checkpoints.len(), 10, "one every ten events");
    assert!(checkpoints.is_sorted() && checkpoints.iter().all(|position| *position < written.position));
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_tombstone_ends_a_subscription_of_its_stream() -> kurrentdb::Result<()> {
    let server = start(Server::builder()).await;
    let client = client(&server);
    let mut subscription = client.subscribe_to_stream("s", &Default::default()).await;
    until_live(&mut subscription).await?;
    client.tombstone_stream("s", &TombstoneStreamOptions::default()).await?;
    let ended = next(&mut subscription).await;
    assert!(matches!(ended, Err(Error::ResourceDeleted)), "{ended:?}");
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn links_are_resolved_when_that_is_asked_for() -> kurrentdb::Result<()> {
    let server = start(Server::builder()).await;
    let client = client(&server);
    client.append_to_stream("s", &Default::default(), events(0..2)).await?;
    let link = |to: &str| kurrentdb::EventData::binary("$>", to.to_owned().into_bytes().into());
    client.append_to_stream("links", &Default::default(), vec![link("1@s"), link("7@s")]).await?;
    let options = kurrentdb::ReadStreamOptions::default();
    let plain = all_of(client.read_stream("links", &options).await?).await?;
    assert!(plain.iter().all(|event| !event.is_resolved()));
    let resolved = all_of(client.read_stream("links", &options.resolve_link_tos()).await?).await?;
    assert_eq!(number(&resolved[0]), 1);
    assert_eq!(resolved[0].get_original_stream_id(), "links");
    assert!(resolved[1].event.is_none() && resolved[1].link.is_some(), "what it links to is not there");
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_server_that_stops_does_not_wait_for_its_subscribers() -> kurrentdb::Result<()> {
    let server = start(Server::builder()).await;
    let client = client(&server);
    let mut subscription = client.subscribe_to_all(&Default::default()).await;
    until_live(&mut subscription).await?;
    soon(server.stop()).await;
    assert!(next(&mut subscription).await.is_err());
    Ok(())
}
