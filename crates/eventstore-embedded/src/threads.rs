//! The threads that a server runs on. Each has a runtime of its own and its share of the connections.
//!
//! All that belongs to a connection stays on one thread: nothing wakes another one, which takes longer than to answer. And a
//! server depends on nobody: not on how busy its caller's runtime is, nor can a panic here reach it.

use std::{convert::Infallible, io, net, thread};

use futures::future::OptionFuture;
use tokio::{
    net::TcpListener,
    runtime::{Builder, Handle, Runtime},
    sync::{mpsc, watch},
};

use crate::listener::{self, Serving};

/// The threads of a server. They end when the sender of `stop` says so, in order, or at once when it is gone.
#[derive(Debug)]
pub(crate) struct Threads {
    /// Where tasks that belong to no connection run.
    pub(crate) handle: Handle,
    /// Each thread drops its sender when it ends.
    ended: mpsc::Receiver<Infallible>,
}

impl Threads {
    /// Starts them, the first one with the listener. It must not be called in an asynchronous context: where it fails, it
    /// drops runtimes, which may block.
    pub(crate) fn start(
        listener: net::TcpListener,
        serving: &Serving,
        stop: &watch::Receiver<bool>,
    ) -> io::Result<Self> {
        let runtimes: io::Result<Vec<_>> = (0..count()).map(|_| runtime()).collect();
        let runtimes = runtimes?;
        let first = runtimes.first().map(|runtime| runtime.handle().clone());
        let handle = first.ok_or_else(|| io::Error::other("there is no thread to run on"))?;
        let listener = {
            let _context = handle.enter();
            TcpListener::from_std(listener)?
        };
        let (senders, receivers): (Vec<_>, Vec<_>) =
            runtimes.iter().map(|_| mpsc::unbounded_channel()).unzip();
        let (end, ended) = mpsc::channel(1);
        let mut accept = Some(listener::accept(listener, senders, stop.clone()));
        for (runtime, connections) in runtimes.into_iter().zip(receivers) {
            let accept = OptionFuture::from(accept.take());
            let serve = listener::serve(connections, serving.clone(), stop.clone());
            let work = async {
                tokio::join!(accept, serve);
            };
            spawn(runtime, work, stop.clone(), end.clone())?;
        }
        Ok(Self { handle, ended })
    }

    /// Returns when all of them have ended.
    pub(crate) async fn ended(&mut self) {
        if let Some(never) = self.ended.recv().await {
            match never {}
        }
    }
}

/// The other half of the processors is left to the clients, which run on the same machine.
fn count() -> usize {
    thread::available_parallelism().map_or(1, |all| (all.get() / 2).max(1))
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

fn spawn(
    runtime: Runtime,
    work: impl Future<Output = ()> + Send + 'static,
    mut stop: watch::Receiver<bool>,
    end: mpsc::Sender<Infallible>,
) -> io::Result<()> {
    let thread = thread::Builder::new().name("eventstore".to_owned()).spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                () = work => {}
                // It fails when nobody is left to say that it should stop.
                _ = stop.wait_for(|_| false) => {}
            }
        });
        // What still runs ends here.
        drop(runtime);
        drop(end);
    });
    thread.map(drop)
}
