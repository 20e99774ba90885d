//! Lambda's Runtime API and DynamoDB, as the function meets them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::http::{self, Response};

/// How long the function may take for one step before the benchmark gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the function tells the Runtime API.
enum Said {
    /// It asks for an invocation.
    Next,
    /// It answers one, with this body.
    Answer(Vec<u8>),
}

/// The Runtime API: hands out what the benchmark gives it.
pub struct RuntimeApi {
    pub address: SocketAddr,
    said: Receiver<Said>,
    invocations: Sender<Arc<[u8]>>,
}

impl RuntimeApi {
    pub fn start() -> io::Result<Self> {
        let (say, said) = channel();
        let (invocations, next) = channel::<Arc<[u8]>>();
        let next = Mutex::new(next);
        let count = AtomicUsize::new(0);
        let address = http::serve(move |request| {
            if request.line.starts_with("GET ") {
                // The benchmark has ended when the other end is gone, and the function with it.
                let _ = say.send(Said::Next);
                let body = next.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let id = count.fetch_add(1, Ordering::Relaxed);
                return Response { headers: invocation_headers(id), body: body.unwrap_or_default() };
            }
            let _ = say.send(Said::Answer(request.body.to_vec()));
            Response { headers: String::new(), body: Arc::from([]) }
        })?;
        Ok(Self { address, said, invocations })
    }

    /// Waits until the function asks for an invocation.
    pub fn wait_for_poll(&self) -> io::Result<()> {
        match self.said.recv_timeout(PATIENCE).map_err(gave_up)? {
            Said::Next => Ok(()),
            Said::Answer(answer) => Err(unexpected(&answer)),
        }
    }

    /// Hands out one invocation and waits for the function's next poll. Every record must have been stored.
    pub fn invoke(&self, payload: &Arc<[u8]>) -> io::Result<()> {
        self.invocations.send(Arc::clone(payload)).map_err(io::Error::other)?;
        match self.said.recv_timeout(PATIENCE).map_err(gave_up)? {
            Said::Answer(answer) if answer == br#"{"batchItemFailures":[]}"# => self.wait_for_poll(),
            Said::Answer(answer) => Err(unexpected(&answer)),
            Said::Next => Err(io::Error::other("the function polled without answering")),
        }
    }
}

fn invocation_headers(id: usize) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let deadline = (now + Duration::from_secs(30)).as_millis();
    format!(
        "lambda-runtime-aws-request-id: 8476a536-e9f4-11e8-9739-{id:012}\r\n\
         lambda-runtime-deadline-ms: {deadline}\r\n\
         lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-west-1:123456789012:function:bench\r\n\
         content-type: application/json\r\n"
    )
}

fn gave_up(error: RecvTimeoutError) -> io::Error {
    io::Error::other(format!("the function said nothing for {PATIENCE:?}, or has ended ({error})"))
}

fn unexpected(answer: &[u8]) -> io::Error {
    io::Error::other(format!("the function answered {}", String::from_utf8_lossy(answer)))
}

/// A DynamoDB that stores every item at once, and counts them.
pub struct DynamoDb {
    pub address: SocketAddr,
    items: Arc<AtomicUsize>,
}

impl DynamoDb {
    pub fn start() -> io::Result<Self> {
        let items = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&items);
        let done: Arc<[u8]> = Arc::from(&br#"{"UnprocessedItems":{}}"#[..]);
        let address = http::serve(move |request| {
            const ITEM: &[u8] = b"\"PutRequest\"";
            let items = request.body.windows(ITEM.len()).filter(|window| *window == ITEM).count();
            counter.fetch_add(items, Ordering::Relaxed);
            Response {
                headers: "content-type: application/x-amz-json-1.0\r\n".to_owned(),
                body: Arc::clone(&done),
            }
        })?;
        Ok(Self { address, items })
    }

    /// Items stored since the last call.
    pub fn take_items(&self) -> usize {
        self.items.swap(0, Ordering::Relaxed)
    }
}
