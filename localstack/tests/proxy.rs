//! The proxy, by what a client sees and by what the backend saw.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "tests say what they show by their names, and fail where they must"
)]

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use localstack::{
    LoopbackUrl, Proxy,
    proxy::{Fault, Request, Seeded, Verdict},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// A backend that counts the requests that it got and says each its number.
async fn backend() -> (LoopbackUrl, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let got = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&got);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                while let Ok(Some(_)) = message(&mut stream).await {
                    let body = format!("{{\"n\":{}}}", count.fetch_add(1, Ordering::SeqCst) + 1);
                    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                    if stream.write_all(format!("{head}{body}").as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (url, got)
}

/// One request or answer: its first line and its body; none at the stream's end.
async fn message(stream: &mut BufReader<TcpStream>) -> io::Result<Option<(String, String)>> {
    let (mut first, mut length, mut chunked) = (String::new(), 0, false);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        let line = line.trim().to_lowercase();
        match line.split_once(": ") {
            Some(("content-length", value)) => length = value.parse().unwrap(),
            Some(("transfer-encoding", _)) => chunked = true,
            _ if line.is_empty() => break,
            _ if first.is_empty() => first = line,
            _ => {}
        }
    }
    let mut body = Vec::new();
    if chunked {
        loop {
            let mut size = String::new();
            stream.read_line(&mut size).await?;
            let size = usize::from_str_radix(size.trim(), 16).unwrap();
            let mut chunk = vec![0; size + 2];
            stream.read_exact(&mut chunk).await?;
            if size == 0 {
                break;
            }
            body.extend(&chunk[..size]);
        }
    } else {
        body = vec![0; length];
        stream.read_exact(&mut body).await?;
    }
    Ok(Some((first, String::from_utf8(body).unwrap())))
}

/// A call by a connection of its own.
async fn call(proxy: &Proxy, target: &str, body: &str) -> io::Result<(String, String)> {
    let endpoint = proxy.endpoint();
    let mut stream = BufReader::new(TcpStream::connect((endpoint.host(), endpoint.port())).await?);
    let head = format!(
        "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: Service.{target}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    timeout(Duration::from_secs(10), message(&mut stream))
        .await
        .map_err(|_| io::ErrorKind::TimedOut)??
        .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

async fn meeting(fault: Option<Fault>) -> (Proxy, Arc<AtomicUsize>) {
    let (url, got) = backend().await;
    let proxy = Proxy::before(&url).await.unwrap();
    proxy.set_faults(move |_: &Request| Verdict { fault, then: None });
    (proxy, got)
}

#[tokio::test]
async fn without_faults_calls_come_and_go_and_are_recorded() {
    let (proxy, got) = meeting(None).await;
    let answer = call(&proxy, "CreateQueue", "{\"QueueName\":\"a\"}").await.unwrap();
    assert_eq!(answer, ("http/1.1 200 ok".to_owned(), "{\"n\":1}".to_owned()));
    assert_eq!(got.load(Ordering::SeqCst), 1);
    let calls = proxy.calls();
    let told: Vec<_> =
        calls.iter().map(|call| (call.request.action.as_str(), call.request.resource.as_str())).collect();
    assert_eq!(told, [("CreateQueue", "a")]);
    assert!(calls[0].end.unwrap() >= calls[0].start && calls[0].status == Some(200));
    proxy.clear();
    assert!(proxy.calls().is_empty());
}

#[tokio::test]
async fn a_refused_call_never_reaches_the_backend_and_is_answered_as_aws_does() {
    for (fault, says) in
        [(Fault::Throttled, "ThrottlingException"), (Fault::Unavailable, "ServiceUnavailable")]
    {
        let (proxy, got) = meeting(Some(fault)).await;
        let (status, body) = call(&proxy, "CreateQueue", "{}").await.unwrap();
        assert!(!status.contains("200") && body.contains(says), "{fault:?}: {status} {body}");
        assert_eq!(got.load(Ordering::SeqCst), 0);
    }
    let (proxy, _) = meeting(Some(Fault::Throttled)).await;
    let (_, body) = call(&proxy, "BatchWriteItem", "{\"RequestItems\":{\"t\":[1]}}").await.unwrap();
    assert_eq!(body, "{\"UnprocessedItems\":{\"t\":[1]}}");
}

#[tokio::test]
async fn a_connection_is_reset_before_or_after_the_effect() {
    for (fault, effects) in [(Fault::ResetBefore, 0), (Fault::ResetAfter, 1)] {
        let (proxy, got) = meeting(Some(fault)).await;
        let error = call(&proxy, "CreateVpc", "{}").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{fault:?}");
        assert_eq!(got.load(Ordering::SeqCst), effects, "{fault:?}");
        assert_eq!((proxy.calls()[0].status, proxy.calls()[0].fault), (None, Some(fault)));
    }
}

#[tokio::test]
async fn a_stale_read_gives_what_was_before_a_write_and_a_consistent_one_does_not() {
    let (proxy, _) = meeting(None).await;
    let body = |answer: io::Result<(String, String)>| answer.unwrap().1;
    let consistently = "{\"ConsistentRead\":true}";
    let first = body(call(&proxy, "DescribeVpcs", "{}").await);
    let consistent = body(call(&proxy, "GetItem", consistently).await);
    call(&proxy, "CreateVpc", "{}").await.unwrap();
    proxy.set_faults(|_| Verdict { fault: Some(Fault::Stale), then: None });
    assert_eq!(body(call(&proxy, "DescribeVpcs", "{}").await), first);
    assert_ne!(body(call(&proxy, "GetItem", consistently).await), consistent);
    // Another question has no older answer.
    assert_ne!(body(call(&proxy, "DescribeVpcs", "{\"Filters\":[]}").await), first);
}

#[tokio::test]
async fn slow_and_late_answers_are_whole_and_take_their_time() {
    let within = Duration::from_millis(100);
    for fault in [Fault::SlowBody(within), Fault::Late(within)] {
        let (proxy, _) = meeting(Some(fault)).await;
        let begun = Instant::now();
        assert_eq!(call(&proxy, "ListQueues", "{}").await.unwrap().1, "{\"n\":1}");
        assert!(begun.elapsed() >= within, "{fault:?}");
    }
    let (proxy, _) = meeting(None).await;
    proxy.set_latency(within);
    call(&proxy, "ListQueues", "{}").await.unwrap();
    let call = &proxy.calls()[0];
    assert!(call.end.unwrap() - call.start >= within);
}

#[tokio::test]
async fn what_is_done_at_a_call_is_done_after_its_effect_and_before_its_answer() {
    let (proxy, got) = meeting(None).await;
    let seen = Arc::new(AtomicUsize::new(usize::MAX));
    let (at, effects) = (Arc::clone(&seen), Arc::clone(&got));
    proxy.set_faults(move |request: &Request| {
        let (at, effects) = (Arc::clone(&at), Arc::clone(&effects));
        let then: Arc<dyn Fn() + Send + Sync> =
            Arc::new(move || at.store(effects.load(Ordering::SeqCst), Ordering::SeqCst));
        Verdict { fault: Some(Fault::ResetAfter), then: (request.number == 1).then_some(then) }
    });
    call(&proxy, "CreateVpc", "{}").await.unwrap_err();
    assert_eq!(seen.load(Ordering::SeqCst), usize::MAX);
    call(&proxy, "CreateVpc", "{}").await.unwrap_err();
    assert_eq!(seen.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_a_dead_client_had_sent_has_its_effect() {
    let (proxy, got) = meeting(Some(Fault::Late(Duration::from_millis(50)))).await;
    let endpoint = proxy.endpoint();
    let mut stream = TcpStream::connect((endpoint.host(), endpoint.port())).await.unwrap();
    let call = b"POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: S.CreateVpc\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(call).await.unwrap();
    while proxy.calls().is_empty() {
        tokio::task::yield_now().await;
    }
    drop(stream);
    timeout(Duration::from_secs(10), proxy.idle()).await.unwrap();
    assert_eq!(got.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_seed_gives_the_same_faults_to_the_same_calls() {
    let run = async |seed: u64| {
        let (proxy, _) = meeting(None).await;
        let seeded = Seeded::new(seed, [(Fault::Unavailable, 0.5)]);
        proxy.set_faults(move |request: &Request| seeded.verdict(request));
        let mut met = Vec::new();
        for _ in 0..32 {
            met.push(call(&proxy, "ListQueues", "{}").await.unwrap().0);
        }
        met
    };
    let first = run(7).await;
    assert_eq!(first, run(7).await);
    assert_ne!(first, run(8).await);
}
