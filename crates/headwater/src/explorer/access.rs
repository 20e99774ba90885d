//! Who may ask the explorer what.
//!
//! | against | what |
//! |---|---|
//! | other machines | it listens on 127.0.0.1 |
//! | other users and programs of this machine | the token, sent as a header with each question |
//! | a page elsewhere whose name is made to lead here (DNS rebinding) | `Host` is this address, or the answer is 421 |
//! | a page elsewhere that asks here (CSRF) | the token again; `Sec-Fetch-Site`, and `Origin` of whatever changes something; no CORS, no cookie |
//! | markup in an event | the policy in [`POLICY`], and a page that makes text nodes alone |

use std::{fmt, hint, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method,
        header::{
            AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, ORIGIN, REFERRER_POLICY,
            X_CONTENT_TYPE_OPTIONS,
        },
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use uuid::Uuid;

use super::problem::Problem;

/// Nothing but what this program serves is loaded or run, and no text becomes markup (trusted types).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// What every answer carries.
const HEADERS: [(HeaderName, &str); 6] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Where a request comes from, as browsers say it (W3C, Fetch Metadata Request Headers).
const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What makes a browser known: 244 random bits, made anew by each start.
#[derive(Clone)]
pub(super) struct Token(String);

impl Token {
    pub(super) fn random() -> Self {
        Self(format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is this one. How long that takes says nothing of how much of it is right.
    fn is(&self, given: &str) -> bool {
        let differs =
            self.0.bytes().zip(given.bytes()).fold(0, |differs, (a, b)| differs | hint::black_box(a ^ b));
        self.0.len() == given.len() && hint::black_box(differs) == 0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// Token and address that a question has to have.
#[derive(Debug)]
pub(super) struct Door {
    token: Token,
    hosts: [String; 2],
}

impl Door {
    pub(super) fn new(token: Token, port: u16) -> Self {
        Self { token, hosts: [format!("127.0.0.1:{port}"), format!("localhost:{port}")] }
    }

    fn is_host(&self, host: &str) -> bool {
        self.hosts.iter().any(|ours| ours == host)
    }

    /// Whether it is asked by this address.
    fn is_named(&self, request: &Request) -> bool {
        let hosts = request.headers().get_all(HOST).iter().map(text);
        // HTTP/2 has it in the URI alone, HTTP/1.1 may have it there, too.
        let authority = request.uri().authority().map(|authority| authority.as_str());
        let mut hosts = hosts.chain(authority).peekable();
        hosts.peek().is_some() && hosts.all(|host| self.is_host(host))
    }

    fn is_token(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(AUTHORIZATION).and_then(|value| text(value).strip_prefix("Bearer "));
        given.is_some_and(|given| self.token.is(given))
    }

    /// Whether a page of ours asks, as far as the browser says. What changes something has to say so.
    fn is_our_page(&self, method: &Method, headers: &HeaderMap) -> bool {
        let site_is_ours = headers.get(SITE).is_none_or(|site| site == "same-origin");
        let origin_is_ours = match headers.get(ORIGIN) {
            Some(origin) => text(origin).strip_prefix("http://").is_some_and(|host| self.is_host(host)),
            None => method == Method::GET || method == Method::HEAD,
        };
        site_is_ours && origin_is_ours
    }
}

/// A header's value; empty where it is no text, which is nothing of ours.
fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default()
}

/// Lets pass what is asked of this address, and gives every answer its headers.
pub(super) async fn here(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let mut response = match door.is_named(&request) {
        true => next.run(request).await,
        false => Problem::misdirected().into_response(),
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Lets pass what our page asks with the token.
pub(super) async fn known(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    if !door.is_token(request.headers()) {
        return Problem::unauthorized().into_response();
    }
    if !door.is_our_page(request.method(), request.headers()) {
        return Problem::forbidden().into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        pairs.collect()
    }

    #[test]
    fn a_token_is_long_and_only_itself() {
        let (token, other) = (Token::random(), Token::random());
        assert_eq!(token.as_str().len(), 64);
        assert!(token.is(token.as_str()));
        let cut = &token.as_str()[1..];
        for wrong in ["", cut, other.as_str(), &format!("{}0", token.as_str())] {
            assert!(!token.is(wrong), "{wrong}");
        }
        assert_eq!(format!("{token:?}"), "Token");
    }

    #[test]
    fn a_change_is_asked_for_by_our_page_alone() {
        let door = Door::new(Token::random(), 7000);
        let may = |method: Method, pairs: &[(&'static str, &str)]| door.is_our_page(&method, &headers(pairs));
        let ours = ("origin", "http://127.0.0.1:7000");
        assert!(may(Method::POST, &[ours]));
        assert!(may(Method::POST, &[("origin", "http://localhost:7000"), ("sec-fetch-site", "same-origin")]));
        assert!(may(Method::GET, &[]));
        assert!(!may(Method::POST, &[]));
        assert!(!may(Method::POST, &[ours, ("sec-fetch-site", "cross-site")]));
        for other in ["http://127.0.0.1:7001", "https://127.0.0.1:7000", "http://evil.example", "null"] {
            assert!(!may(Method::GET, &[("origin", other)]), "{other}");
        }
    }
}
