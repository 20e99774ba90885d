//! The task that runs one persistent subscription: it reads, sends and writes what the group says.

use std::{collections::HashMap, net::SocketAddr};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{Instant, sleep_until},
};
use tonic::{Code, Status};
use uuid::Uuid;

use super::{
    group::{ConsumerId, Group, Message, Nack, Parking, Place},
    settings::{Name, Settings},
    source,
};
use crate::{
    auth::User,
    database::{Database, Growth, Unavailable, WriteError},
    grpc::status::exception,
};

/// How many commands may wait for a subscription.
const QUEUE: usize = 256;

/// A consumer that wants to be connected.
#[derive(Debug)]
pub(crate) struct Connect {
    /// How many events it takes at once.
    pub(crate) slots: usize,
    pub(crate) peer: Peer,
    pub(crate) reply: oneshot::Sender<Option<Connected>>,
}

/// Who a consumer is.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: Option<SocketAddr>,
    pub(crate) user: User,
    pub(crate) connection_name: String,
}

/// A consumer that is connected.
#[derive(Debug)]
pub(crate) struct Connected {
    pub(crate) id: ConsumerId,
    /// What it is sent. An error is the last.
    pub(crate) messages: mpsc::Receiver<Result<Message, Status>>,
}

/// What a subscription can be told and asked.
#[derive(Debug)]
pub(crate) enum Command {
    Connect(Connect),
    Disconnect(ConsumerId),
    Ack(Vec<Uuid>),
    Nack {
        ids: Vec<Uuid>,
        action: Nack,
        reason: String,
    },
    ReplayParked {
        stop_at: Option<u64>,
        reply: oneshot::Sender<Result<(), Unavailable>>,
    },
    Info(oneshot::Sender<Info>),
    /// Ends it: its consumers are told that they are dropped.
    Stop,
}

/// How a subscription does.
#[derive(Debug)]
pub(crate) struct Info {
    pub(crate) settings: Settings,
    pub(crate) live: bool,
    pub(crate) stored: Option<u64>,
    pub(crate) last_known: Option<u64>,
    pub(crate) total: u64,
    pub(crate) in_flight: usize,
    pub(crate) waiting_again: usize,
    pub(crate) waiting: usize,
    pub(crate) parked: u64,
    pub(crate) connections: Vec<Connection>,
}

/// How a consumer does.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) peer: Peer,
    pub(crate) total: u64,
    pub(crate) slots: usize,
    pub(crate) in_flight: usize,
}

/// A running subscription.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) settings: Settings,
    task: JoinHandle<()>,
}

impl Handle {
    /// Starts a subscription from its checkpoint.
    pub(crate) fn start(database: Database, name: Name, settings: Settings) -> Result<Self, Unavailable> {
        let growth = database.growth();
        let (from, stored) = database.read(|store, now| source::begin(store, &name, &settings, now))?;
        let group = Group::new(settings.clone(), stored, Instant::now());
        let (commands, queue) = mpsc::channel(QUEUE);
        let actor = Actor {
            database,
            name,
            group,
            growth,
            from,
            consumers: HashMap::new(),
            last_id: 0,
            total: 0,
            live: false,
            replay_from: 0,
            forgotten: None,
        };
        Ok(Self { commands, settings, task: tokio::spawn(actor.run(queue)) })
    }

    /// Ends it, and returns when it has stored how far it is.
    pub(crate) async fn stop(self) {
        // One that is gone has ended already.
        let _gone = self.commands.send(Command::Stop).await;
        if let Err(error) = self.task.await {
            tracing::error!(%error, "a persistent subscription did not end in order");
        }
    }
}

struct Actor {
    database: Database,
    name: Name,
    group: Group,
    growth: Growth,
    /// Where the source is read next.
    from: u64,
    consumers: HashMap<ConsumerId, (mpsc::Sender<Result<Message, Status>>, Peer)>,
    last_id: ConsumerId,
    total: u64,
    /// All of the source was read.
    live: bool,
    /// The first parked event that was not handed out again yet.
    replay_from: u64,
    forgotten: Option<u64>,
}

impl Actor {
    async fn run(mut self, mut queue: mpsc::Receiver<Command>) {
        let mut ended = self.turn().await;
        while ended.is_ok() {
            let deadline = self.group.next_deadline();
            let patience = async {
                match deadline {
                    Some(deadline) => sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            ended = tokio::select! {
                command = queue.recv() => match command {
                    Some(Command::Stop) | None => break,
                    Some(command) => self.obey(command).await,
                },
                more = self.growth.more() => more.map_err(WriteError::from).map(|()| self.live = false),
                () = patience => Ok(()),
            };
            if ended.is_ok() {
                ended = self.turn().await;
            }
        }
        if let Some(place) = self.group.checkpoint(Instant::now(), true) {
            ended = ended.and(source::store_checkpoint(&self.database, &self.name, place).await);
        }
        let news = match ended {
            Ok(()) => dropped(&self.name),
            Err(WriteError::Unavailable(error)) => Status::from(error),
            Err(WriteError::Refused(refused)) => {
                tracing::warn!(%refused, stream = self.name.stream, group = self.name.group, "a persistent subscription cannot keep its progress");
                dropped(&self.name)
            }
        };
        for (consumer, _) in self.consumers.into_values() {
            // One that takes no more is told by the end of its messages.
            let _full = consumer.try_send(Err(news.clone()));
        }
    }

    async fn obey(&mut self, command: Command) -> Result<(), WriteError> {
        match command {
            Command::Connect(connect) => self.connect(connect),
            Command::Disconnect(id) => self.disconnect(id),
            Command::Ack(ids) => self.group.ack(&ids),
            Command::Nack { ids, action, reason } => {
                let parking = self.group.nack(&ids, action, &reason);
                self.park(parking).await?;
            }
            Command::ReplayParked { stop_at, reply } => {
                // Whoever asked may be gone.
                let _gone = reply.send(self.replay(stop_at));
            }
            Command::Info(reply) => {
                let _gone = reply.send(self.info()?);
            }
            // The loop ends before it gets here.
            Command::Stop => {}
        }
        Ok(())
    }

    /// Does what there is to do: takes back, reads, hands out, stores.
    async fn turn(&mut self) -> Result<(), WriteError> {
        let parking = self.group.expire(Instant::now());
        self.park(parking).await?;
        loop {
            self.send();
            let wanted = self.group.wants();
            if wanted == 0 || self.live {
                break;
            }
            let (name, settings, from) = (&self.name, self.group.settings(), self.from);
            let read =
                self.database.read(|store, now| source::read(store, name, settings, from, wanted, now))?;
            (self.from, self.live) = (read.next, !read.more);
            read.messages.into_iter().for_each(|message| self.group.offer(message));
        }
        let now = Instant::now();
        if let Some(place) = self.group.checkpoint(now, false) {
            source::store_checkpoint(&self.database, &self.name, place).await?;
            self.group.stored(place, now);
        }
        let done = self.group.parked_done();
        if let Some(revision) = done.filter(|_| done != self.forgotten) {
            source::forget_parked(&self.database, &self.name, revision).await?;
            self.forgotten = done;
        }
        Ok(())
    }

    fn send(&mut self) {
        loop {
            let messages = self.group.dispatch(Instant::now());
            if messages.is_empty() {
                return;
            }
            for (id, message) in messages {
                self.total += 1;
                let sent = self.consumers.get(&id).map(|(consumer, _)| consumer.try_send(Ok(message)));
                // It takes as many as it has room for: this one is gone.
                if !matches!(sent, Some(Ok(()))) {
                    self.disconnect(id);
                }
            }
        }
    }

    fn connect(&mut self, Connect { slots, peer, reply }: Connect) {
        self.last_id += 1;
        let id = self.last_id;
        if !self.group.connect(id, slots) {
            // A consumer that is gone does not mind.
            let _gone = reply.send(None);
            return;
        }
        // One more than it takes at once: for the news that it is dropped.
        let (sender, messages) = mpsc::channel(slots.max(1) + 1);
        self.consumers.insert(id, (sender, peer));
        if reply.send(Some(Connected { id, messages })).is_err() {
            self.disconnect(id);
        }
    }

    fn disconnect(&mut self, id: ConsumerId) {
        self.consumers.remove(&id);
        self.group.disconnect(id);
    }

    async fn park(&mut self, parking: Vec<Parking>) -> Result<(), WriteError> {
        for parking in parking {
            source::park(&self.database, &self.name, &parking).await?;
            self.group.close(parking.message.place);
        }
        Ok(())
    }

    /// Hands out the parked events again that were not yet, the first one first.
    fn replay(&mut self, stop_at: Option<u64>) -> Result<(), Unavailable> {
        let stop_at = stop_at.unwrap_or(u64::MAX);
        let settings = self.group.settings();
        let messages = source::parked(&self.database, &self.name, settings, self.replay_from, stop_at)?;
        for message in messages.into_iter().rev() {
            if let Place::Parked(revision) = message.place {
                self.replay_from = self.replay_from.max(revision + 1);
            }
            self.group.offer(message);
        }
        Ok(())
    }

    fn info(&self) -> Result<Info, Unavailable> {
        let name = &self.name;
        let (parked, end) = self
            .database
            .read(|store, now| (source::parked_count(store, name, now), source::last(store, name)))?;
        let (waiting_again, waiting) = self.group.waiting();
        let connections = self.group.consumers().filter_map(|consumer| {
            let (_, peer) = self.consumers.get(&consumer.id)?;
            let (total, slots, in_flight) = (consumer.total, consumer.slots, consumer.in_flight);
            Some(Connection { peer: peer.clone(), total, slots, in_flight })
        });
        Ok(Info {
            settings: self.group.settings().clone(),
            live: self.live,
            stored: self.group.stored_place(),
            last_known: end,
            total: self.total,
            in_flight: self.group.in_flight(),
            waiting_again,
            waiting,
            parked,
            connections: connections.collect(),
        })
    }
}

fn dropped(name: &Name) -> Status {
    let Name { stream, group } = name;
    let message = format!("Subscription group {group} on stream {stream} was dropped.");
    let details = [("stream-name", stream.as_str()), ("group-name", group.as_str())];
    exception(Code::Cancelled, "persistent-subscription-dropped", message, &details)
}
