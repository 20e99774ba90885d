//! The store as the server's tasks share it: many readers, and one writer at a time, which writes the log too.

use std::{
    sync::{Arc, RwLock, RwLockWriteGuard},
    thread,
};

use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    config::Flush,
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
/// A read sees whole appends only, and only such as are in the log: a writer lets no one read until that is so.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    shared: Arc<Shared>,
    /// The writer that waits for the disk. Where no write waits for it, whoever asks for one does it, which takes a tenth of
    /// the time that waking another thread does.
    flusher: Option<mpsc::Sender<Command>>,
}

#[derive(Debug)]
struct Shared {
    /// A writer that panics poisons it, so that nobody sees what was half done.
    state: RwLock<State>,
    /// The end of the log, for those who wait for more; `None` once the server stops.
    end: watch::Sender<Option<u64>>,
}

#[derive(Debug)]
struct State {
    store: Store,
    log: Option<Log>,
    /// Why nothing is read or written any more. What memory holds may be more than what is in the log.
    ended: Option<Unavailable>,
}

#[derive(Debug)]
enum Command {
    Write { stream: String, write: Write, reply: oneshot::Sender<Outcome> },
    Stop { stopped: oneshot::Sender<()> },
}

type Outcome = Result<Appended, WriteError>;

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
    #[error("a write met an error of this server itself, so nothing is read or written until a restart")]
    Broken,
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
    /// Starts with this store. If each write is flushed, the writer gets a thread of its own.
    pub(crate) fn start(store: Store, log: Option<Log>) -> std::io::Result<Self> {
        let end = watch::Sender::new(Some(store.end()));
        let flushes = log.as_ref().is_some_and(|log| log.flush() == Flush::EveryBatch);
        let shared = Arc::new(Shared { state: RwLock::new(State { store, log, ended: None }), end });
        if !flushes {
            return Ok(Self { shared, flusher: None });
        }
        let (flusher, queue) = mpsc::channel(QUEUE);
        let writer = Writer { shared: Arc::clone(&shared), queue };
        thread::Builder::new().name("eventstore-writer".to_owned()).spawn(|| writer.run())?;
        Ok(Self { shared, flusher: Some(flusher) })
    }

    /// Looks at the store. It must be short: writers wait meanwhile.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Store, Ticks) -> T) -> Result<T, Unavailable> {
        let state = self.shared.state.read().map_err(|_| Unavailable::Broken)?;
        match &state.ended {
            Some(reason) => Err(reason.clone()),
            None => Ok(look(&state.store, Ticks::now())),
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

    /// Does a write, or puts it in the queue. Writes are done in the order in which this returned.
    pub(crate) async fn submit(&self, stream: impl Into<String>, write: Write) -> Submitted {
        let stream = stream.into();
        let Some(flusher) = &self.flusher else {
            return Submitted::Done(self.shared.write(&stream, write));
        };
        let (reply, answer) = oneshot::channel();
        // A queue that is closed drops the reply, which the outcome tells.
        let _closed = flusher.send(Command::Write { stream, write, reply }).await;
        Submitted::Waits(answer)
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
        match &self.flusher {
            None => self.shared.close(),
            // A writer that is gone has closed the log.
            Some(flusher) if flusher.send(Command::Stop { stopped }).await.is_ok() => drop(wait.await),
            Some(_) => {}
        }
    }
}

/// A write that is done, or waits for its turn.
#[derive(Debug)]
pub(crate) enum Submitted {
    Done(Outcome),
    Waits(oneshot::Receiver<Outcome>),
}

impl Submitted {
    /// Waits until it is done.
    pub(crate) async fn outcome(self) -> Outcome {
        match self {
            Self::Done(outcome) => outcome,
            Self::Waits(answer) => {
                answer.await.unwrap_or(Err(WriteError::Unavailable(Unavailable::Stopping)))
            }
        }
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

impl Shared {
    /// Does one write.
    fn write(&self, stream: &str, write: Write) -> Outcome {
        let mut state = self.state.write().map_err(|_| Unavailable::Broken)?;
        let before = state.store.len();
        let appended = state.execute(stream, write)?;
        self.commit(state, before)?;
        Ok(appended)
    }

    /// Writes what was added to the log, while nobody can read it, and tells those who wait for more.
    fn commit(&self, mut state: RwLockWriteGuard<'_, State>, before: usize) -> Result<(), Unavailable> {
        let State { store, log, ended } = &mut *state;
        let added = store.since(before);
        if added.is_empty() {
            return Ok(());
        }
        if let Err(error) = log.as_mut().map_or(Ok(()), |log| log.append(added)) {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the log could not be written: the server stops working"
            );
            return Err(ended.insert(Unavailable::LogFailed(Arc::new(error))).clone());
        }
        let end = store.end();
        drop(state);
        // A server that stops stays so.
        self.end.send_if_modified(|known| known.as_mut().map(|known| *known = end).is_some());
        Ok(())
    }

    /// Closes the log: its directory is free then.
    fn close(&self) {
        if let Ok(mut state) = self.state.write() {
            state.ended.get_or_insert(Unavailable::Stopping);
            state.log = None;
        }
    }
}

impl State {
    fn execute(&mut self, stream: &str, write: Write) -> Outcome {
        if let Some(reason) = &self.ended {
            return Err(reason.clone().into());
        }
        let now = Ticks::now();
        let done = match write {
            Write::Append(expected, events) => self.store.append(stream, expected, events, now),
            Write::Delete(expected) => self.store.delete(stream, expected, now),
            Write::Tombstone(expected) => self.store.tombstone(stream, expected, now),
        };
        Ok(done?)
    }
}

/// What writes where each write waits for the disk: those that come at once share a flush.
struct Writer {
    shared: Arc<Shared>,
    queue: mpsc::Receiver<Command>,
}

impl Writer {
    fn run(mut self) {
        while let Some(first) = self.queue.blocking_recv() {
            // Nothing is to be done any more where a write broke the store.
            let Ok(stop) = self.batch(first) else { return };
            if let Some(stopped) = stop {
                self.shared.close();
                // Whoever asked may be gone.
                let _gone = stopped.send(());
                return;
            }
        }
    }

    /// Does the first command and those that wait behind it, writes the log once, and answers all.
    fn batch(&mut self, first: Command) -> Result<Option<oneshot::Sender<()>>, Unavailable> {
        let mut state = self.shared.state.write().map_err(|_| Unavailable::Broken)?;
        let (count, end) = (state.store.len(), state.store.end());
        let (mut replies, mut stop) = (Vec::new(), None);
        let mut next = Some(first);
        while let Some(command) = next.take() {
            match command {
                Command::Write { stream, write, reply } => {
                    replies.push((reply, state.execute(&stream, write)));
                }
                Command::Stop { stopped } => {
                    stop = Some(stopped);
                    break;
                }
            }
            if replies.len() < QUEUE && state.store.end() - end < BATCH_BYTES {
                next = self.queue.try_recv().ok();
            }
        }
        let committed = self.shared.commit(state, count);
        for (reply, result) in replies {
            let outcome = committed.clone().map_err(WriteError::from).and(result);
            // A client that went away needs no answer.
            let _gone = reply.send(outcome);
        }
        Ok(stop)
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
    async fn a_write_that_panics_is_never_half_seen() {
        let database = Database::start(Store::new(10), None).expect("it starts");
        let other = database.clone();
        let panicked = thread::spawn(move || {
            let _state = other.shared.state.write().expect("nobody panicked yet");
            panic!("a bug");
        });
        panicked.join().expect_err("it panics");
        assert!(matches!(database.read(|store, _| store.len()), Err(Unavailable::Broken)));
        let written = database.write("s", Write::Append(Expected::Any, vec![event()])).await;
        assert!(matches!(written, Err(WriteError::Unavailable(Unavailable::Broken))), "{written:?}");
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
