//! What a proxy does to headers: RFC 9110, 7.6, and RFC 9113, 8.2.2.

use std::net::IpAddr;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Version, uri::Authority};

/// Our name in `Via`.
const PSEUDONYM: &str = "headwater";

/// So often a request may come by a proxy of our name; more of it goes in a circle.
const MAX_PASSES: usize = 8;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");
const FORWARDED: HeaderName = HeaderName::from_static("forwarded");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What belongs to a connection and not to a message. The last two are for whoever is asked first, which is us.
const OF_A_CONNECTION: [HeaderName; 9] = [
    header::CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HTTP2_SETTINGS,
    header::PROXY_AUTHORIZATION,
    header::PROXY_AUTHENTICATE,
];

/// What tells of the client before a proxy. Whoever is not trusted could tell anything.
const OF_PROXIES: [HeaderName; 8] = [
    FORWARDED,
    X_FORWARDED_FOR,
    X_FORWARDED_HOST,
    X_FORWARDED_PROTO,
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-forwarded-prefix"),
    HeaderName::from_static("x-forwarded-server"),
    HeaderName::from_static("x-real-ip"),
];

/// Who asks.
pub(super) struct Client<'a> {
    /// The other end of the connection.
    pub(super) address: IpAddr,
    /// Whether its word on others is taken.
    pub(super) trusted: bool,
    /// What it spoke.
    pub(super) version: Version,
    /// Which host it asked for.
    pub(super) host: &'a Authority,
}

/// Makes of the headers that came from a client those that go to an upstream. `Host` is left out: it is the upstream's own, and
/// the client's is in `Forwarded`.
pub(super) fn of_request(headers: &mut HeaderMap, client: &Client<'_>, http2: bool) {
    let trailers = tokens(headers, &header::TE).any(|token| token.eq_ignore_ascii_case(b"trailers"));
    remove_of_connection(headers);
    if trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        if !http2 {
            headers.insert(header::CONNECTION, HeaderValue::from_static("TE"));
        }
    }
    headers.remove(header::HOST);
    join_cookies(headers);
    if !client.trusted {
        for name in &OF_PROXIES {
            headers.remove(name);
        }
    }
    let address = client.address.to_canonical();
    let node = if address.is_ipv6() { format!("\"[{address}]\"") } else { address.to_string() };
    append(headers, &FORWARDED, &format!("for={node};host=\"{}\";proto=http", client.host));
    append(headers, &X_FORWARDED_FOR, &address.to_string());
    for (name, value) in [(X_FORWARDED_PROTO, "http"), (X_FORWARDED_HOST, client.host.as_str())] {
        if let (false, Ok(value)) = (headers.contains_key(&name), HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    }
    append(headers, &header::VIA, &via(client.version));
}

/// Makes of the headers that came from an upstream those that go to the client.
pub(super) fn of_response(headers: &mut HeaderMap, version: Version) {
    remove_of_connection(headers);
    append(headers, &header::VIA, &via(version));
}

/// Removes what belongs to a connection, and what `Connection` says belongs to it.
pub(super) fn remove_of_connection(headers: &mut HeaderMap) {
    if headers.contains_key(header::CONNECTION) {
        let named: Vec<HeaderName> = tokens(headers, &header::CONNECTION)
            .filter_map(|token| HeaderName::from_bytes(token).ok())
            .collect();
        for name in named {
            headers.remove(name);
        }
    }
    for name in &OF_A_CONNECTION {
        headers.remove(name);
    }
}

/// Whether the request came by proxies of our name too often.
pub(super) fn goes_in_a_circle(headers: &HeaderMap) -> bool {
    let ours = |token: &&[u8]| {
        let received_by = token.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).nth(1);
        received_by == Some(PSEUDONYM.as_bytes())
    };
    headers.contains_key(header::VIA) && tokens(headers, &header::VIA).filter(ours).count() >= MAX_PASSES
}

fn via(version: Version) -> String {
    let version = match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    };
    format!("{version} {PSEUDONYM}")
}

/// HTTP/2 may send a cookie in pieces, HTTP/1.1 not: RFC 9113, 8.2.3.
fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(header::COOKIE).iter().nth(1).is_some() {
        let pieces: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
        if let Ok(cookie) = HeaderValue::from_bytes(&pieces.join(&b"; "[..])) {
            headers.insert(header::COOKIE, cookie);
        }
    }
}

/// Adds to the end of a list.
fn append(headers: &mut HeaderMap, name: &HeaderName, element: &str) {
    let mut list: Vec<&[u8]> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
    list.push(element.as_bytes());
    if let Ok(list) = HeaderValue::from_bytes(&list.join(&b", "[..])) {
        headers.insert(name, list);
    }
}

/// The elements of a list, whatever lines it is on.
fn tokens<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h [u8]> {
    let elements =
        headers.get_all(name).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    elements.map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[(&'static str, &'static str)], trusted: bool, http2: bool) -> String {
        let mut headers = headers(lines);
        let host = Authority::from_static("shop.example:8080");
        let address = "203.0.113.7".parse().unwrap();
        of_request(&mut headers, &Client { address, trusted, version: Version::HTTP_11, host: &host }, http2);
        shown(&headers)
    }

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn shown(headers: &HeaderMap) -> String {
        let mut lines: Vec<String> =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        lines.sort();
        lines.join("\n")
    }

    #[test]
    fn what_belongs_to_a_connection_ends_with_it() {
        let lines = [
            ("connection", "Keep-Alive, X-Private ,, upgrade"),
            ("connection", "x-more"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("te", "gzip, trailers;q=0.5"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("http2-settings", "AAMAAABk"),
            ("proxy-authorization", "Basic YTpi"),
            ("x-private", "1"),
            ("x-more", "2"),
            ("x-kept", "3"),
            ("trailer", "x-sum"),
        ];
        let mut headers = headers(&lines);
        remove_of_connection(&mut headers);
        assert_eq!(shown(&headers), "trailer: x-sum\nx-kept: 3");
    }

    #[test]
    fn who_is_not_trusted_is_not_believed_and_who_is_is_added_to() {
        let lines = [
            ("host", "shop.example:8080"),
            ("forwarded", "for=198.51.100.1;proto=https"),
            ("x-forwarded-for", "198.51.100.1"),
            ("x-forwarded-for", "198.51.100.2"),
            ("x-forwarded-proto", "https"),
            ("x-real-ip", "198.51.100.1"),
            ("connection", "x-forwarded-host"),
            ("x-forwarded-host", "evil.example"),
            ("via", "1.0 edge"),
        ];
        insta::assert_snapshot!(of(&lines, false, false), @r#"
        forwarded: for=203.0.113.7;host="shop.example:8080";proto=http
        via: 1.0 edge, 1.1 headwater
        x-forwarded-for: 203.0.113.7
        x-forwarded-host: shop.example:8080
        x-forwarded-proto: http
        "#);
        insta::assert_snapshot!(of(&lines, true, false), @r#"
        forwarded: for=198.51.100.1;proto=https, for=203.0.113.7;host="shop.example:8080";proto=http
        via: 1.0 edge, 1.1 headwater
        x-forwarded-for: 198.51.100.1, 198.51.100.2, 203.0.113.7
        x-forwarded-host: shop.example:8080
        x-forwarded-proto: https
        x-real-ip: 198.51.100.1
        "#);
    }

    #[test]
    fn trailers_are_asked_for_as_each_protocol_does() {
        let asked = |http2| of(&[("te", "trailers"), ("connection", "te")], false, http2);
        assert!(asked(false).starts_with("connection: TE\n") && asked(false).contains("te: trailers"));
        assert!(!asked(true).contains("connection") && asked(true).contains("te: trailers"));
    }

    #[test]
    fn pieces_of_a_cookie_become_one() {
        assert!(of(&[("cookie", "a=1"), ("cookie", "b=2")], false, false).contains("cookie: a=1; b=2"));
    }

    #[test]
    fn an_ipv6_client_is_quoted_in_forwarded() {
        let mut headers = HeaderMap::new();
        let host = Authority::from_static("[::1]:80");
        let client = Client {
            address: "2001:db8::1".parse().unwrap(),
            trusted: false,
            version: Version::HTTP_2,
            host: &host,
        };
        of_request(&mut headers, &client, true);
        assert_eq!(headers["forwarded"], "for=\"[2001:db8::1]\";host=\"[::1]:80\";proto=http");
        assert_eq!(headers["x-forwarded-for"], "2001:db8::1");
        assert_eq!(headers["via"], "2 headwater");
    }

    #[test]
    fn a_circle_is_seen_and_a_long_way_is_none() {
        let mut through =
            headers(&[("via", "1.1 headwater, 2 other, 1.1 headwater (comment), HTTP/1.1 headwater2")]);
        assert!(!goes_in_a_circle(&through));
        for _ in 0..6 {
            append(&mut through, &header::VIA, &via(Version::HTTP_11));
        }
        assert!(goes_in_a_circle(&through));
    }
}
