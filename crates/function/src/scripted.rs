//! AWS as a closure, for tests: it is given the operation and its input, and says what comes back.

use std::sync::{Arc, Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

/// What AWS does with a call.
pub enum Reply {
    /// Answers 200.
    Done(Value),
    /// Answers with an error: status and code.
    Error(u16, &'static str),
    /// Never answers.
    Silence,
}

/// The calls that were made: operation and input.
pub type Calls = Arc<Mutex<Vec<(String, Value)>>>;

type Script = dyn Fn(&str, &Value) -> Reply + Send + Sync;

struct Scripted {
    script: Box<Script>,
    calls: Calls,
}

/// A configuration whose AWS is `script`, and the calls that are made with it.
pub fn sdk_config(
    region: &str,
    script: impl Fn(&str, &Value) -> Reply + Send + Sync + 'static,
) -> (SdkConfig, Calls) {
    let calls = Calls::default();
    let connector =
        SharedHttpConnector::new(Scripted { script: Box::new(script), calls: Arc::clone(&calls) });
    let credentials = SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "test"));
    let http_client = http_client_fn(move |_, _| connector.clone());
    (crate::aws::sdk_config_with(region, None, http_client, credentials), calls)
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

impl HttpConnector for Scripted {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let input = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
        let reply = (self.script)(&operation, &input);
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push((operation, input));
        let (status, body) = match reply {
            Reply::Done(output) => (200, output),
            Reply::Error(status, code) => (status, json!({ "__type": code, "message": "scripted" })),
            Reply::Silence => return HttpConnectorFuture::new(std::future::pending()),
        };
        let status = match status.try_into() {
            Ok(status) => status,
            Err(error) => {
                return HttpConnectorFuture::ready(Err(ConnectorError::other(Box::new(error), None)));
            }
        };
        let mut response = HttpResponse::new(status, SdkBody::from(body.to_string()));
        response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
        HttpConnectorFuture::ready(Ok(response))
    }
}
