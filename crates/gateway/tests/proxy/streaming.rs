//! Bodies flow, and nothing of them is kept.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use event::call::{FAILURE, RESPONSE};
use futures::StreamExt;
use http::{Request, Response, Version};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use tokio::io::AsyncWriteExt;
use tokio::sync::{Notify, watch};

use crate::support::{Gateway, Service, client, get, read_until, route, scripted, within};

const CHUNK: usize = 64 * 1024;
const CHUNKS: usize = 1024;

/// Counts what was made of a body.
#[derive(Clone)]
struct Made(watch::Sender<usize>);

impl Made {
    fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    /// 64 MiB, made as they are asked for.
    fn body(
        &self,
    ) -> StreamBody<impl futures::Stream<Item = Result<Frame<Bytes>, Infallible>> + Send + use<>> {
        let made = self.0.clone();
        let chunk = Bytes::from(vec![7; CHUNK]);
        StreamBody::new(futures::stream::iter(0..CHUNKS).map(move |_| {
            made.send_modify(|made| *made += 1);
            Ok(Frame::data(chunk.clone()))
        }))
    }

    /// How many chunks there are when no more are asked for. A slow machine may stop too early, which lets a test pass.
    async fn at_a_standstill(&self) -> usize {
        let mut made = self.0.subscribe();
        while let Ok(changed) = tokio::time::timeout(Duration::from_millis(500), made.changed()).await {
            changed.unwrap();
        }
        *made.borrow()
    }
}

async fn sum(mut body: impl http_body::Body<Data = Bytes, Error: std::fmt::Debug> + Unpin) -> usize {
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        bytes += frame.unwrap().data_ref().map_or(0, Bytes::len);
    }
    bytes
}

#[tokio::test]
async fn an_upload_waits_for_its_service_and_is_not_kept() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let (begin, made) = (Arc::new(Notify::new()), Made::new());
        let service = Service::of({
            let begin = Arc::clone(&begin);
            move |request: Request<Body>| {
                let begin = Arc::clone(&begin);
                async move {
                    begin.notified().await;
                    sum(request.into_body()).await.to_string()
                }
            }
        })
        .await;
        let http2 = if version == Version::HTTP_2 { "http2 = true" } else { "" };
        let gateway = Gateway::start(route(&service.url(), http2)).await;
        let request = Request::post(gateway.url("/")).body(made.body()).unwrap();
        let response = tokio::spawn(client(version).request(request));
        let standstill = made.at_a_standstill().await;
        assert!(standstill < CHUNKS / 2, "{standstill} chunks were taken while the service took none");
        begin.notify_one();
        let response = within(response).await.unwrap().unwrap();
        let bytes = within(response.into_body().collect()).await.unwrap().to_bytes();
        assert_eq!(bytes, (CHUNK * CHUNKS).to_string().as_bytes());
        assert_eq!(gateway.events(RESPONSE, 1).await.len(), 1);
    }
}

#[tokio::test]
async fn a_download_waits_for_its_client_and_is_not_kept() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let made = Made::new();
        let service = Service::of({
            let made = made.clone();
            move |_: Request<Body>| {
                let body = made.body();
                async move { Response::new(Body::new(body)) }
            }
        })
        .await;
        let http2 = if version == Version::HTTP_2 { "http2 = true" } else { "" };
        let gateway = Gateway::start(route(&service.url(), http2)).await;
        let request = Request::get(gateway.url("/")).body(Full::<Bytes>::default()).unwrap();
        let response = within(client(version).request(request)).await.unwrap();
        let standstill = made.at_a_standstill().await;
        assert!(standstill < CHUNKS / 2, "{standstill} chunks were made while the client took none");
        assert_eq!(within(sum(response.into_body())).await, CHUNK * CHUNKS);
        assert_eq!(gateway.events(RESPONSE, 1).await.len(), 1);
    }
}

#[tokio::test]
async fn a_response_begins_before_its_request_has_ended() {
    let service = Service::of(|request: Request<Body>| async { Response::new(request.into_body()) }).await;
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let http2 = if version == Version::HTTP_2 { "http2 = true" } else { "" };
        let gateway = Gateway::start(route(&service.url(), http2)).await;
        let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
        let chunks = futures::stream::unfold(receiver, async |mut receiver| {
            let chunk = receiver.recv().await?;
            Some((Ok::<_, Infallible>(Frame::data(chunk)), receiver))
        });
        let request = Request::post(gateway.url("/")).body(StreamBody::new(Box::pin(chunks))).unwrap();
        let response = tokio::spawn(client(version).request(request));
        sender.send(Bytes::from_static(b"one")).await.unwrap();
        let mut body = within(response).await.unwrap().unwrap().into_body();
        for word in ["one", "two", "three"] {
            if word != "one" {
                sender.send(Bytes::from(word)).await.unwrap();
            }
            assert_eq!(within(body.frame()).await.unwrap().unwrap().into_data().unwrap(), word);
        }
        drop(sender);
        // HTTP/2 may say the end by a frame without data.
        while let Some(frame) = within(body.frame()).await {
            assert_eq!(frame.unwrap().into_data().unwrap(), "");
        }
    }
}

#[tokio::test]
async fn a_response_that_breaks_off_does_not_look_whole() {
    for (head, rest) in [("content-length: 100", "half"), ("transfer-encoding: chunked", "4\r\nhalf\r\n")] {
        let service = scripted(move |mut stream| async move {
            read_until(&mut stream, "\r\n\r\n").await;
            stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{rest}").as_bytes()).await.unwrap();
        })
        .await;
        let gateway = Gateway::before(&service).await;
        for version in [Version::HTTP_11, Version::HTTP_2] {
            let request = Request::get(gateway.url("/")).body(Full::<Bytes>::default()).unwrap();
            let response = within(client(version).request(request)).await.unwrap();
            assert!(within(response.into_body().collect()).await.is_err(), "{head} {version:?}");
        }
        let failures = gateway.events(FAILURE, 2).await;
        assert!(failures.iter().all(|data| data["Error"] == "body"), "{failures:?}");
    }
}

#[tokio::test]
async fn a_client_that_goes_away_takes_its_call_along() {
    let (asked, gone) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let service = scripted({
        let (asked, gone) = (Arc::clone(&asked), Arc::clone(&gone));
        move |mut stream| {
            let (asked, gone) = (Arc::clone(&asked), Arc::clone(&gone));
            async move {
                read_until(&mut stream, "\r\n\r\n").await;
                asked.notify_one();
                // The end of what there is to read is the proxy's end of the connection.
                read_until(&mut stream, "never").await;
                gone.notify_one();
            }
        }
    })
    .await;
    let gateway = Gateway::before(&service).await;
    let mut stream = gateway.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    within(asked.notified()).await;
    drop(stream);
    within(gone.notified()).await;
    assert_eq!(gateway.events(FAILURE, 1).await[0]["Error"], "cancelled");
}

#[tokio::test]
async fn a_client_that_goes_away_in_the_middle_of_a_response_ends_it_at_the_service() {
    let made = Made::new();
    let service = Service::of({
        let made = made.clone();
        move |_: Request<Body>| {
            let body = made.body();
            async move { Response::new(Body::new(body)) }
        }
    })
    .await;
    let gateway = Gateway::before(&service).await;
    let response = get(gateway.url("/")).await;
    drop(response);
    // The service has answered, so it did not fail.
    assert_eq!(gateway.events(RESPONSE, 1).await[0]["Status"], 200);
    assert!(*made.0.borrow() < CHUNKS);
}

#[tokio::test]
async fn many_requests_at_once_on_one_connection_are_kept_apart() {
    let (service, count) = (Service::mirror().await, Arc::new(AtomicUsize::new(0)));
    let gateway = Gateway::start(route(&service.url(), "http2 = true")).await;
    let client = client::<Full<Bytes>>(Version::HTTP_2);
    let requests = (0..200).map(|number| {
        let (client, count, url) = (client.clone(), Arc::clone(&count), gateway.url(&format!("/{number}")));
        async move {
            let request = Request::post(url).body(Full::from(format!("body {number}"))).unwrap();
            let response = client.request(request).await.unwrap();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let body = String::from_utf8(body.to_vec()).unwrap();
            assert!(
                body.contains(&format!("/{number} HTTP/2.0")) && body.contains(&format!("\nbody {number}"))
            );
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    within(futures::future::join_all(requests)).await;
    assert_eq!(count.load(Ordering::Relaxed), 200);
}
