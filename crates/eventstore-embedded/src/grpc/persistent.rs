//! PersistentSubscriptions: making, changing and asking for subscriptions, and being a consumer of one.

use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::{mpsc, oneshot};
use tonic::{Code, Request, Response, Status, Streaming};
use uuid::Uuid;

use super::{
    allow,
    convert::{self, UuidForm, read_event},
    status::exception,
    subscription::{asked, info},
    user,
};
use crate::{
    database::WriteError,
    listener::PeerAddress,
    persistent::{
        GroupError, Groups,
        actor::{Command, Connect, Connected, Peer},
        group::{Message, Nack},
        settings::{ALL, Name, Settings},
    },
    protocol::{
        persistent::{
            DeleteReq, GetInfoReq, GetInfoResp, ListReq, ListResp, ReadReq, ReadResp, ReplayParkedReq,
            SettingsReq, delete_req, get_info_req, list_req, persistent_subscriptions_server,
            read_req::{self, nack::Action},
            read_resp, replay_parked_req,
        },
        shared::{Empty, StreamIdentifier, SubscriptionConfirmation, Uuid as WireUuid, read_event::Count},
    },
    store::acl::Operation,
};

/// The service. Every user may make, change and ask for subscriptions, of whatever stream: `ops` is an operator. To be a
/// consumer is to read the stream.
pub(super) struct PersistentSubscriptions {
    pub(super) groups: Groups,
}

#[tonic::async_trait]
impl persistent_subscriptions_server::PersistentSubscriptions for PersistentSubscriptions {
    type ReadStream = BoxStream<'static, Result<ReadResp, Status>>;

    async fn create(&self, request: Request<SettingsReq>) -> Result<Response<Empty>, Status> {
        let (name, settings) = asked(request.into_inner())?;
        let made = self.groups.create(name.clone(), settings).await;
        made.map_err(|error| failed(&name, error)).map(|()| Response::new(Empty {}))
    }

    /// The filter stays: the protocol's update has none.
    async fn update(&self, request: Request<SettingsReq>) -> Result<Response<Empty>, Status> {
        let (name, settings) = asked(request.into_inner())?;
        let changed =
            self.groups.update(name.clone(), |old| Settings { filter: old.filter.clone(), ..settings });
        changed.await.map_err(|error| failed(&name, error)).map(|()| Response::new(Empty {}))
    }

    async fn delete(&self, request: Request<DeleteReq>) -> Result<Response<Empty>, Status> {
        let options = request.into_inner().options.ok_or_else(no_options)?;
        let name = match options.stream_option {
            Some(delete_req::options::StreamOption::StreamIdentifier(stream)) => {
                of_stream(stream, options.group_name)
            }
            Some(delete_req::options::StreamOption::All(_)) => of_all(options.group_name),
            None => Err(no_options()),
        }?;
        let deleted = self.groups.delete(&name).await;
        deleted.map_err(|error| failed(&name, error)).map(|()| Response::new(Empty {}))
    }

    async fn read(&self, request: Request<Streaming<ReadReq>>) -> Result<Response<Self::ReadStream>, Status> {
        let user = user(&request)?;
        let address = request.extensions().get::<PeerAddress>().map(|peer| peer.0);
        let connection_name = request.metadata().get("connection-name").and_then(|name| name.to_str().ok());
        let peer = Peer { address, user, connection_name: connection_name.unwrap_or_default().to_owned() };
        let mut requests = request.into_inner();
        let first = requests.message().await?.and_then(|message| message.content);
        let Some(read_req::Content::Options(options)) = first else {
            return Err(Status::invalid_argument("the first message of a consumer has its options"));
        };
        let form = UuidForm::from(options.uuid_option);
        let name = match options.stream_option {
            Some(read_req::options::StreamOption::StreamIdentifier(stream)) => {
                of_stream(stream, options.group_name)
            }
            Some(read_req::options::StreamOption::All(_)) => of_all(options.group_name),
            None => Err(no_options()),
        }?;
        allow(&self.groups.database, user, Operation::Read, &name.stream)?;
        let commands = self.groups.get(&name).await.map_err(|error| failed(&name, error))?;
        let (reply, answer) = oneshot::channel();
        let slots = usize::try_from(options.buffer_size).unwrap_or(0);
        tell(&commands, &name, Command::Connect(Connect { slots, peer, reply })).await?;
        let connected = answer.await.map_err(|_| failed(&name, GroupError::DoesNotExist))?;
        let Connected { id, messages } = connected.ok_or_else(|| full(&name))?;
        tokio::spawn(async move {
            listen(&commands, requests).await;
            // A subscription that is gone has no consumers.
            let _gone = commands.send(Command::Disconnect(id)).await;
        });
        let subscription_id = format!("{}::{}", name.stream, name.group);
        let confirmed =
            read_resp::Content::SubscriptionConfirmation(SubscriptionConfirmation { subscription_id });
        let events =
            stream::unfold(messages, |mut messages| async { messages.recv().await.map(|it| (it, messages)) });
        let events = events.map(move |message| message.map(|message| event(&message, form)));
        let responses = stream::once(async { Ok(ReadResp { content: Some(confirmed) }) }).chain(events);
        Ok(Response::new(responses.boxed()))
    }

    async fn get_info(&self, request: Request<GetInfoReq>) -> Result<Response<GetInfoResp>, Status> {
        let options = request.into_inner().options.ok_or_else(no_options)?;
        let name = match options.stream_option {
            Some(get_info_req::options::StreamOption::StreamIdentifier(stream)) => {
                of_stream(stream, options.group_name)
            }
            Some(get_info_req::options::StreamOption::All(_)) => of_all(options.group_name),
            None => Err(no_options()),
        }?;
        let commands = self.groups.get(&name).await.map_err(|error| failed(&name, error))?;
        let subscription_info = Some(info(&name, &commands).await?);
        Ok(Response::new(GetInfoResp { subscription_info }))
    }

    async fn replay_parked(&self, request: Request<ReplayParkedReq>) -> Result<Response<Empty>, Status> {
        let options = request.into_inner().options.ok_or_else(no_options)?;
        let name = match options.stream_option {
            Some(replay_parked_req::options::StreamOption::StreamIdentifier(stream)) => {
                of_stream(stream, options.group_name)
            }
            Some(replay_parked_req::options::StreamOption::All(_)) => of_all(options.group_name),
            None => Err(no_options()),
        }?;
        let stop_at = match options.stop_at_option {
            Some(replay_parked_req::options::StopAtOption::StopAt(revision)) => {
                let negative = |_| Status::invalid_argument("the revision to stop at is negative");
                Some(u64::try_from(revision).map_err(negative)?)
            }
            Some(replay_parked_req::options::StopAtOption::NoLimit(_)) | None => None,
        };
        let commands = self.groups.get(&name).await.map_err(|error| failed(&name, error))?;
        let (reply, answer) = oneshot::channel();
        tell(&commands, &name, Command::ReplayParked { stop_at, reply }).await?;
        answer.await.map_err(|_| failed(&name, GroupError::DoesNotExist))??;
        Ok(Response::new(Empty {}))
    }

    /// That there are none of a stream is an error, as clients expect it; that there are none at all is not.
    async fn list(&self, request: Request<ListReq>) -> Result<Response<ListResp>, Status> {
        let option = request.into_inner().options.and_then(|options| options.list_option);
        let stream = match option.ok_or_else(no_options)? {
            list_req::options::ListOption::ListAllSubscriptions(_) => None,
            list_req::options::ListOption::ListForStream(of) => match of.stream_option {
                Some(list_req::stream_option::StreamOption::Stream(stream)) => {
                    Some(convert::stream_name(Some(stream))?)
                }
                Some(list_req::stream_option::StreamOption::All(_)) => Some(ALL.to_owned()),
                None => return Err(no_options()),
            },
        };
        let mut subscriptions = Vec::new();
        for (name, commands) in self.groups.list(stream.as_deref()).await {
            subscriptions.push(info(&name, &commands).await?);
        }
        match stream {
            Some(stream) if subscriptions.is_empty() => {
                let message = format!("There are no subscriptions of stream {stream}.");
                let details = [("stream-name", stream.as_str())];
                Err(exception(Code::NotFound, "persistent-subscription-does-not-exist", message, &details))
            }
            _ => Ok(Response::new(ListResp { subscriptions })),
        }
    }

    async fn restart_subsystem(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        let all = Name { stream: "*".to_owned(), group: "*".to_owned() };
        self.groups.restart().await.map_err(|error| failed(&all, error)).map(|()| Response::new(Empty {}))
    }
}

/// Passes on what a consumer says until it says no more, or there is nobody to hear it.
async fn listen(commands: &mpsc::Sender<Command>, mut requests: Streaming<ReadReq>) {
    loop {
        let request = tokio::select! {
            request = requests.message() => request,
            () = commands.closed() => return,
        };
        let Ok(Some(request)) = request else { return };
        let command = match request.content {
            Some(read_req::Content::Ack(ack)) => Command::Ack(uuids(&ack.ids)),
            Some(read_req::Content::Nack(nack)) => {
                let action = match nack.action() {
                    Action::Park => Nack::Park,
                    Action::Retry | Action::Unknown => Nack::Retry,
                    // EventStoreDB does nothing that would stop the subscription: the event is done with.
                    Action::Skip | Action::Stop => Nack::Skip,
                };
                Command::Nack { ids: uuids(&nack.ids), action, reason: nack.reason }
            }
            Some(read_req::Content::Options(_)) | None => return,
        };
        if commands.send(command).await.is_err() {
            return;
        }
    }
}

/// What is no identifier names no event.
fn uuids(ids: &[WireUuid]) -> Vec<Uuid> {
    ids.iter().filter_map(|id| convert::uuid(Some(id)).ok()).collect()
}

fn event(message: &Message, form: UuidForm) -> ReadResp {
    let mut event = read_event(&message.resolved, form);
    event.count = Some(Count::RetryCount(message.retry_count));
    ReadResp { content: Some(read_resp::Content::Event(event)) }
}

pub(super) fn of_stream(stream: StreamIdentifier, group: String) -> Result<Name, Status> {
    named(convert::stream_name(Some(stream))?, group)
}

pub(super) fn of_all(group: String) -> Result<Name, Status> {
    named(ALL.to_owned(), group)
}

fn named(stream: String, group: String) -> Result<Name, Status> {
    match group.is_empty() {
        true => Err(Status::invalid_argument("the name of the group is missing")),
        false => Ok(Name { stream, group }),
    }
}

pub(super) fn no_options() -> Status {
    Status::invalid_argument("the options are missing")
}

/// Tells a subscription something. One that ended meanwhile does not exist.
pub(super) async fn tell(
    commands: &mpsc::Sender<Command>,
    name: &Name,
    command: Command,
) -> Result<(), Status> {
    commands.send(command).await.map_err(|_| failed(name, GroupError::DoesNotExist))
}

fn full(name: &Name) -> Status {
    let Name { stream, group } = name;
    let message = format!("Maximum subscriptions reached for subscription group {group} on stream {stream}.");
    let details = [("stream-name", stream.as_str()), ("group-name", group.as_str())];
    exception(Code::FailedPrecondition, "maximum-subscribers-reached", message, &details)
}

pub(super) fn failed(name: &Name, error: GroupError) -> Status {
    match error {
        GroupError::Exists => problem(name, Code::AlreadyExists, "persistent-subscription-exists", "exists"),
        GroupError::DoesNotExist => {
            problem(name, Code::NotFound, "persistent-subscription-does-not-exist", "does not exist")
        }
        GroupError::Write(WriteError::Unavailable(unavailable)) => unavailable.into(),
        GroupError::Write(WriteError::Refused(refused)) => {
            problem(name, Code::Internal, "persistent-subscription-failed", &format!("failed: {refused}"))
        }
    }
}

fn problem(name: &Name, code: Code, exception_name: &'static str, what: &str) -> Status {
    let Name { stream, group } = name;
    let message = format!("Subscription group {group} on stream {stream} {what}.");
    exception(code, exception_name, message, &[("stream-name", stream), ("group-name", group)])
}
