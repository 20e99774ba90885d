//! Scripted AWS responses: the races that no emulator shows, in tests.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
            SharedHttpConnector,
        },
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use resource::{Family, Need};
use serde_json::Value;

use crate::calls;

/// One request that the SDK made.
#[derive(Clone, Debug)]
pub struct Request {
    /// The operation (`CreateQueue`); for REST services method and path (`POST /2015-03-31/functions`), without
    /// the query.
    pub operation: String,
    /// The query of a REST request's path; empty elsewhere.
    pub query: String,
    /// The body as text.
    pub body: String,
}

impl Request {
    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

/// One response.
#[derive(Clone, Debug)]
pub struct Reply(Option<(u16, &'static str, String)>);

impl Reply {
    /// A JSON response.
    pub fn json(status: u16, body: Value) -> Self {
        Self(Some((status, "application/json", body.to_string())))
    }

    /// An error of a JSON service.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, serde_json::json!({"__type": code, "message": message, "Message": message}))
    }

    /// An XML response.
    pub fn xml(status: u16, body: impl Into<String>) -> Self {
        Self(Some((status, "text/xml", body.into())))
    }

    /// An error of a service that answers in XML.
    pub fn xml_error(status: u16, code: &str, message: &str) -> Self {
        Self::xml(
            status,
            format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
                 <RequestId>0</RequestId></ErrorResponse>"
            ),
        )
    }

    /// The connection is lost before a response.
    pub fn reset() -> Self {
        Self(None)
    }
}

type Answer = dyn FnMut(&Request) -> Reply + Send;

/// AWS as a closure from request to response. Remembers what it was asked.
#[derive(Clone)]
pub struct Script {
    answer: Arc<Mutex<Box<Answer>>>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Script {
    /// AWS as `answer`.
    pub fn new(answer: impl FnMut(&Request) -> Reply + Send + 'static) -> Self {
        Self { answer: Arc::new(Mutex::new(Box::new(answer))), requests: Arc::default() }
    }

    /// An SDK configuration that leads here: region eu-west-1, dummy credentials, no retries by the SDK.
    pub fn config(&self) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                "test", "test", None, None, "Scripted",
            )))
            .retry_config(RetryConfig::disabled())
            .http_client(SharedHttpClient::new(self.clone()))
            .build()
    }

    /// What was asked so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The operations that were asked for, in order.
    pub fn operations(&self) -> Vec<String> {
        self.requests().into_iter().map(|request| request.operation).collect()
    }

    fn answer(&self, request: &HttpRequest) -> Reply {
        let request = read(request);
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        (self.answer.lock().unwrap_or_else(PoisonError::into_inner))(&request)
    }
}

/// Asserts that the family lists just the actions that its code calls. Each stands in `code`, the family's sources, once in the
/// list and at least once in a call; but for `besides`, which is all that AWS asks for without a call of that name.
pub fn assert_actions<F: Family>(code: &[&str], besides: &[&str]) {
    let direct = F::ACTIONS.iter().filter(|action| !matches!(action.need, Need::Dependent(_)));
    let listed: Vec<_> = direct.map(|action| action.name).collect();
    let services: Vec<_> = listed.iter().filter_map(|name| name.split(':').next()).collect();
    let mut named = BTreeMap::<&str, usize>::new();
    for text in code.iter().flat_map(|source| source.split('"')) {
        if text.split_once(':').is_some_and(|(service, _)| services.contains(&service)) {
            *named.entry(text).or_default() += 1;
        }
    }
    let unlisted: Vec<_> =
        named.keys().filter(|name| F::ACTIONS.iter().all(|action| action.name != **name)).collect();
    assert!(unlisted.is_empty(), "called, but not listed: {unlisted:?}");
    let uncalled: Vec<_> = listed.into_iter().filter(|name| named[name] < 2).collect();
    assert_eq!(uncalled, besides, "listed, but never called");
}

fn read(request: &HttpRequest) -> Request {
    let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
    let query = calls::path(request.uri()).1.to_owned();
    Request { operation: calls::operation(request), query, body }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").finish_non_exhaustive()
    }
}

impl HttpConnector for Script {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let lost = |text: &str| ConnectorError::io(text.to_owned().into());
        HttpConnectorFuture::ready(match self.answer(&request) {
            Reply(None) => Err(lost("connection reset by peer")),
            Reply(Some((status, content_type, body))) => StatusCode::try_from(status)
                .map(|status| {
                    let mut response = HttpResponse::new(status, SdkBody::from(body));
                    response.headers_mut().insert("content-type", content_type);
                    response
                })
                .map_err(|_| lost("the script's status is none")),
        })
    }
}

impl HttpClient for Script {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use resource::{Class, Scope};
    use serde_json::json;

    use super::*;
    use crate::{GuardError, guard};

    fn scope(account: &str) -> Scope {
        Scope {
            project: "headwater".into(),
            environment: "dev".into(),
            account: account.into(),
            region: "eu-west-1".into(),
        }
    }

    fn identity() -> Script {
        Script::new(|_| {
            Reply::xml(
                200,
                "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>111111111111</Account>\
                 </GetCallerIdentityResult></GetCallerIdentityResponse>",
            )
        })
    }

    #[tokio::test]
    async fn the_guard_lets_nothing_but_its_own_account_and_region_pass_and_makes_one_call() {
        let script = identity();
        guard(&script.config(), &scope("111111111111")).await.unwrap();
        assert_eq!(script.operations(), ["GetCallerIdentity"]);
        let other = guard(&script.config(), &scope("222222222222")).await.unwrap_err();
        let elsewhere = Scope { region: "us-east-1".into(), ..scope("111111111111") };
        let region = guard(&script.config(), &elsewhere).await.unwrap_err();
        insta::assert_snapshot!(format!("{other}\n{region}"), @r"
        environment `dev` lives in account 222222222222, but the credentials in use belong to account 111111111111
        environment `dev` lives in region us-east-1, but the SDK would call eu-west-1
        ");
    }

    #[tokio::test]
    async fn expired_credentials_are_denied_and_a_lost_connection_may_pass() {
        let class = |script: Script| async move {
            match guard(&script.config(), &scope("111111111111")).await {
                Err(GuardError::Unknown(error)) => error.class,
                other => panic!("{other:?}"),
            }
        };
        let expired = Script::new(|_| Reply::xml_error(403, "ExpiredToken", "The security token is expired"));
        assert_eq!(class(expired).await, Class::Denied);
        assert_eq!(class(Script::new(|_| Reply::reset())).await, Class::RetryLater);
        assert_eq!(class(Script::new(|_| Reply::json(503, json!({})))).await, Class::RetryLater);
    }
}
