//! The store as the server's tasks share it: many readers, and one writer, which writes the log too.

use std::{
    sync::{Arc, OnceLock, PoisonError, RwLock, RwLockWriteGuard},
    thread,
};

use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    log::{Log, LogError},
    store::{
        Appended, Expected, Refused, Store,
        event::{Proposed, Ticks},
    },
};

/// How many writes wait at most before clients do, and how many share one flush.
const QUEUE: usize = 1024;

/// How many bytes of events share a flush, about.
const BATCH_BYTES: u64 = 8 * 1024 * 1024;

/// A handle of the store. Clones are of the same store.
///
/// A read sees whole appends only, and only such as are in the log: the writer lets no one read until a batch is written.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    shared: Arc<Shared>,
    commands: mpsc::Sender<Command>,
}

#[derive(Debug)]
struct Shared {
    store: RwLock<Store>,
    /// Why the log could not be written. What memory holds is then more than what is stored, so that nobody may see it.
    failed: OnceLock<Arc<LogError>>,
    /// The end of the log, for those who wait for more; `None` once the server stops.
    end: watch::Sender<Option<u64>>,
}

#[derive(Debug)]
enum Command {
    Write { stream: String, write: Write, reply: oneshot::Sender<Result<Appended, WriteError>> },
    Stop { stopped: oneshot::Sender<()> },
}

/// What to do to a stream.
#[derive(Debug)]
pub(crate) enum Write {
    Append(Expected, Vec<Proposed>),
    Delete(Expected),
    Tombstone(Expected),
}

/// Why the store cannot be used any more.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Unavailable {
    #[error("the log could not be written, so nothing is read or written until a restart")]
    LogFailed(#[source] Arc<LogError>),
    #[error("the server is stopping")]
    Stopping,
}

/// Why a write was not done.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl Database {
    /// Starts the writer of this store, in a thread of its own: it waits for the disk.
    pub(crate) fn start(store: Store, log: Option<Log>) -> std::io::Result<Self> {
        let (commands, queue) = mpsc::channel(QUEUE);
        let end = watch::Sender::new(Some(store.end()));
        let shared = Arc::new(Shared { store: RwLock::new(store), failed: OnceLock::new(), end });
        let writer = Writer { shared: Arc::clone(&shared), log, queue };
        thread::Builder::new().name("eventstore-writer".to_owned()).spawn(|| writer.run())?;
        Ok(Self { shared, commands })
    }

    /// Looks at the store. It must be short: the writer waits meanwhile.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Store, Ticks) -> T) -> Result<T, Unavailable> {
        let store = self.shared.store.read().unwrap_or_else(PoisonError::into_inner);
        match self.shared.failed.get() {
            Some(error) => Err(Unavailable::LogFailed(Arc::clone(error))),
            None => Ok(look(&store, Ticks::now())),
        }
    }

    /// Does a write, whole or not at all. When this returns `Ok` it is in the log and every reader sees it. A caller that
    /// stops waiting does not know whether it was done.
    pub(crate) async fn write(
        &self,
        stream: impl Into<String>,
        write: Write,
    ) -> Result<Appended, WriteError> {
        self.submit(stream, write).await.outcome().await
    }

    /// Puts a write in the queue. Writes are done in the order in which this returned.
    pub(crate) async fn submit(&self, stream: impl Into<String>, write: Write) -> Submitted {
        let (reply, answer) = oneshot::channel();
        // A queue that is closed drops the reply, which the outcome tells.
        let _closed = self.commands.send(Command::Write { stream: stream.into(), write, reply }).await;
        Submitted(answer)
    }

    /// To be told when the log grows.
    pub(crate) fn growth(&self) -> Growth {
        Growth(self.shared.end.subscribe())
    }

    /// Tells those who wait for more that there will be none.
    pub(crate) fn announce_stop(&self) {
        self.shared.end.send_replace(None);
    }

    /// Does the writes that came before, refuses those that come after, and closes the log.
    pub(crate) async fn stop(&self) {
        let (stopped, wait) = oneshot::channel();
        if self.commands.send(Command::Stop { stopped }).await.is_ok() {
            // A writer that is gone has closed the log.
            let _gone = wait.await;
        }
    }
}

/// A write that waits for its turn.
#[derive(Debug)]
pub(crate) struct Submitted(oneshot::Receiver<Result<Appended, WriteError>>);

impl Submitted {
    /// Waits until it is done.
    pub(crate) async fn outcome(self) -> Result<Appended, WriteError> {
        self.0.await.unwrap_or(Err(WriteError::Unavailable(Unavailable::Stopping)))
    }
}

/// Waits for the log to grow.
#[derive(Debug)]
pub(crate) struct Growth(watch::Receiver<Option<u64>>);

impl Growth {
    /// Returns when something was written since this was made or last returned.
    pub(crate) async fn more(&mut self) -> Result<(), Unavailable> {
        let changed = self.0.changed().await;
        match changed.ok().and(*self.0.borrow_and_update()) {
            Some(_) => Ok(()),
            None => Err(Unavailable::Stopping),
        }
    }

    /// Returns when the server stops.
    pub(crate) async fn stop(&mut self) {
        // It stops, too, when nobody is left to say so.
        let _gone = self.0.wait_for(Option::is_none).await;
    }
}

struct Writer {
    shared: Arc<Shared>,
    log: Option<Log>,
    queue: mpsc::Receiver<Command>,
}

type Reply = (oneshot::Sender<Result<Appended, WriteError>>, Result<Appended, WriteError>);

impl Writer {
    fn run(mut self) {
        while let Some(first) = self.queue.blocking_recv() {
            if let Some(stopped) = self.batch(first) {
                drop(self);
                // Whoever asked may be gone.
                let _gone = stopped.send(());
                return;
            }
        }
    }

    /// Does the first command and those that wait behind it, writes the log once, and answers all.
    fn batch(&mut self, first: Command) -> Option<oneshot::Sender<()>> {
        let shared = Arc::clone(&self.shared);
        let mut store = shared.store.write().unwrap_or_else(PoisonError::into_inner);
        let (count, end) = (store.len(), store.end());
        let (mut replies, mut stop) = (Vec::<Reply>::new(), None);
        let mut next = Some(first);
        while let Some(command) = next.take() {
            match command {
                Command::Write { stream, write, reply } => {
                    let result = self.execute(&mut store, &stream, write);
                    replies.push((reply, result));
                }
                Command::Stop { stopped } => {
                    stop = Some(stopped);
                    break;
                }
            }
            if replies.len() < QUEUE && store.end() - end < BATCH_BYTES {
                next = self.queue.try_recv().ok();
            }
        }
        self.commit(store, count, &mut replies);
        for (reply, result) in replies {
            // A client that went away needs no answer.
            let _gone = reply.send(result);
        }
        stop
    }

    fn execute(&self, store: &mut Store, stream: &str, write: Write) -> Result<Appended, WriteError> {
        if let Some(error) = self.shared.failed.get() {
            return Err(Unavailable::LogFailed(Arc::clone(error)).into());
        }
        let now = Ticks::now();
        let done = match write {
            Write::Append(expected, events) => store.append(stream, expected, events, now),
            Write::Delete(expected) => store.delete(stream, expected, now),
            Write::Tombstone(expected) => store.tombstone(stream, expected, now),
        };
        Ok(done?)
    }

    /// Writes what the batch added to the log, while nobody can read it, and tells those who wait for more.
    fn commit(&mut self, store: RwLockWriteGuard<'_, Store>, before: usize, replies: &mut [Reply]) {
        let added = store.since(before);
        if added.is_empty() {
            return;
        }
        let written = self.log.as_mut().map_or(Ok(()), |log| log.append(added));
        if let Err(error) = written {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the log could not be written: the server stops working"
            );
            let error = Arc::clone(self.shared.failed.get_or_init(|| Arc::new(error)));
            for (_, result) in replies {
                *result = Err(Unavailable::LogFailed(Arc::clone(&error)).into());
            }
        }
        let end = store.end();
        drop(store);
        // A server that stops stays so.
        self.shared.end.send_if_modified(|known| known.as_mut().map(|known| *known = end).is_some());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Proposed {
        let id = uuid::Uuid::new_v4();
        let (data, metadata) = (bytes::Bytes::new(), bytes::Bytes::new());
        Proposed { id, event_type: "T".to_owned(), is_json: false, data, metadata }
    }

    #[tokio::test]
    async fn what_could_not_be_logged_is_never_seen() {
        let directory = tempfile::tempdir().expect("a directory");
        let log = Log::unwritable(directory.path());
        let database = Database::start(Store::new(10), Some(log)).expect("it starts");
        for _ in 0..2 {
            let written = database.write("s", Write::Append(Expected::Any, vec![event()])).await;
            assert!(
                matches!(written, Err(WriteError::Unavailable(Unavailable::LogFailed(_)))),
                "{written:?}"
            );
            let read = database.read(|store, _| store.len());
            assert!(matches!(read, Err(Unavailable::LogFailed(_))), "{read:?}");
        }
    }

    #[tokio::test]
    async fn a_database_that_stopped_refuses_and_wakes_who_waits() {
        let database = Database::start(Store::new(10), None).expect("it starts");
        let mut growth = database.growth();
        database.write("s", Write::Append(Expected::Any, vec![event()])).await.expect("it is written");
        growth.more().await.expect("it grew");
        database.announce_stop();
        assert!(matches!(growth.more().await, Err(Unavailable::Stopping)));
        database.stop().await;
        let written = database.write("s", Write::Append(Expected::Any, vec![event()])).await;
        assert!(matches!(written, Err(WriteError::Unavailable(Unavailable::Stopping))), "{written:?}");
    }
}
