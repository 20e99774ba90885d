//! Persistent subscriptions, as a client that others wrote sees them.
#![allow(missing_docs, clippy::expect_used, clippy::panic, reason = "a test that fails panics")]

mod support;

use std::time::Duration;

use eventstore_embedded::{Flush, Server, Storage};
use kurrentdb::{
    Client, Error, NakAction, PersistentSubscription, PersistentSubscriptionEvent,
    PersistentSubscriptionOptions, PersistentSubscriptionToAllOptions, ResolvedEvent, StreamPosition,
    SubscriptionFilter,
};
use support::{client, event, events, number, soon, start};

fn from_start() -> PersistentSubscriptionOptions {
    PersistentSubscriptionOptions::default().start_from(StreamPosition::Start)
}

async fn subscribe(client: &Client, stream: &str) -> PersistentSubscription {
    let options = Default::default();
    let subscribed = client.subscribe_to_persistent_subscription(stream, "workers", &options).await;
    subscribed.expect("the subscription is there")
}

/// The next event, and how often it was handed out before.
async fn next(subscription: &mut PersistentSubscription) -> kurrentdb::Result<(ResolvedEvent, usize)> {
    loop {
        match soon(subscription.next_subscription_event()).await? {
            PersistentSubscriptionEvent::EventAppeared { event, retry_count } => {
                return Ok((event, retry_count));
            }
            PersistentSubscriptionEvent::Confirmed(_) => {}
        }
    }
}

/// Waits until so many events are with the consumers: what they said was heard.
async fn in_flight(client: &Client, count: usize) {
    let are_left = async || {
        let info = client.get_persistent_subscription_info("s", "workers", &Default::default()).await;
        info.expect("the subscription is there").stats.total_in_flight_messages == count
    };
    soon(async { while !are_left().await {} }).await;
}

#[tokio::test]
async fn old_and_new_events_are_handed_out_in_order() -> kurrentdb::Result<()> {
    let server = start(Server::builder()).await;
    let client = client(&server);
    client.append_to_stream("s", &Default::default(), events(0..30)).await?;
    client.create_persistent_subscription("s", "workers", &from_start()).await?;
    let again = client.create_persistent_subscription("s", "workers", &from_start()).await;
    assert!(matches!(again, Err(Error::ResourceAlreadyExists)), "{again:?}");

    let mut subscription = subscribe(&client, "s").await;
    client.append_to_stream("s", &Default::default(), events(30..60)).await?;
    for expected in 0..60 {
        let (event, retries) = next(&mut subscription).await?;
        assert_eq!((number(&event), retries), (expected, 0));
        subscription.ack(&event).await?;
    }
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_subscription_that_does_not_exist_is_not_found() -> kurrentdb::Result<()> {
    let server = start(Server::builder()).await;
    let client = client(&server);
    let read = client.subscribe_to_persistent_subscription("s", "nobody", &Default::default()).await;
    assert!(matches!(read, Err(Error::ResourceNotFound)));
    let deleted = client.delete_persistent_subscription("s", "nobody", &Default::default()).await;
    assert!(matches!(deleted, Err(Error::ResourceNotFound)), "{deleted:?}");
    let updated = client.update_persistent_subscription("s", "nobody", &from_start()).await;
    assert!(matches!(updated, Err(Error::ResourceNotFound)), "{updated:?}");
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn what_is_not_handled_comes_again_and_then_is_parked() -> kurrentdb::Result<()> {
    let server = start(Server::builder()).await;
    let client = client(&server);
    client.append_to_stream("s", &Default::default(), event(1)).await?;
    client.create_persistent_subscription("s", "workers", &from_start().max_retry_count(2)).await?;
    let mut subscription = subscribe(&client, "s").await;
    for expected in 0..3 {
        let (event, retries) = next(&mut subscription).await?;
        assert_eq!((number(&event), retries), (1, expected));
        subscription.nack(&event, NakAction::Retry, "not now").await?;
    }
    // It is parked now, and comes again when that is asked for.
    let parked = async || {
        let info = client.get_persistent_subscription_info("s", "workers", &Default::default()).await?;
        kurrentdb::Result::Ok(info.stats.parked_message_count)
    };
    soon(async { while parked().await.expect("it is there") != 1 {} }).await;
    client.replay_parked_messages("s", "workers", &Default::default()).await?;
    let (event, retries) = next(&mut subscription).await?;
    assert_eq!((number(&event), retries), (1, 0));
    subscription.ack(&event).await?;
    soon(async { while parked().await.expect("it is there") != 0 {} }).await;
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn an_event_that_takes_too_long_comes_again() -> kurrentdb::Result<()> {
    let server = start(Server::builder()).await;
    let client = client(&server);
    client.append_to_stream("s", &Default::default(), event(1)).await?;
    let options = from_start().message_timeout(Duration::from_millis(50));
    client.create_persistent_subscription("s", "workers", &options).await?;
    let mut subscription = subscribe(&client, "s").await;
    assert_eq!(next(&mut subscription).await?.1, 0);
    assert_eq!(next(&mut subscription).await?.1, 1);
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn two_consumers_share_the_events_and_inherit_from_each_other() -> kurrentdb::Result<()> {
    let server = start(Server::builder()).await;
    let clients = [client(&server), client(&server)];
    clients[0].create_persistent_subscription("s", "workers", &from_start()).await?;
    let mut first = subscribe(&clients[0], "s").await;
    let mut second = subscribe(&clients[1], "s").await;
    // Both are connected once each has had an event.
    clients[0].append_to_stream("s", &Default::default(), events(0..10)).await?;
    let (one, _) = next(&mut first).await?;
    let (two, _) = next(&mut second).await?;
    assert_ne!(number(&one), number(&two));
    first.ack(&one).await?;
    second.ack(&two).await?;
    in_flight(&clients[1], 8).await;
    drop(first);
    drop(clients.into_iter().next());
    let mut rest = Vec::new();
    while rest.len() < 8 {
        let (event, _) = next(&mut second).await?;
        rest.push(number(&event));
        second.ack(&event).await?;
    }
    rest.extend([number(&one), number(&two)]);
    rest.sort_unstable();
    assert_eq!(rest, (0..10).collect::<Vec<_>>());
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_subscription_of_all_sees_what_its_filter_lets_through() -> kurrentdb::Result<()> {
    let server = start(Server::builder()).await;
    let client = client(&server);
    let options = PersistentSubscriptionToAllOptions::default()
        .start_from(StreamPosition::Start)
        .filter(SubscriptionFilter::on_stream_name().add_prefix("order-"));
    client.create_persistent_subscription_to_all("workers", &options).await?;
    client.append_to_stream("other-1", &Default::default(), event(0)).await?;
    client.append_to_stream("order-1", &Default::default(), event(1)).await?;
    client.append_to_stream("order-2", &Default::default(), event(2)).await?;
    let mut subscription =
        client.subscribe_to_persistent_subscription_to_all("workers", &Default::default()).await?;
    for expected in [1, 2] {
        let (event, _) = next(&mut subscription).await?;
        assert_eq!(number(&event), expected);
        subscription.ack(&event).await?;
    }
    let info = client.get_persistent_subscription_info_to_all("workers", &Default::default()).await?;
    assert_eq!((info.event_source.as_str(), info.connections.len()), ("$all", 1));
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn an_update_and_a_deletion_drop_the_consumers() -> kurrentdb::Result<()> {
    let server = start(Server::builder()).await;
    let client = client(&server);
    client.create_persistent_subscription("s", "workers", &from_start()).await?;
    let mut subscription = subscribe(&client, "s").await;
    client.update_persistent_subscription("s", "workers", &from_start().max_retry_count(7)).await?;
    let dropped = next(&mut subscription).await;
    assert!(matches!(dropped, Err(Error::IllegalStateError(_))), "{dropped:?}");
    let info = client.get_persistent_subscription_info("s", "workers", &Default::default()).await?;
    assert_eq!(info.settings.expect("settings").max_retry_count, 7);

    let mut subscription = subscribe(&client, "s").await;
    client.delete_persistent_subscription("s", "workers", &Default::default()).await?;
    let dropped = next(&mut subscription).await;
    assert!(matches!(dropped, Err(Error::IllegalStateError(_))), "{dropped:?}");
    assert!(client.list_all_persistent_subscriptions(&Default::default()).await?.is_empty());
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn progress_outlives_the_server() -> kurrentdb::Result<()> {
    let directory = tempfile::tempdir().expect("a directory");
    let storage = Storage::Directory { path: directory.path().to_owned(), flush: Flush::LeaveToSystem };
    let server = start(Server::builder().storage(storage.clone())).await;
    let first = client(&server);
    first.append_to_stream("s", &Default::default(), events(0..5)).await?;
    first.create_persistent_subscription("s", "workers", &from_start()).await?;
    let mut subscription = subscribe(&first, "s").await;
    for _ in 0..3 {
        let (event, _) = next(&mut subscription).await?;
        subscription.ack(&event).await?;
    }
    in_flight(&first, 2).await;
    server.stop().await;

    let server = start(Server::builder().storage(storage)).await;
    let second = client(&server);
    let mut subscription = subscribe(&second, "s").await;
    assert_eq!(number(&next(&mut subscription).await?.0), 3);
    assert_eq!(number(&next(&mut subscription).await?.0), 4);
    server.stop().await;
    Ok(())
}
