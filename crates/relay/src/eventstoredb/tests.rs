//! The relay on a real server of the protocol: restarts, tombstones, metadata that hide events.

mod tls;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use event::Event;
use eventstore_embedded::{Flush, Running, Server, Storage};
use eventstore_protocol::shared::{Empty, StreamIdentifier};
use eventstore_protocol::streams::{DeleteReq, WriteOptions, write_options::ExpectedStreamRevision};
use futures::future::join_all;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;

use super::*;
use crate::testing::*;
use crate::{Clients, Relay, Report};

/// What Secrets Manager holds, and may be changed.
#[derive(Clone, Default)]
struct Vault {
    secrets: Arc<Mutex<BTreeMap<&'static str, String>>>,
}

impl Vault {
    fn put(&self, arn: &'static str, text: impl Into<String>) {
        self.secrets.lock().unwrap().insert(arn, text.into());
    }

    fn clients(&self) -> (Clients, Calls) {
        let vault = self.clone();
        clients(move |operation, input| match operation {
            "GetSecretValue" => {
                let secrets = vault.secrets.lock().unwrap();
                match secrets.get(input["SecretId"].as_str().unwrap()) {
                    Some(text) => Reply::Done(json!({ "ARN": "arn", "SecretString": text })),
                    None => Reply::Error(400, "ResourceNotFoundException"),
                }
            }
            _ => healthy(operation, input),
        })
    }
}

async fn start(server: Server) -> Running {
    server.start(TcpListener::bind("127.0.0.1:0").await.unwrap()).await.unwrap()
}

/// On the same port as a server that has stopped.
async fn restart(server: Server, address: SocketAddr) -> Running {
    server.start(TcpListener::bind(address).await.unwrap()).await.unwrap()
}

fn plain(server: &Running) -> EventStoreDb {
    let address = Address { address: server.address().to_string(), tls: None };
    EventStoreDb::new(address, Secrets::new(Vault::default().clients().0.secrets))
}

async fn relayed(relay: &Relay<EventStoreDb>, events: &[Event]) -> Report {
    relay.handle(batch(events), deadline()).await
}

fn numbered(request: &str, numbers: std::ops::Range<usize>) -> Vec<Event> {
    numbers.map(|number| event(request, &number.to_string(), "")).collect()
}

fn keys(events: &[Event]) -> Vec<String> {
    events.iter().map(|event| event.key().to_string()).collect()
}

/// The keys of a stream's events that are shown, in order.
async fn stored(store: &EventStoreDb, stream: &str) -> Vec<String> {
    let events = store.read_backwards(stream, None, 10_000).await.unwrap();
    events.into_iter().rev().filter_map(|event| event.event_key).collect()
}

/// Sets the metadata of a stream.
async fn describe(store: &EventStoreDb, stream: &str, metadata: Value, behind: Option<u64>) {
    let event = Proposed {
        id: Uuid::new_v4(),
        event_type: "$metadata".to_owned(),
        data: metadata.to_string().into(),
        metadata: Bytes::new(),
    };
    store.append(&format!("$${stream}"), behind, vec![event]).await.unwrap();
}

#[tokio::test]
async fn events_arrive_with_their_content_once_and_in_order() {
    let server = start(Server::builder()).await;
    let (clients, _) = Vault::default().clients();
    let relay = relay(plain(&server), &clients, MOST_BYTES);
    let events = numbered("r", 0..300);
    let report = relayed(&relay, &events).await;
    assert_eq!((report.metrics.appended, report.metrics.failed), (300, 0), "{:?}", report.result);
    let report = relayed(&relay, &events[100..200]).await;
    assert_eq!((report.metrics.appended, report.metrics.present), (0, 100));
    let store = plain(&server);
    assert_eq!(stored(&store, "request-r").await, keys(&events));

    let connection = store.connection().await.unwrap();
    let stored = connection.read_backwards("request-r", Some(0), 1).await.unwrap();
    let outgoing = crate::outgoing::Outgoing::new(&events[0]).unwrap();
    assert_eq!(Some(stored[0].id), outgoing.ids().next());
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_was_replaced_between_two_invocations_is_connected_to_anew_at_once() {
    let directory = std::env::temp_dir().join(format!("relay-{}", Uuid::new_v4()));
    let storage = Storage::Directory { path: directory.clone(), flush: Flush::LeaveToSystem };
    let server = start(Server::builder().storage(storage.clone())).await;
    let address = server.address();
    let (clients, _) = Vault::default().clients();
    let relay = relay(plain(&server), &clients, MOST_BYTES);
    let events = numbered("r", 0..4);
    assert_eq!(relayed(&relay, &events[..2]).await.metrics.appended, 2);

    server.stop().await;
    let away = relayed(&relay, &events).await;
    assert_eq!(away.result.unwrap_err().name(), "EventStoreAway");
    let server = restart(Server::builder().storage(storage.clone()), address).await;
    let report = relayed(&relay, &events[..3]).await;
    assert_eq!((report.metrics.present, report.metrics.appended), (2, 1));

    // Nobody noticed this time.
    server.stop().await;
    let server = restart(Server::builder().storage(storage), address).await;
    let report = relayed(&relay, &events).await;
    assert_eq!((report.metrics.present, report.metrics.appended), (3, 1), "{:?}", report.result);
    assert_eq!(stored(&plain(&server), "request-r").await, keys(&events));
    server.stop().await;
    std::fs::remove_dir_all(directory).unwrap();
}

#[tokio::test]
async fn a_tombstone_and_an_event_that_is_too_large_go_to_the_failure_queue_and_the_others_do_not() {
    let server = start(Server::builder().max_append_size(2000)).await;
    let (clients, calls) = Vault::default().clients();
    let relay = relay(plain(&server), &clients, MOST_BYTES);
    let store = plain(&server);
    let connection = store.connection().await.unwrap();
    let stream_identifier = Some(StreamIdentifier { stream_name: Bytes::from_static(b"request-gone") });
    let expected_stream_revision = Some(ExpectedStreamRevision::Any(Empty {}));
    let options = Some(WriteOptions { stream_identifier, expected_stream_revision });
    connection.client.clone().tombstone(connection.request(DeleteReq { options })).await.unwrap();

    let mut events = numbered("r", 0..9);
    events.insert(4, event("r", "large", &"x".repeat(3000)));
    events.push(event("gone", "0", ""));
    let report = relayed(&relay, &events).await;
    assert_eq!((report.metrics.appended, report.metrics.rejected), (9, 2), "{:?}", report.result);
    let reasons: Vec<String> = letters(&calls).iter().map(|letter| letter["reason"].to_string()).collect();
    assert!(reasons[0].contains("Maximum Append Size") && reasons[1].contains("tombstone"), "{reasons:?}");
    assert_eq!(stored(&store, "request-r").await, keys(&numbered("r", 0..9)));
    server.stop().await;
}

#[tokio::test]
async fn a_stream_that_shows_its_last_event_alone_goes_on_at_its_true_revision() {
    let server = start(Server::builder()).await;
    let (clients, _) = Vault::default().clients();
    let relay = relay(plain(&server), &clients, MOST_BYTES);
    let store = plain(&server);
    let events = numbered("r", 0..6);
    describe(&store, "request-r", json!({ "$maxCount": 1 }), None).await;
    for events in events.chunks(3) {
        let report = relayed(&relay, events).await;
        assert_eq!(report.metrics.appended, 3, "{:?}", report.result);
    }
    describe(&store, "request-r", json!({}), Some(0)).await;
    assert_eq!(stored(&store, "request-r").await, keys(&events), "nothing was appended twice");
    server.stop().await;
}

#[tokio::test]
async fn a_stream_that_was_deleted_or_shows_nothing_goes_on_behind_what_is_hidden() {
    let server = start(Server::builder()).await;
    let (clients, _) = Vault::default().clients();
    let relay = relay(plain(&server), &clients, MOST_BYTES);
    let store = plain(&server);
    let events = numbered("r", 0..6);
    relayed(&relay, &events[..2]).await;
    describe(&store, "request-r", json!({ "$tb": i64::MAX }), None).await;
    assert_eq!(stored(&store, "request-r").await, [""; 0]);
    assert_eq!(relayed(&relay, &events[2..4]).await.metrics.appended, 2);
    assert_eq!(stored(&store, "request-r").await, keys(&events[2..4]));

    describe(&store, "request-r", json!({ "$tb": 100 }), Some(1)).await;
    assert_eq!(stored(&store, "request-r").await, [""; 0]);
    let report = relayed(&relay, &events[4..]).await;
    assert_eq!(report.metrics.appended, 2, "{:?}", report.result);
    describe(&store, "request-r", json!({}), Some(2)).await;
    assert_eq!(stored(&store, "request-r").await, keys(&events));
    server.stop().await;
}

#[tokio::test]
async fn a_thousand_events_over_two_hundred_streams_arrive_once_though_the_server_is_killed_again_and_again()
{
    let directory = std::env::temp_dir().join(format!("relay-{}", Uuid::new_v4()));
    let storage = Storage::Directory { path: directory.clone(), flush: Flush::LeaveToSystem };
    let server = start(Server::builder().storage(storage.clone())).await;
    let address = server.address();
    let target = Address { address: address.to_string(), tls: None };
    let (clients, _) = Vault::default().clients();
    let events: Vec<Event> =
        (0..1000).map(|number| event(&(number % 200).to_string(), &number.to_string(), "")).collect();
    let done = Arc::new(Mutex::new(0));

    let shard = async |events: &[Event]| {
        let relay = relay(
            EventStoreDb::new(target.clone(), Secrets::new(clients.secrets.clone())),
            &clients,
            MOST_BYTES,
        );
        for batch in events.chunks(20) {
            while relayed(&relay, batch).await.result.is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            *done.lock().unwrap() += 1;
        }
    };
    let kills = async {
        let mut server = Some(server);
        // Each time when some more batches are done, so that it strikes in the midst of one.
        for kill in 1..=8 {
            while *done.lock().unwrap() < kill * 10 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            drop(server.take());
            server = Some(loop {
                // The port and the directory are free soon.
                if let Ok(listener) = TcpListener::bind(address).await
                    && let Ok(server) = Server::builder().storage(storage.clone()).start(listener).await
                {
                    break server;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            });
        }
        server
    };
    // Two relays of the same events: the stream's, and a replay.
    let (_, _, server) = futures::join!(shard(&events), shard(&events), kills);
    let store = EventStoreDb::new(target.clone(), Secrets::new(clients.secrets.clone()));
    let check = (0..200).map(|stream| {
        let expected: Vec<Event> =
            events.iter().filter(|event| event.request_id() == stream.to_string()).cloned().collect();
        let store = &store;
        async move { assert_eq!(stored(store, &format!("request-{stream}")).await, keys(&expected)) }
    });
    join_all(check).await;
    server.unwrap().stop().await;
    std::fs::remove_dir_all(directory).unwrap();
}

#[tokio::test]
async fn an_address_where_nobody_listens_is_tried_once_for_all_who_wait() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address { address: listener.local_addr().unwrap().to_string(), tls: None };
    drop(listener);
    let store = EventStoreDb::new(address, Secrets::new(Vault::default().clients().0.secrets));
    let answers = join_all((0..16).map(|_| store.read_backwards("s", None, 1))).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(StoreError::Away { .. }))));
    assert_eq!(store.failed_attempts.load(Ordering::Acquire), 1);
}

#[tokio::test]
async fn a_connection_that_was_idle_for_long_is_not_used_again() {
    let server = start(Server::builder()).await;
    let store = plain(&server);
    let number = async || store.connection().await.unwrap().number;
    assert_eq!((number().await, number().await), (1, 1));
    store.state.lock().await.used_at = SystemTime::now().checked_sub(LONGEST_IDLE + Duration::from_secs(1));
    assert_eq!((number().await, number().await), (2, 2));
    server.stop().await;
}
