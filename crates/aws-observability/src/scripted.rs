//! What the tests of all families share: the environment, and CloudWatch's protocol.

use aws_env::{
    SdkConfig,
    scripted::{Reply, Script},
};
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
        SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::body::SdkBody;
use ciborium::Value as Cbor;
use resource::Scope;
use serde_json::{Map, Value, json};

pub(crate) fn scope() -> Scope {
    Scope {
        project: "headwater".into(),
        environment: "dev".into(),
        account: "111111111111".into(),
        region: "eu-west-1".into(),
    }
}

/// CloudWatch's SDK speaks CBOR over HTTP (smithy's RPC v2); behind this configuration `script` sees and answers JSON, and
/// the operation by its name.
pub(crate) fn cloudwatch(script: &Script) -> SdkConfig {
    let client = SharedHttpClient::new(Translated(script.clone()));
    script.config().to_builder().http_client(client).build()
}

/// Our tags on `key` as CloudWatch tells them.
pub(crate) fn told_tags(key: &str) -> Reply {
    let tags = scope().tags(&key.parse().unwrap());
    let tags: Vec<_> = tags.into_iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    Reply::json(200, json!({"Tags": tags}))
}

#[derive(Clone, Debug)]
struct Translated(Script);

impl HttpConnector for Translated {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let operation = request.uri().rsplit('/').next().unwrap_or_default().to_owned();
        let asked: Cbor = ciborium::from_reader(request.body().bytes().unwrap_or_default()).unwrap();
        *request.body_mut() = SdkBody::from(to_json(asked).to_string());
        request.headers_mut().insert("x-amz-target", operation);
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move {
            let mut response = answer.await?;
            let told: Value = serde_json::from_slice(response.body().bytes().unwrap_or_default()).unwrap();
            let mut bytes = Vec::new();
            ciborium::into_writer(&to_cbor("", told), &mut bytes).unwrap();
            *response.body_mut() = SdkBody::from(bytes);
            response.headers_mut().insert("content-type", "application/cbor");
            Ok(response)
        })
    }
}

impl HttpClient for Translated {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

fn to_json(value: Cbor) -> Value {
    match value {
        Cbor::Bool(value) => value.into(),
        Cbor::Text(text) => text.into(),
        Cbor::Float(number) => number.into(),
        Cbor::Integer(number) => i64::try_from(number).unwrap().into(),
        Cbor::Array(items) => items.into_iter().map(to_json).collect(),
        Cbor::Map(members) => {
            let member = |(name, value): (Cbor, Cbor)| (name.into_text().unwrap(), to_json(value));
            Value::Object(members.into_iter().map(member).collect::<Map<_, _>>())
        }
        other => panic!("{other:?}"),
    }
}

/// Numbers with a fraction part are doubles, also `10.0`, and a number under the name of a time is a time.
fn to_cbor(name: &str, value: Value) -> Cbor {
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(value) => value.into(),
        Value::String(text) => text.into(),
        Value::Number(number) if name.ends_with("Timestamp") || name == "LastModified" => {
            Cbor::Tag(1, Box::new(Cbor::Float(number.as_f64().unwrap())))
        }
        Value::Number(number) => match number.as_i64() {
            Some(number) => number.into(),
            None => number.as_f64().unwrap().into(),
        },
        Value::Array(items) => Cbor::Array(items.into_iter().map(|item| to_cbor("", item)).collect()),
        Value::Object(members) => {
            let member = |(name, value): (String, Value)| (name.clone().into(), to_cbor(&name, value));
            Cbor::Map(members.into_iter().map(member).collect())
        }
    }
}
