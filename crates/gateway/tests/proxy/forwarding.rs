//! What reaches the service, and what comes back.

use axum::body::Body;
use bytes::Bytes;
use event::call::{REQUEST, RESPONSE};
use http::header::HeaderMap;
use http::{HeaderValue, Request, Response, StatusCode, Version};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use tokio::io::AsyncWriteExt;

use crate::support::{Gateway, Service, client, get, parse, read_until, route, scripted, text, within};

const VERSIONS: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];

/// A gateway before a service that speaks that version, and tells what came.
async fn before_mirror(version: Version) -> (Service, Gateway) {
    let mirror = Service::mirror().await;
    let http2 = if version == Version::HTTP_2 { "http2 = true" } else { "" };
    let gateway = Gateway::start(route(&mirror.url(), http2)).await;
    (mirror, gateway)
}

/// Without what is another each time.
fn stable(text: &str, gateway: &Gateway, service: &Service) -> String {
    let stable = |line: &str| match line.split_once(": ") {
        Some((name @ ("traceparent" | "x-request-id"), _)) => format!("{name}: …"),
        _ => line
            .replace(&gateway.address.to_string(), "GATEWAY")
            .replace(&service.address.to_string(), "SERVICE"),
    };
    text.lines().map(stable).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_request_reaches_its_service_by_either_version_from_either_version() {
    for (spoken_to, spoken_by) in VERSIONS.into_iter().flat_map(|to| VERSIONS.map(|by| (to, by))) {
        let (mirror, gateway) = before_mirror(spoken_to).await;
        let request = Request::post(gateway.url("/orders/7?a=%20b&a=2"))
            .header("x-kept", "1")
            .header("x-forwarded-for", "198.51.100.1")
            .body(Full::new(Bytes::from_static(b"hello")))
            .unwrap();
        let response = within(client(spoken_by).request(request)).await.unwrap();
        assert_eq!(response.version(), spoken_by);
        assert!(response.headers().contains_key("x-request-id"));
        let via = if spoken_to == Version::HTTP_2 { "2 headwater" } else { "1.1 headwater" };
        assert_eq!(response.headers()["via"], via);
        let came = stable(&text(response).await, &gateway, &mirror);
        insta::assert_snapshot!(
            format!("from_{spoken_by:?}_to_{spoken_to:?}").replace(['/', '.'], "_"),
            came
        );
    }
}

#[tokio::test]
async fn the_longest_prefix_counts_and_is_left_out_where_it_is_to_be() {
    let (all, orders) = (Service::mirror().await, Service::mirror().await);
    let gateway = Gateway::start(parse(&format!(
        "[[routes]]\nprefix = \"/\"\nservice = \"All\"\nupstreams = [\"{}\"]\n
         [[routes]]\nprefix = \"/orders\"\nservice = \"Orders\"\nupstreams = [\"{}\"]\nstrip_prefix = true\n",
        all.url(),
        orders.url()
    )))
    .await;
    for (path, line, service) in [
        ("/orders/7?x", "GET /7?x HTTP/1.1", &orders),
        ("/%6Frders/a%2fb", "GET /a%2fb HTTP/1.1", &orders),
        ("/orders", "GET / HTTP/1.1", &orders),
        ("/orders2", "GET /orders2 HTTP/1.1", &all),
        ("/a//b/%7e", "GET /a//b/%7e HTTP/1.1", &all),
    ] {
        let came = text(get(gateway.url(path)).await).await;
        assert_eq!(came.lines().next(), Some(line), "{path}");
        assert!(came.contains(&format!("host: {}", service.address)), "{path}");
    }
}

#[tokio::test]
async fn upstreams_are_asked_in_turn() {
    let services = [Service::mirror().await, Service::mirror().await, Service::mirror().await];
    let urls: Vec<String> = services.iter().map(|service| format!("{:?}", service.url())).collect();
    let gateway = Gateway::start(parse(&format!(
        "[[routes]]\nprefix = \"/\"\nservice = \"A\"\nupstreams = [{}]\n",
        urls.join(", ")
    )))
    .await;
    for service in services.iter().chain(&services) {
        let came = text(get(gateway.url("/")).await).await;
        assert!(came.contains(&format!("host: {}", service.address)));
    }
}

#[tokio::test]
async fn a_call_is_two_events_with_the_template_and_never_the_path() {
    let service = Service::mirror().await;
    let gateway = Gateway::start(route(&service.url(), "templates = [\"/orders/{id}\"]")).await;
    for path in ["/orders/4711?token=secret", "/else/4711"] {
        assert_eq!(get(gateway.url(path)).await.status(), StatusCode::OK);
    }
    let requests = gateway.events(REQUEST, 2).await;
    let responses = gateway.events(RESPONSE, 2).await;
    let routes: Vec<_> = requests.iter().map(|data| data["Route"].as_str().unwrap()).collect();
    assert_eq!(routes, ["/orders/{id}", "/*"]);
    assert!(
        requests.iter().all(|data| data["Name"] == "A" && data["Method"] == "GET" && data["Attempt"] == 1)
    );
    assert!(responses.iter().all(|data| data["Status"] == 200 && data["DurationMicroseconds"].is_u64()));
    assert!(gateway.queue.accepted().iter().all(|json| !json.contains("4711") && !json.contains("secret")));
}

#[tokio::test]
async fn the_requests_id_is_the_clients_and_reaches_the_service() {
    let (_mirror, gateway) = before_mirror(Version::HTTP_11).await;
    let request = Request::get(gateway.url("/"))
        .header("x-request-id", "order-7")
        .body(Full::<Bytes>::default())
        .unwrap();
    let response = within(client(Version::HTTP_11).request(request)).await.unwrap();
    assert_eq!(response.headers()["x-request-id"], "order-7");
    assert!(text(response).await.contains("x-request-id: order-7"));
}

#[tokio::test]
async fn trailers_pass_both_ways_without_what_belongs_to_a_connection() {
    for version in VERSIONS {
        let service = Service::of(|request: Request<Body>| async {
            let came = request.into_body().collect().await.unwrap();
            let sum = came.trailers().map_or_else(|| "none".to_owned(), |trailers| format!("{trailers:?}"));
            let mut trailers = HeaderMap::new();
            trailers.insert("x-sum", HeaderValue::from_static("back"));
            let frames = [Frame::data(Bytes::from(sum)), Frame::trailers(trailers)];
            let frames = futures::stream::iter(frames.map(Ok::<_, std::convert::Infallible>));
            Response::builder().header("trailer", "x-sum").body(Body::new(StreamBody::new(frames))).unwrap()
        })
        .await;
        let http2 = if version == Version::HTTP_2 { "http2 = true" } else { "" };
        let gateway = Gateway::start(route(&service.url(), http2)).await;
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", HeaderValue::from_static("there"));
        let frames = [Frame::data(Bytes::from_static(b"body")), Frame::trailers(trailers)];
        let frames = futures::stream::iter(frames.map(Ok::<_, std::convert::Infallible>));
        let request = Request::post(gateway.url("/"))
            .header("te", "trailers")
            .header("trailer", "x-sum")
            .body(StreamBody::new(frames))
            .unwrap();
        let response = within(client(version).request(request)).await.unwrap();
        let body = within(response.into_body().collect()).await.unwrap();
        assert_eq!(body.trailers().map(|trailers| trailers["x-sum"].clone()), Some("back".parse().unwrap()));
        let there = String::from_utf8(body.to_bytes().to_vec()).unwrap();
        assert!(there.contains("\"x-sum\": \"there\""), "{version:?}: {there}");
    }
}

#[tokio::test]
async fn responses_without_a_body_keep_their_headers() {
    let service = Service::of(|request: Request<Body>| async move {
        let response = Response::builder().header("etag", "\"7\"");
        match request.uri().path() {
            "/304" => response.status(304).body(Body::empty()),
            "/204" => response.status(204).body(Body::empty()),
            _ => response.header("content-length", "5").body(Body::from("hello")),
        }
        .unwrap()
    })
    .await;
    for version in VERSIONS {
        let http2 = if version == Version::HTTP_2 { "http2 = true" } else { "" };
        let gateway = Gateway::start(route(&service.url(), http2)).await;
        // hyper's server adds one by HTTP/2, and what a 304 says of the body is passed on.
        let of_304 = (version == Version::HTTP_2).then_some("0");
        for (method, path, status, length) in
            [("HEAD", "/", 200, Some("5")), ("GET", "/204", 204, None), ("GET", "/304", 304, of_304)]
        {
            let request = Request::builder()
                .method(method)
                .uri(gateway.url(path))
                .body(Full::<Bytes>::default())
                .unwrap();
            let response = within(client(version).request(request)).await.unwrap();
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()["etag"], "\"7\"");
            let got =
                response.headers().get("content-length").map(|length| length.to_str().unwrap().to_owned());
            assert_eq!(got.as_deref(), length, "{method} {path} {version:?}");
            assert_eq!(text(response).await, "");
        }
    }
}

#[tokio::test]
async fn a_client_that_waits_for_100_continue_gets_it() {
    let (_mirror, gateway) = before_mirror(Version::HTTP_11).await;
    let mut stream = gateway.connect().await;
    let head = "POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 5\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(within(read_until(&mut stream, "\r\n\r\n")).await, "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hello").await.unwrap();
    let answer = within(read_until(&mut stream, "never")).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("\n\nhello"), "{answer}");
}

#[tokio::test]
async fn a_body_of_a_get_is_not_left_out() {
    for version in VERSIONS {
        let (_mirror, gateway) = before_mirror(version).await;
        let get = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
        let answer = gateway.raw(get).await;
        assert!(answer.contains("\n\nhello"), "{version:?}: {answer}");
    }
}

#[tokio::test]
async fn a_client_of_http_1_0_is_served() {
    let (_mirror, gateway) = before_mirror(Version::HTTP_11).await;
    let answer = gateway.raw("GET /x HTTP/1.0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 200 OK") && answer.contains("GET /x HTTP/1.1"), "{answer}");
    assert!(answer.contains("via: 1.0 headwater"), "{answer}");
}

#[tokio::test]
async fn an_upgrade_is_not_passed_on_and_the_request_is() {
    let (_mirror, gateway) = before_mirror(Version::HTTP_11).await;
    let answer = gateway
        .raw("GET /chat HTTP/1.1\r\nhost: x\r\nconnection: upgrade, close\r\nupgrade: websocket\r\nsec-websocket-key: a\r\n\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(!answer.contains("upgrade") && answer.contains("sec-websocket-key"), "{answer}");
}

#[tokio::test]
async fn what_belongs_to_the_upstreams_connection_stays_there() {
    let service = scripted(|mut stream| async move {
        read_until(&mut stream, "\r\n\r\n").await;
        let answer = "HTTP/1.1 200 OK\r\nconnection: x-hop, close\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\n\
                      upgrade: h2c\r\nproxy-authenticate: Basic\r\nx-kept: 2\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n\r\nbody";
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await;
    let gateway = Gateway::before(&service).await;
    let response = get(gateway.url("/")).await;
    for gone in ["connection", "x-hop", "keep-alive", "upgrade", "proxy-authenticate"] {
        assert!(!response.headers().contains_key(gone), "{gone}");
    }
    assert_eq!(response.headers()["x-kept"], "2");
    assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
    assert_eq!(text(response).await, "body");
}

#[tokio::test]
async fn options_for_the_proxy_itself_are_answered_here_and_others_are_counted_down() {
    let (_mirror, gateway) = before_mirror(Version::HTTP_11).await;
    for head in ["OPTIONS * HTTP/1.1\r\n", "OPTIONS / HTTP/1.1\r\nmax-forwards: 0\r\n"] {
        let answer = gateway.raw(format!("{head}host: x\r\nconnection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    }
    let answer =
        gateway.raw("OPTIONS / HTTP/1.1\r\nmax-forwards: 3\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(answer.contains("max-forwards: 2"), "{answer}");
}
