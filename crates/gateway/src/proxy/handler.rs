//! What happens to a request: it is refused, answered here, or sent on.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use http::header::{self, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery};
use http::{Extensions, Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use tokio::sync::Semaphore;

use super::activity::Activity;
use super::answer::{self, Answer, Content, Sent};
use super::configuration::{Configuration, Network};
use super::connector;
use super::headers::{self, Client};
use super::metrics::Metrics;
use super::route::{self, Routes};
use super::upstream::{Destination, Head, with_causes};
use crate::{Context, Producer, Route};

const MAX_FORWARDS: HeaderName = HeaderName::from_static("max-forwards");

/// What is the same for all requests.
pub(super) struct Handler {
    routes: Routes<Service>,
    trusted_proxies: Vec<Network>,
    without_service: Arc<Metrics>,
}

/// A route's way to its service.
struct Service {
    name: Arc<str>,
    destination: Destination,
    metrics: Arc<Metrics>,
}

/// Why a request is not sent on.
enum Refused {
    Because(StatusCode, &'static str),
    /// It is answered here, as the last recipient that it wants.
    Here,
}

impl Handler {
    /// # Errors
    /// An upstream wants TLS, and this system trusts nobody.
    pub(super) fn new(configuration: &Configuration, producer: &Producer) -> io::Result<Self> {
        let (http1, http2) = connector::clients(configuration)?;
        let timeouts = Arc::new(configuration.timeouts.clone());
        let mut services: HashMap<Arc<str>, (Arc<Semaphore>, Arc<Metrics>)> = HashMap::new();
        let routes = configuration.routes.iter().map(|route| {
            let name = Arc::clone(&route.service);
            let (permits, metrics) = services.entry(Arc::clone(&name)).or_insert_with(|| {
                let permits = configuration.limits.requests_per_service.min(Semaphore::MAX_PERMITS);
                (Arc::new(Semaphore::new(permits)), Metrics::of_service(&name))
            });
            let client = if route.http2 { http2.clone() } else { http1.clone() };
            let destination =
                Destination::new(route, client, Arc::clone(permits), Arc::clone(&timeouts), producer.clone());
            (route.clone(), Service { name, destination, metrics: Arc::clone(metrics) })
        });
        Ok(Self {
            routes: Routes::new(routes.collect()),
            trusted_proxies: configuration.trusted_proxies.clone(),
            without_service: Metrics::without_service(),
        })
    }

    /// The response to a request that came over a connection with `peer`.
    pub(super) async fn handle(
        &self,
        peer: IpAddr,
        activity: &Activity,
        request: Request<Incoming>,
    ) -> Response<Sent> {
        let in_flight = activity.request(request.version() == Version::HTTP_2);
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        let (method, version) = (parts.method.clone(), parts.version);
        let found = refused(&parts).and_then(|host| {
            let found = self.routes.find(&path);
            found
                .map(|found| (host, found))
                .ok_or(Refused::Because(StatusCode::NOT_FOUND, "no service is behind this path"))
        });
        let (mut observation, answer) = match found {
            Err(refused) => (self.without_service.begin(), refused.into_answer()),
            Ok((host, (service, route, rest))) => {
                let observation = service.metrics.begin();
                let client = Client { address: peer, trusted: self.trusts(peer), version, host: &host };
                let name = route::template(route, &path);
                (observation, service.forward(parts, body, &client, rest, name).await)
            }
        };
        observation.answered(answer.status());
        if without_body(&method, answer.status()) {
            observation.complete();
        }
        answer.map(|content| Sent::new(content, observation, in_flight))
    }

    fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(peer))
    }
}

impl Service {
    async fn forward(
        &self,
        mut parts: Parts,
        body: Incoming,
        client: &Client<'_>,
        path: &str,
        template: String,
    ) -> Answer {
        let Some(path) = forwarded(&parts, path) else {
            return answer::refusal(
                StatusCode::BAD_REQUEST,
                "the path begins with two slashes behind its prefix",
            );
        };
        if let Some(left) = forwards_left(&parts) {
            parts.headers.insert(MAX_FORWARDS, HeaderValue::from(left.saturating_sub(1)));
        }
        headers::of_request(&mut parts.headers, client, self.destination.http2());
        let mut extensions = Extensions::new();
        extensions.insert(Route(template.into()));
        if let Some(context) = parts.extensions.remove::<Context>() {
            extensions.insert(context);
        }
        let head = Head { method: parts.method, path, headers: parts.headers, extensions };
        match self.destination.send(head, body).await {
            Ok(mut response) => {
                let version = response.version();
                headers::of_response(response.headers_mut(), version);
                if response.status() == StatusCode::NO_CONTENT {
                    // Some servers send one of 0: RFC 9110, 8.6 forbids any.
                    response.headers_mut().remove(header::CONTENT_LENGTH);
                }
                *response.version_mut() = Version::HTTP_11;
                response.map(|body| Content::Forwarded(Box::new(body)))
            }
            Err(failure) => {
                tracing::warn!(
                    service = &*self.name,
                    error = with_causes(&failure),
                    "no answer of the service"
                );
                answer::failure(&failure)
            }
        }
    }
}

impl Refused {
    fn into_answer(self) -> Answer {
        match self {
            Self::Because(status, detail) => answer::refusal(status, detail),
            Self::Here => answer::empty(StatusCode::NO_CONTENT),
        }
    }
}

/// Whether a request is to be sent on at all, and for which host it is.
fn refused(parts: &Parts) -> Result<Authority, Refused> {
    let because = |status, detail| Err(Refused::Because(status, detail));
    // A tunnel is not ours to make, and TRACE would tell what proxies before us added: RFC 9110, 9.3.6 and 9.3.8.
    if matches!(parts.method, Method::CONNECT | Method::TRACE) {
        return because(StatusCode::NOT_IMPLEMENTED, "this method is not served here");
    }
    let host = match host(parts) {
        Ok(host) => host,
        Err(detail) => return because(StatusCode::BAD_REQUEST, detail),
    };
    if parts.method == Method::OPTIONS && (parts.uri.path() == "*" || forwards_left(parts) == Some(0)) {
        return Err(Refused::Here);
    }
    if let Some(detail) = route::refused(parts.uri.path()) {
        return because(StatusCode::BAD_REQUEST, detail);
    }
    if headers::goes_in_a_circle(&parts.headers) {
        return because(StatusCode::LOOP_DETECTED, "the request came by here too often");
    }
    Ok(host)
}

/// How often an OPTIONS may still be sent on; it counts for no other method that is served (RFC 9110, 7.6.2).
fn forwards_left(parts: &Parts) -> Option<u32> {
    let left = parts.headers.get(MAX_FORWARDS).filter(|_| parts.method == Method::OPTIONS)?;
    left.to_str().ok()?.parse().ok()
}

/// The host that is asked for: RFC 9112, 3.2, and RFC 9113, 8.3.1.
fn host(parts: &Parts) -> Result<Authority, &'static str> {
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let written = hosts.next();
    if hosts.next().is_some() {
        return Err("there is more than one Host");
    }
    let authority = match (parts.uri.authority(), written) {
        (Some(authority), Some(written))
            if parts.version == Version::HTTP_2 && written != authority.as_str() =>
        {
            return Err("Host and :authority differ");
        }
        // Of a whole URI as the target, Host counts for nothing.
        (Some(authority), _) => authority.clone(),
        (None, Some(written)) => Authority::try_from(written.as_bytes()).map_err(|_| "Host is not a host")?,
        (None, None) if parts.version == Version::HTTP_10 => Authority::from_static("localhost"),
        (None, None) => return Err("there is no Host"),
    };
    match authority.as_str().contains('@') {
        true => Err("a host has no user"),
        false => Ok(authority),
    }
}

/// What the upstream is asked for: that path, with the query as it came.
fn forwarded(parts: &Parts, path: &str) -> Option<PathAndQuery> {
    let whole = match parts.uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    PathAndQuery::try_from(whole).ok().filter(|_| !path.starts_with("//"))
}

/// Whether a response has no body, whatever its headers say: RFC 9110, 6.4.1.
fn without_body(method: &Method, status: StatusCode) -> bool {
    *method == Method::HEAD || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}
