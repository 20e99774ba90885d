//! Which calls the SDK makes, and which of them change something: how a run shows that it changed nothing.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
        SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    runtime_components::RuntimeComponents,
};

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The operation (`CreateQueue`); for REST services method and path (`POST /2015-03-31/functions`).
    pub operation: String,
    /// Whether it may change something. Known readers are told by AWS's own words for them; all else counts as a change.
    pub mutating: bool,
}

/// The calls of all clients that are made from a watched configuration. Retries count each.
#[derive(Clone, Debug, Default)]
pub struct Calls(Arc<Mutex<Vec<Call>>>);

impl Calls {
    /// The same configuration, with its calls noted.
    pub fn watch(config: &SdkConfig) -> (SdkConfig, Self) {
        let calls = Self::default();
        let noting = calls.clone();
        (before_each_call(config, move |request| noting.note(request)), calls)
    }

    /// The calls so far, in the order in which they began.
    pub fn all(&self) -> Vec<Call> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Those that may have changed something.
    pub fn mutating(&self) -> Vec<String> {
        self.all().into_iter().filter(|call| call.mutating).map(|call| call.operation).collect()
    }

    /// Forgets what was noted.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn note(&self, request: &HttpRequest) {
        let operation = operation(request);
        let mutating = !reads(&operation);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Call { operation, mutating });
    }
}

/// The same configuration, with `before` done to each request on its way, retries too. They are signed by then. It is
/// done in the task that waits for the call.
pub fn before_each_call(
    config: &SdkConfig,
    before: impl Fn(&mut HttpRequest) + Send + Sync + 'static,
) -> SdkConfig {
    let before: Arc<Before> = Arc::new(before);
    let mut builder = config.to_builder();
    if let Some(client) = config.http_client() {
        builder.set_http_client(Some(SharedHttpClient::new(Watched { client, before })));
    }
    builder.build()
}

/// The operation of a request, by whatever its protocol names it with.
pub(crate) fn operation(request: &HttpRequest) -> String {
    let target = request.headers().get("x-amz-target").and_then(|target| target.rsplit('.').next());
    let body = request.body().bytes().and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
    let action = body.split('&').find_map(|pair| pair.strip_prefix("Action="));
    // Smithy's RPC protocol: /service/<service>/operation/<operation>
    let rpc = path(request.uri()).0.split_once("/operation/").map(|(_, operation)| operation);
    match target.or(action).or(rpc) {
        Some(operation) => operation.to_owned(),
        None => format!("{} {}", request.method(), path(request.uri()).0),
    }
}

/// Path and query of a URI.
pub(crate) fn path(uri: &str) -> (&str, &str) {
    let path =
        uri.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..])).unwrap_or(uri);
    path.split_once('?').unwrap_or((path, ""))
}

fn reads(operation: &str) -> bool {
    ["Get", "List", "Describe", "Discover", "Query", "Scan", "BatchGet", "GET ", "HEAD "]
        .iter()
        .any(|reading| operation.starts_with(reading))
}

type Before = dyn Fn(&mut HttpRequest) + Send + Sync;

struct Watched {
    client: SharedHttpClient,
    before: Arc<Before>,
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").finish_non_exhaustive()
    }
}

impl HttpClient for Watched {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let connector = self.client.http_connector(settings, components);
        SharedHttpConnector::new(WatchedConnector { connector, before: Arc::clone(&self.before) })
    }
}

struct WatchedConnector {
    connector: SharedHttpConnector,
    before: Arc<Before>,
}

impl fmt::Debug for WatchedConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedConnector").finish_non_exhaustive()
    }
}

impl HttpConnector for WatchedConnector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        (self.before)(&mut request);
        self.connector.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_to_read_counts_as_a_change() {
        for reading in ["GetQueueAttributes", "ListTables", "DescribeTable", "GET /2015-03-31/functions"] {
            assert!(reads(reading), "{reading}");
        }
        for changing in ["CreateQueue", "TagRole", "UnheardOf", "POST /2015-03-31/functions", "PUT /x"] {
            assert!(!reads(changing), "{changing}");
        }
    }
}
