//! Appending to streams and reading them, as a client that others wrote sees it.
#![allow(missing_docs, clippy::expect_used, clippy::panic, reason = "a test that fails panics")]

mod support;

use std::time::Duration;

use eventstore_embedded::Server;
use kurrentdb::{
    AppendToStreamOptions, CurrentRevision, DeleteStreamOptions, Error, ReadStreamOptions, StreamMetadata,
    StreamPosition, StreamState, TombstoneStreamOptions,
};
use support::{all_of, client, event, events, number, numbers_of, start};
use uuid::Uuid;

fn expecting(state: StreamState) -> AppendToStreamOptions {
    AppendToStreamOptions::default().stream_state(state)
}

fn forwards() -> ReadStreamOptions {
    ReadStreamOptions::default().forwards().position(StreamPosition::Start)
}

fn backwards() -> ReadStreamOptions {
    ReadStreamOptions::default().backwards().position(StreamPosition::End)
}

#[tokio::test]
async fn an_event_comes_back_as_it_was_appended() -> kurrentdb::Result<()> {
    let server = start(Server::builder()).await;
    let client = client(&server);
    let id = Uuid::new_v4();
    let sent = event(7).id(id).metadata_as_json(&serde_json::json!({"$correlationId": "c-1"})).expect("JSON");
    let written = client.append_to_stream("orders-1", &expecting(StreamState::NoStream), sent).await?;
    assert_eq!(written.next_expected_version, 0);

    let read = all_of(client.read_stream("orders-1", &forwards()).await?).await?;
    assert_eq!(read.len(), 1);
    let event = read[0].event.as_ref().expect("the event is there");
    assert_eq!((event.id, &*event.event_type, event.revision, event.is_json), (id, "Counted", 0, true));
    assert_eq!(event.stream_id(), "orders-1");
    assert_eq!(&event.data[..], br#"{"number":7}"#);
    assert_eq!(&event.custom_metadata[..], br#"{"$correlationId":"c-1"}"#);
    assert_eq!(event.position, written.position);
    let age = age_seconds(event.created.timestamp());
    assert!(age < 60, "it says that it was created {age} s ago");
    server.stop().await;
    Ok(())
}

fn age_seconds(created: i64) -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(now.as_secs()).expect("in range") - created
}

#[tokio::test]
async fn a_stream_is_read_either_way_from_anywhere() -> kurrentdb::Result<()> {
    let server = start(Server::builder()).await;
    let client = client(&server);
    client.append_to_stream("s", &Default::default(), events(0..600)).await?;
    let read = async |options: &ReadStreamOptions| numbers_of(client.read_stream("s", options).await?).await;

    assert_eq!(read(&forwards()).await?, (0..600).collect::<Vec<_>>());
    assert_eq!(read(&backwards()).await?, (0..600).rev().collect::<Vec<_>>());
    assert_eq!(read(&forwards().position(StreamPosition::Position(597))).await?, [597, 598, 599]);
    assert_eq!(read(&backwards().position(StreamPosition::Position(2))).await?, [2, 1, 0]);
    assert_eq!(read(&backwards().position(StreamPosition::Position(9_999)).max_count(1)).await?, [599]);
    assert_eq!(read(&forwards().position(StreamPosition::Position(300)).max_count(2)).await?, [300, 301]);
    assert_eq!(read(&forwards().position(StreamPosition::Position(600))).await?, [] as [u64; 0]);
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_stream_without_events_is_not_found() -> kurrentdb::Result<()> {
    let server = start(Server::builder()).await;
    let client = client(&server);
    for options in [forwards(), backwards()] {
        let read = all_of(client.read_stream("nothing", &options).await?).await;
        assert!(matches!(read, Err(Error::ResourceNotFound)), "{read:?}");
    }
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_wrong_expected_version_says_what_is_there() -> kurrentdb::Result<()> {
    let server = start(Server::builder()).await;
    let client = client(&server);
    let wrong = |result: kurrentdb::Result<_>| match result {
        Err(Error::WrongExpectedVersion { expected, current }) => (expected, current),
        other => panic!("it is not refused: {other:?}"),
    };
    let append = async |state| client.append_to_stream("s", &expecting(state), event(0)).await;

    let at_two = StreamState::StreamRevision(2);
    assert_eq!(wrong(append(at_two).await), (at_two, CurrentRevision::NoStream));
    assert_eq!(
        wrong(append(StreamState::StreamExists).await),
        (StreamState::StreamExists, CurrentRevision::NoStream)
    );
    append(StreamState::NoStream).await?;
    assert_eq!(
        wrong(append(StreamState::NoStream).await),
        (StreamState::NoStream, CurrentRevision::Current(0))
    );
    assert_eq!(wrong(append(at_two).await), (at_two, CurrentRevision::Current(0)));
    append(StreamState::StreamExists).await?;
    assert_eq!(append(StreamState::StreamRevision(1)).await?.next_expected_version, 2);
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn an_append_that_comes_again_is_done_once() -> kurrentdb::Result<()> {
    let server = start(Server::builder()).await;
    let client = client(&server);
    for state in [StreamState::Any, StreamState::NoStream] {
        let stream = format!("{state:?}");
        let batch = events(0..3);
        let first = client.append_to_stream(stream.as_str(), &expecting(state), batch.clone()).await?;
        let again = client.append_to_stream(stream.as_str(), &expecting(state), batch).await?;
        assert_eq!((again.next_expected_version, again.position), (2, first.position));
        assert_eq!(numbers_of(client.read_stream(stream.as_str(), &forwards()).await?).await?, [0, 1, 2]);
    }
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_deleted_stream_is_gone_until_the_next_append() -> kurrentdb::Result<()> {
    let server = start(Server::builder()).await;
    let client = client(&server);
    client.append_to_stream("s", &Default::default(), events(0..3)).await?;
    client.delete_stream("s", &DeleteStreamOptions::default()).await?;
    let read = all_of(client.read_stream("s", &forwards()).await?).await;
    assert!(matches!(read, Err(Error::ResourceNotFound)), "{read:?}");

    let written = client.append_to_stream("s", &expecting(StreamState::NoStream), event(3)).await?;
    assert_eq!(written.next_expected_version, 3);
    let read = all_of(client.read_stream("s", &forwards()).await?).await?;
    assert_eq!(read.iter().map(number).collect::<Vec<_>>(), [3]);
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_tombstone_is_for_good() -> kurrentdb::Result<()> {
    let server = start(Server::builder()).await;
    let client = client(&server);
    client.append_to_stream("s", &Default::default(), event(0)).await?;
    client.tombstone_stream("s", &TombstoneStreamOptions::default()).await?;

    let append = client.append_to_stream("s", &Default::default(), event(1)).await;
    assert!(matches!(append, Err(Error::ResourceDeleted)), "{append:?}");
    let read = all_of(client.read_stream("s", &forwards()).await?).await;
    assert!(matches!(read, Err(Error::ResourceDeleted)), "{read:?}");
    let delete = client.delete_stream("s", &DeleteStreamOptions::default()).await;
    assert!(matches!(delete, Err(Error::ResourceDeleted)), "{delete:?}");
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn metadata_hide_what_a_stream_has_too_much_of() -> kurrentdb::Result<()> {
    let server = start(Server::builder()).await;
    let client = client(&server);
    client.append_to_stream("s", &Default::default(), events(0..10)).await?;
    let set = async |metadata: StreamMetadata| {
        client.set_stream_metadata("s", &expecting(StreamState::Any), &metadata).await?;
        numbers_of(client.read_stream("s", &forwards()).await?).await
    };
    assert_eq!(set(StreamMetadata::builder().max_count(2).build()).await?, [8, 9]);
    assert_eq!(set(StreamMetadata::builder().truncate_before(7).build()).await?, [7, 8, 9]);
    assert_eq!(set(StreamMetadata::builder().max_age(Duration::from_secs(3600)).build()).await?.len(), 10);
    let back = client.get_stream_metadata("s", &Default::default()).await?;
    assert!(back.is_success());
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn an_append_above_the_maximum_size_is_refused_whole() -> kurrentdb::Result<()> {
    let server = start(Server::builder().max_append_size(1000)).await;
    let client = client(&server);
    let large = kurrentdb::EventData::binary("Large", vec![0; 600].into());
    let refused = client.append_to_stream("s", &Default::default(), vec![large.clone(), large.clone()]).await;
    assert!(
        matches!(&refused, Err(Error::Grpc { code: tonic_code, message })
            if format!("{tonic_code:?}") == "InvalidArgument" && message.contains("1000")),
        "{refused:?}"
    );
    client.append_to_stream("s", &expecting(StreamState::NoStream), large).await?;
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_batch_of_appends_goes_over_one_call() -> kurrentdb::Result<()> {
    let server = start(Server::builder()).await;
    let client = client(&server);
    let batch = client.batch_append(&Default::default()).await?;
    for number in 0..50 {
        let expected =
            if number == 0 { StreamState::NoStream } else { StreamState::StreamRevision(number - 1) };
        let written = batch.append_to_stream("s", expected, vec![event(number)]).await?;
        assert_eq!(written.current_revision(), Some(number));
        assert_eq!((written.stream_name(), written.stream_state()), ("s", Some(expected)));
    }
    let refused = batch.append_to_stream("s", StreamState::NoStream, vec![event(0)]).await;
    assert!(
        matches!(&refused, Err(Error::Grpc { message, .. }) if message == "WrongExpectedVersion"),
        "{refused:?}"
    );
    assert_eq!(numbers_of(client.read_stream("s", &forwards()).await?).await?, (0..50).collect::<Vec<_>>());
    server.stop().await;
    Ok(())
}

#[tokio::test]
async fn of_two_clients_at_once_one_gets_each_revision() -> kurrentdb::Result<()> {
    let server = start(Server::builder()).await;
    let clients = [client(&server), client(&server)];
    let write = async |client: &kurrentdb::Client, name: u64| {
        let mut done = 0;
        while done < 100 {
            let last = client.read_stream("s", &backwards().max_count(1)).await?.next().await;
            let state = match last {
                Ok(Some(event)) => StreamState::StreamRevision(event.get_original_event().revision),
                Ok(None) | Err(Error::ResourceNotFound) => StreamState::NoStream,
                Err(error) => return Err(error),
            };
            match client.append_to_stream("s", &expecting(state), event(name * 1000 + done)).await {
                Ok(_) => done += 1,
                Err(Error::WrongExpectedVersion { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    };
    let (first, second) = tokio::join!(write(&clients[0], 1), write(&clients[1], 2));
    first.and(second)?;
    let read = numbers_of(clients[0].read_stream("s", &forwards()).await?).await?;
    assert_eq!(read.len(), 200);
    for name in [1, 2] {
        let own: Vec<_> =
            read.iter().filter(|number| **number / 1000 == name).map(|number| number % 1000).collect();
        assert_eq!(own, (0..100).collect::<Vec<_>>());
    }
    server.stop().await;
    Ok(())
}
