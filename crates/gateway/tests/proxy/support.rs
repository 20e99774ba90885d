//! A proxy in this process, services behind it, and clients before it.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use event::Event;
use gateway::proxy::{Configuration, Drained, Proxy, install_metrics};
use gateway::{Delivery, Producer};
use http::{Request, Response, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::queue::{Queue, settings};

/// Waits for what must come, at most so long that a broken test ends.
pub(crate) async fn within<F: Future>(work: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(60), work).await.expect("it takes too long")
}

/// A service of these routes. Dropped, it is gone.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Service {
    pub(crate) async fn new(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, task }
    }

    /// Answers each request by `handler`.
    pub(crate) async fn of<F, R>(handler: impl Fn(Request<Body>) -> F + Clone + Send + Sync + 'static) -> Self
    where
        F: Future<Output = R> + Send + 'static,
        R: axum::response::IntoResponse + 'static,
    {
        Self::new(Router::new().fallback(handler)).await
    }

    /// Tells each request what came: its line and its headers, in the order of their names, and its body.
    pub(crate) async fn mirror() -> Self {
        Self::of(|request: Request<Body>| async {
            let (parts, body) = request.into_parts();
            let mut lines = vec![format!("{} {} {:?}", parts.method, parts.uri, parts.version)];
            let headers = parts.headers.iter();
            lines.extend(headers.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())));
            lines[1..].sort();
            let body = body.collect().await.unwrap();
            let trailers = body.trailers().cloned().unwrap_or_default();
            lines.push(format!("\n{}", String::from_utf8_lossy(&body.to_bytes())));
            lines.extend(trailers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())));
            lines.join("\n")
        })
        .await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A service that is whatever `script` makes of each connection.
pub(crate) async fn scripted<F>(script: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> Service
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(script(stream));
        }
    });
    Service { address, task }
}

/// Reads until there is `end`, or the other side ends, and returns what came.
pub(crate) async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(end.as_bytes()) && stream.read(&mut byte).await.unwrap_or(0) == 1 {
        bytes.push(byte[0]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An address where nobody listens.
pub(crate) async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// A configuration of a service "A" under `/`, with these lines.
pub(crate) fn route(upstream: &str, lines: &str) -> Configuration {
    parse(&format!("[[routes]]\nprefix = \"/\"\nservice = \"A\"\nupstreams = [\"{upstream}\"]\n{lines}\n"))
}

pub(crate) fn parse(text: &str) -> Configuration {
    let text = format!("listen = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n{text}");
    Configuration::parse(&text, Path::new("gateway.toml")).unwrap_or_else(|error| panic!("{error}"))
}

/// A proxy that runs.
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) queue: Queue,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Drained>,
    delivery: Delivery,
}

impl Gateway {
    pub(crate) async fn start(configuration: Configuration) -> Self {
        let metrics = install_metrics().unwrap();
        let queue = Queue::open();
        let (producer, delivery) = Producer::start(settings(), queue.client()).unwrap();
        let proxy = Proxy::bind(configuration, producer, Some(metrics)).await.unwrap();
        let (address, admin) = (proxy.listen_address().unwrap(), proxy.admin_address().unwrap());
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(proxy.run(async { stopped.await.unwrap_or(()) }));
        Self { address, admin, queue, stop, task, delivery }
    }

    /// Before a service "A" that is this one.
    pub(crate) async fn before(service: &Service) -> Self {
        Self::start(route(&service.url(), "")).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Tells it to end. What is returned resolves when it has.
    pub(crate) fn end(self) -> JoinHandle<Drained> {
        let _ = self.stop.send(());
        let (task, delivery) = (self.task, self.delivery);
        tokio::spawn(async move {
            let drained = task.await.unwrap();
            delivery.shutdown(Duration::from_secs(10)).await;
            drained
        })
    }

    /// The `data` of the next events of that type, when there are so many.
    pub(crate) async fn events(&self, event_type: &str, count: usize) -> Vec<Value> {
        let of_type = |queue: &Queue| -> Vec<Value> {
            let events = queue.events().into_iter().filter(|event| event.event_type() == event_type);
            events.map(|event: Event| serde_json::to_value(event.data()).unwrap()).collect()
        };
        self.queue.until(|queue| of_type(queue).len() >= count).await;
        of_type(&self.queue)
    }

    /// Sends bytes, and reads until the proxy ends the connection.
    pub(crate) async fn raw(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        let _ = stream.write_all(bytes.as_ref()).await;
        let mut answer = Vec::new();
        let _ = within(stream.read_to_end(&mut answer)).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The same again until the answer begins so: this machine may be slower to send than a short time-out allows.
    pub(crate) async fn raw_until(&self, request: &str, begin: &str) {
        within(async { while !self.raw(request).await.starts_with(begin) {} }).await;
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

/// A client of HTTP/1.1.
pub(crate) fn http1<B>() -> Client<HttpConnector, B>
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
{
    Client::builder(TokioExecutor::new()).build_http()
}

/// A client of HTTP/2 that knows that it is spoken.
pub(crate) fn http2<B>() -> Client<HttpConnector, B>
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
{
    Client::builder(TokioExecutor::new()).http2_only(true).build_http()
}

/// A client of that version.
pub(crate) fn client<B>(version: Version) -> Client<HttpConnector, B>
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
{
    if version == Version::HTTP_2 { http2() } else { http1() }
}

/// Gets a URL by HTTP/1.1.
pub(crate) async fn get(url: String) -> Response<Incoming> {
    within(http1::<Full<Bytes>>().get(url.parse().unwrap())).await.unwrap()
}

/// The whole body as text.
pub(crate) async fn text(response: Response<Incoming>) -> String {
    let bytes = within(response.into_body().collect()).await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}
