//! The protocol itself: what clients map to their own types, codes and errors.
#![allow(missing_docs, clippy::expect_used, clippy::panic, reason = "a test that fails panics")]

mod support;

use eventstore_embedded::{Access, Password, Running, Server};
use eventstore_protocol::{
    gossip::{gossip_client::GossipClient, member_info::VNodeState},
    persistent::{
        DeleteReq as DeleteGroupReq, ListReq, ReadReq as ConsumerReq, ReadResp as ConsumerResp, SettingsReq,
        delete_req, list_req, persistent_subscriptions_client::PersistentSubscriptionsClient,
        read_req as consumer_req, read_req::nack::Action, read_resp as consumer_resp, settings_req,
    },
    server_features::server_features_client::ServerFeaturesClient,
    shared::{
        AllOptions, Empty, StreamIdentifier, StreamOptions, Uuid as WireUuid, stream_options::RevisionOption,
        uuid::Value,
    },
    streams::{
        AppendReq, AppendResp, DeleteReq, ProposedMessage, ReadReq, ReadResp, WriteOptions, append_req,
        append_resp, read_req, read_req::options::CountOption, read_req::options::StreamOption, read_resp,
        streams_client::StreamsClient, write_options::ExpectedStreamRevision,
    },
};
use futures::{TryStreamExt, stream};
use support::{soon, start};
use tokio::sync::mpsc;
use tonic::{
    Code, Request, Status, Streaming,
    metadata::MetadataValue,
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};
use uuid::Uuid;

/// A connection that says who it is: `name:password` in base64.
#[derive(Clone)]
struct As(Option<&'static str>);

impl Interceptor for As {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(user) = self.0 {
            let value = MetadataValue::try_from(format!("Basic {user}")).expect("a header");
            request.metadata_mut().insert("authorization", value);
        }
        Ok(request)
    }
}

type Connection = InterceptedService<Channel, As>;

const ADMIN: As = As(Some("YWRtaW46YQ=="));
const OPS: As = As(Some("b3BzOm8="));
const NOBODY: As = As(None);

async fn connect(server: &Running, user: As) -> Connection {
    let endpoint = Endpoint::from_shared(format!("http://{}", server.address())).expect("an address");
    InterceptedService::new(endpoint.connect().await.expect("it listens"), user)
}

async fn with_passwords() -> Running {
    let access = Access::Passwords { admin: Password::new("a"), ops: Password::new("o") };
    start(Server::builder().access(access)).await
}

fn identifier(stream: &str) -> StreamIdentifier {
    StreamIdentifier { stream_name: stream.to_owned().into() }
}

fn to(stream: &str, expected: ExpectedStreamRevision) -> WriteOptions {
    WriteOptions { stream_identifier: Some(identifier(stream)), expected_stream_revision: Some(expected) }
}

fn event(event_type: &str, data: &str) -> ProposedMessage {
    let properties = [("type", event_type), ("content-type", "application/json")];
    ProposedMessage {
        id: Some(WireUuid { value: Some(Value::String(Uuid::new_v4().to_string())) }),
        metadata: properties.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        custom_metadata: Default::default(),
        data: data.to_owned().into(),
    }
}

async fn append(
    connection: &Connection,
    options: WriteOptions,
    events: Vec<ProposedMessage>,
) -> Result<AppendResp, Status> {
    let events = events.into_iter().map(append_req::Content::ProposedMessage);
    let contents: Vec<_> = std::iter::once(append_req::Content::Options(options)).chain(events).collect();
    let messages = contents.into_iter().map(|content| AppendReq { content: Some(content) });
    let answer = StreamsClient::new(connection.clone()).append(stream::iter(messages)).await;
    answer.map(|response| response.into_inner())
}

async fn write(connection: &Connection, stream: &str, data: &str) -> Result<AppendResp, Status> {
    append(connection, to(stream, ExpectedStreamRevision::Any(Empty {})), vec![event("T", data)]).await
}

async fn delete(connection: &Connection, options: WriteOptions) -> Result<(), Status> {
    StreamsClient::new(connection.clone()).delete(DeleteReq { options: Some(options) }).await.map(drop)
}

async fn read(
    connection: &Connection,
    of: StreamOption,
    count: u64,
) -> Result<Vec<read_resp::Content>, Status> {
    let options = read_req::Options {
        stream_option: Some(of),
        count_option: Some(CountOption::Count(count)),
        control_option: Some(read_req::ControlOption { compatibility: 1 }),
        ..Default::default()
    };
    let responses = StreamsClient::new(connection.clone()).read(ReadReq { options: Some(options) }).await?;
    let responses: Vec<ReadResp> = responses.into_inner().try_collect().await?;
    Ok(responses.into_iter().filter_map(|response| response.content).collect())
}

fn of(stream: &str, from: u64) -> StreamOption {
    let revision_option = Some(RevisionOption::Revision(from));
    StreamOption::Stream(StreamOptions { stream_identifier: Some(identifier(stream)), revision_option })
}

/// The code of a refusal, and its trailers by these names.
fn refusal<T: std::fmt::Debug, const N: usize>(
    result: Result<T, Status>,
    names: [&str; N],
) -> (Code, [String; N]) {
    let status = result.expect_err("it is refused");
    let trailer = |name| status.metadata().get(name).and_then(|value| value.to_str().ok()).unwrap_or("-");
    (status.code(), names.map(|name| trailer(name).to_owned()))
}

#[tokio::test]
async fn features_and_gossip_are_told_to_everybody() {
    let server = with_passwords().await;
    let nobody = connect(&server, NOBODY).await;
    let features = ServerFeaturesClient::new(nobody.clone()).get_supported_methods(Empty {}).await;
    let features = features.expect("it is answered").into_inner();
    assert!(features.event_store_server_version.starts_with("24."));
    let of = |service: &str, method: &str| {
        let mut all = features.methods.iter();
        all.find(|it| it.service_name.ends_with(service) && it.method_name == method)
            .map(|it| it.features.clone())
    };
    assert_eq!(of(".streams", "batchappend"), Some(vec!["deadline_duration".to_owned()]));
    let all = Some(vec!["stream".to_owned(), "all".to_owned()]);
    assert_eq!(of(".persistentsubscriptions", "replayparked"), all);

    let members =
        GossipClient::new(nobody).read(Empty {}).await.expect("it is answered").into_inner().members;
    let [member] = &members[..] else { panic!("one member: {members:?}") };
    assert_eq!((member.state(), member.is_alive), (VNodeState::Leader, true));
    let endpoint = member.http_end_point.as_ref().expect("an address");
    assert_eq!((endpoint.address.as_str(), endpoint.port), ("127.0.0.1", u32::from(server.address().port())));
    server.stop().await;
}

#[tokio::test]
async fn refusals_have_a_code_and_say_what_happened_in_trailers() {
    let server = with_passwords().await;
    let (admin, nobody) = (connect(&server, ADMIN).await, connect(&server, NOBODY).await);
    let no_stream = || to("s", ExpectedStreamRevision::NoStream(Empty {}));
    let refused = refusal(write(&nobody, "s", "{}").await, ["exception"]);
    assert_eq!(refused, (Code::Unauthenticated, ["not-authenticated".to_owned()]));
    write(&admin, "s", "{}").await.expect("it is written");

    // The wrong version is a response of an append, and a refusal of a deletion.
    let answer = append(&admin, no_stream(), vec![event("T", "{}")]).await.expect("it is answered");
    let Some(append_resp::Result::WrongExpectedVersion(wrong)) = answer.result else { panic!("{answer:?}") };
    use append_resp::wrong_expected_version::{CurrentRevisionOption, ExpectedRevisionOption};
    assert_eq!(wrong.current_revision_option, Some(CurrentRevisionOption::CurrentRevision(0)));
    assert_eq!(wrong.expected_revision_option, Some(ExpectedRevisionOption::ExpectedNoStream(Empty {})));
    let names = ["exception", "stream-name", "expected-version", "actual-version"];
    let refused = refusal(delete(&admin, no_stream()).await, names);
    let told = ["wrong-expected-version", "s", "-1", "0"].map(str::to_owned);
    assert_eq!(refused, (Code::FailedPrecondition, told));

    let mut nameless = event("T", "{}");
    nameless.metadata.remove("type");
    let refused = append(&admin, to("s", ExpectedStreamRevision::Any(Empty {})), vec![nameless]).await;
    let refused = refusal(refused, ["exception", "required-metadata-properties"]);
    let told = ["missing-required-metadata-property", "type,content-type"].map(str::to_owned);
    assert_eq!(refused, (Code::InvalidArgument, told));

    let any = || to("s", ExpectedStreamRevision::Any(Empty {}));
    let tombstone = StreamsClient::new(admin.clone()).tombstone(DeleteReq { options: Some(any()) }).await;
    tombstone.expect("it is deleted");
    let deleted = (Code::FailedPrecondition, ["stream-deleted", "s"].map(str::to_owned));
    assert_eq!(refusal(write(&admin, "s", "{}").await, ["exception", "stream-name"]), deleted);
    assert_eq!(refusal(read(&admin, of("s", 0), 9).await, ["exception", "stream-name"]), deleted);
    server.stop().await;
}

#[tokio::test]
async fn a_read_tells_where_the_stream_begins_and_ends() {
    use read_resp::Content::{Event, FirstStreamPosition, LastStreamPosition};
    let server = start(Server::builder()).await;
    let nobody = connect(&server, NOBODY).await;
    let events = (0..100).map(|_| event("T", "{}")).collect();
    append(&nobody, to("s", ExpectedStreamRevision::Any(Empty {})), events).await.expect("it is written");
    let positions = async |from, count| {
        let contents = read(&nobody, of("s", from), count).await.expect("it is read");
        contents.into_iter().filter(|content| !matches!(content, Event(_))).collect::<Vec<_>>()
    };
    assert_eq!(positions(0, 1000).await, [LastStreamPosition(99)]);
    assert_eq!(positions(0, 10).await, [LastStreamPosition(99)]);
    assert_eq!(positions(100, 10).await, [LastStreamPosition(99)]);
    assert_eq!(positions(105, 10).await, [FirstStreamPosition(100), LastStreamPosition(99)]);
    write(&nobody, "$$s", r#"{"$tb":40}"#).await.expect("it is written");
    // EventStoreDB reads 32 at once: the first page from 0 is empty, the one from 20 is not.
    assert_eq!(positions(0, 1000).await, [FirstStreamPosition(40), LastStreamPosition(99)]);
    assert_eq!(positions(20, 1000).await, [LastStreamPosition(99)]);
    server.stop().await;
}

#[tokio::test]
async fn a_list_in_the_metadata_says_what_ops_may_do() {
    let server = with_passwords().await;
    let (admin, ops) = (connect(&server, ADMIN).await, connect(&server, OPS).await);
    let denied = |result: Result<_, Status>| match result {
        Ok(_) => false,
        Err(status) => {
            assert_eq!(
                (status.code(), refusal::<(), 1>(Err(status), ["exception"]).1),
                (Code::PermissionDenied, ["access-denied".to_owned()])
            );
            true
        }
    };
    for (stream, list, may_read, may_write, may_see, may_set) in [
        ("open", "{}", true, true, true, true),
        ("$system", "{}", false, false, false, false),
        ("closed", r#"{"$acl":{"$r":"$admins","$w":[]}}"#, false, false, true, true),
        ("$opened", r#"{"$acl":{"$r":["nobody","$ops"],"$mr":"ops"}}"#, true, false, true, false),
        ("blind", r#"{"$acl":{"$mr":["$admins"],"$mw":"$admins"}}"#, true, true, false, false),
        ("nonsense", r#"{"$acl":{"$r":7}, "$w": 1}"#, true, true, true, true),
    ] {
        let metadata = format!("$${stream}");
        write(&admin, stream, "{}").await.expect("admin may do everything");
        write(&admin, &metadata, list).await.expect("admin may do everything");
        let allowed = [
            !denied(read(&ops, of(stream, 0), 9).await.map(drop)),
            !denied(write(&ops, stream, "{}").await.map(drop)),
            !denied(read(&ops, of(&metadata, 0), 9).await.map(drop)),
            !denied(write(&ops, &metadata, list).await.map(drop)),
        ];
        assert_eq!(allowed, [may_read, may_write, may_see, may_set], "{stream}");
    }
    let everything = || StreamOption::All(AllOptions::default());
    assert!(denied(read(&ops, everything(), 9).await.map(drop)));
    write(&admin, "$$$all", r#"{"$acl":{"$r":"$ops"}}"#).await.expect("admin may do everything");
    assert!(!denied(read(&ops, everything(), 9).await.map(drop)));
    let any = |stream| to(stream, ExpectedStreamRevision::Any(Empty {}));
    assert!(denied(delete(&admin, any("$$open")).await), "metadata are not deleted");
    assert!(!denied(delete(&ops, any("open")).await));
    server.stop().await;
}

/// A consumer of the group `workers` of a stream: what it says, and what it is told.
async fn consume(
    connection: &Connection,
    stream: &str,
) -> (mpsc::Sender<ConsumerReq>, Streaming<ConsumerResp>) {
    let (says, hears) = mpsc::channel(16);
    let options = consumer_req::Options {
        stream_option: Some(consumer_req::options::StreamOption::StreamIdentifier(identifier(stream))),
        group_name: "workers".to_owned(),
        buffer_size: 10,
        uuid_option: None,
    };
    let request = ConsumerReq { content: Some(consumer_req::Content::Options(options)) };
    says.send(request).await.expect("there is room");
    let hears = stream::unfold(hears, |mut hears| async { hears.recv().await.map(|it| (it, hears)) });
    let responses = PersistentSubscriptionsClient::new(connection.clone()).read(hears).await;
    (says, responses.expect("it is a consumer").into_inner())
}

/// The next event: its revision, its id, and how often it was handed out before.
async fn next(responses: &mut Streaming<ConsumerResp>) -> (u64, Option<WireUuid>, i32) {
    loop {
        let response = soon(responses.message()).await.expect("it goes on").expect("it goes on");
        if let Some(consumer_resp::Content::Event(event)) = response.content {
            let retries = match event.count {
                Some(eventstore_protocol::shared::read_event::Count::RetryCount(count)) => count,
                _ => -1,
            };
            let record = event.event.expect("an event");
            return (record.stream_revision, record.id, retries);
        }
    }
}

#[tokio::test]
async fn what_a_consumer_refuses_is_retried_skipped_or_parked() {
    let server = with_passwords().await;
    let ops = connect(&server, OPS).await;
    for _ in 0..4 {
        write(&ops, "s", "{}").await.expect("it is written");
    }
    let mut groups = PersistentSubscriptionsClient::new(ops.clone());
    let start = RevisionOption::Start(Empty {});
    let of_stream = StreamOptions { stream_identifier: Some(identifier("s")), revision_option: Some(start) };
    let settings = settings_req::Settings { max_retry_count: 5, ..Default::default() };
    let options = settings_req::Options {
        stream_option: Some(settings_req::options::StreamOption::Stream(of_stream)),
        group_name: "workers".to_owned(),
        settings: Some(settings),
        stream_identifier: None,
    };
    groups.create(SettingsReq { options: Some(options) }).await.expect("it is made");

    let (says, mut hears) = consume(&ops, "s").await;
    let mut waiting = Vec::new();
    for revision in 0..4 {
        let (is, id, retries) = next(&mut hears).await;
        assert_eq!((is, retries), (revision, 0));
        waiting.push(id.expect("an id"));
    }
    let nack = async |id: &WireUuid, action: Action| {
        let reason = "no reason".to_owned();
        let nack = consumer_req::Nack { ids: vec![id.clone()], action: action.into(), reason };
        let request = ConsumerReq { content: Some(consumer_req::Content::Nack(nack)) };
        says.send(request).await.expect("it is heard");
    };
    nack(&waiting[0], Action::Skip).await;
    nack(&waiting[1], Action::Stop).await;
    nack(&waiting[2], Action::Park).await;
    nack(&waiting[3], Action::Unknown).await;
    // The one whose fate the server decides comes again, and nothing else does: the consumer goes on.
    assert_eq!(next(&mut hears).await, (3, Some(waiting[3].clone()), 1));
    let ack = consumer_req::Ack { ids: vec![waiting[3].clone()] };
    says.send(ConsumerReq { content: Some(consumer_req::Content::Ack(ack)) }).await.expect("it is heard");
    write(&ops, "s", "{}").await.expect("it is written");
    assert_eq!(next(&mut hears).await.0, 4);

    let admin = connect(&server, ADMIN).await;
    let parked =
        read(&admin, of("$persistentsubscription-s::workers-parked", 0), 9).await.expect("it is read");
    let read_resp::Content::Event(parked) = &parked[0] else { panic!("{parked:?}") };
    let link = parked.event.as_ref().expect("a link");
    assert_eq!(&link.data[..], b"2@s");
    let metadata: serde_json::Value = serde_json::from_slice(&link.custom_metadata).expect("JSON");
    assert_eq!(metadata["reason"], "Client explicitly NAK'ed message.\nno reason");

    // `ops` may be no consumer of a stream that it may not read, and manage its subscriptions all the same.
    let everything = list_req::options::ListOption::ListAllSubscriptions(Empty {});
    let options = Some(list_req::Options { list_option: Some(everything) });
    let listed = groups.list(ListReq { options }).await.expect("it is answered").into_inner().subscriptions;
    assert_eq!(listed.iter().map(|it| it.event_source.as_str()).collect::<Vec<_>>(), ["s"]);
    write(&admin, "$$s", r#"{"$acl":{"$r":"$admins"}}"#).await.expect("it is written");
    let request = |option| ConsumerReq { content: Some(option) };
    let options = consumer_req::Content::Options(consumer_req::Options {
        stream_option: Some(consumer_req::options::StreamOption::StreamIdentifier(identifier("s"))),
        group_name: "workers".to_owned(),
        buffer_size: 1,
        uuid_option: None,
    });
    let refused = groups.read(stream::iter([request(options)])).await;
    assert_eq!(refusal(refused, ["exception"]), (Code::PermissionDenied, ["access-denied".to_owned()]));
    let options = delete_req::Options {
        stream_option: Some(delete_req::options::StreamOption::StreamIdentifier(identifier("s"))),
        group_name: "workers".to_owned(),
    };
    groups.delete(DeleteGroupReq { options: Some(options.clone()) }).await.expect("it is deleted");
    let again = groups.delete(DeleteGroupReq { options: Some(options) }).await;
    let names = ["exception", "stream-name", "group-name"];
    let told = ["persistent-subscription-does-not-exist", "s", "workers"].map(str::to_owned);
    assert_eq!(refusal(again, names), (Code::NotFound, told));
    server.stop().await;
}
