//! What a call asks for, told from its HTTP request whatever protocol of AWS's it speaks, and how it went.

use std::time::Duration;

use hyper::{HeaderMap, Method, Uri};
use serde_json::Value;
use url::form_urlencoded;

use super::{Fault, Proxy};

/// A call on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its place among all calls, from 0.
    pub number: usize,
    /// The service, by the name that requests are signed for: `ec2`, `elasticfilesystem`.
    pub service: String,
    /// The operation (`CreateQueue`); for REST services method and path (`POST /2015-03-31/functions`).
    pub action: String,
    /// The name, id, ARN or URL of what it is about, where the request says one; for REST services the path does.
    pub resource: String,
    /// The flow of work that it belongs to, where the client named one.
    pub flow: Option<String>,
}

/// A call, and how it went.
#[derive(Clone, Debug)]
pub struct Call {
    /// What was asked for.
    pub request: Request,
    /// When it came, since the proxy's start.
    pub start: Duration,
    /// When it was answered or reset; none while it is in flight.
    pub end: Option<Duration>,
    /// The status of the answer; none where the connection was reset, or while it is in flight.
    pub status: Option<u16>,
    /// What it met.
    pub fault: Option<Fault>,
}

impl Request {
    /// Whether it changes nothing. Readers are told by AWS's own words for them; all else counts as a change.
    #[must_use]
    pub fn is_read(&self) -> bool {
        ["Get", "List", "Describe", "Discover", "Query", "Scan", "BatchGet", "GET ", "HEAD "]
            .iter()
            .any(|reading| self.action.starts_with(reading))
    }

    pub(super) fn read(number: usize, parts: &http::request::Parts, body: &[u8]) -> Self {
        let http::request::Parts { method, uri, headers, .. } = parts;
        let json: Option<Value> = serde_json::from_slice(body).ok();
        let is_form = text(headers, "content-type").is_some_and(|is| is.contains("form-urlencoded"));
        let form: Vec<(String, String)> =
            if is_form { form_urlencoded::parse(body).into_owned().collect() } else { Vec::new() };
        let named_in_form = form.iter().find(|(name, _)| is_name(name)).map(|(_, value)| value.clone());
        let named = json.as_ref().and_then(name_in).or(named_in_form);
        Self {
            number,
            service: service(headers).unwrap_or_default().to_owned(),
            action: action(method, uri, headers, &form),
            resource: named.unwrap_or_default(),
            flow: text(headers, Proxy::FLOW).map(str::to_owned),
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// `Authorization: AWS4-HMAC-SHA256 Credential=<key>/<date>/<region>/<service>/aws4_request, …`
fn service(headers: &HeaderMap) -> Option<&str> {
    let (_, credential) = text(headers, "authorization")?.split_once("Credential=")?;
    credential.split(',').next()?.split('/').nth(3)
}

fn action(method: &Method, uri: &Uri, headers: &HeaderMap, form: &[(String, String)]) -> String {
    let target = text(headers, "x-amz-target").and_then(|target| target.rsplit('.').next());
    let query = form.iter().find(|(name, _)| name == "Action").map(|(_, action)| action.as_str());
    // Smithy's RPC protocol: /service/<service>/operation/<operation>
    let rpc = uri.path().split_once("/operation/").map(|(_, operation)| operation);
    match target.or(query).or(rpc) {
        Some(operation) => operation.to_owned(),
        None => format!("{method} {}", uri.path()),
    }
}

/// Whether a parameter of that name says what a call is about: `QueueUrl`, `RoleName`, `VpcId`, `secretId`.
fn is_name(parameter: &str) -> bool {
    let about = ["Name", "Id", "Arn", "ARN", "Url", "Identifier"].iter().any(|end| parameter.ends_with(end));
    let is_name = ["name", "id", "arn", "cluster", "service"].contains(&parameter);
    (about || is_name) && !parameter.ends_with("Token") && !parameter.starts_with("Tag")
}

fn name_in(body: &Value) -> Option<String> {
    let named = body.as_object()?.iter().filter(|(name, _)| is_name(name));
    named.filter_map(|(_, value)| value.as_str()).next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(request: http::request::Builder, body: &str) -> Request {
        let authorization =
            "AWS4-HMAC-SHA256 Credential=test/20261123/us-east-1/sqs/aws4_request, SignedHeaders=host";
        let request = request.header("authorization", authorization).body(()).unwrap();
        Request::read(7, &request.into_parts().0, body.as_bytes())
    }

    #[test]
    fn a_call_is_told_from_its_request_in_every_protocol() {
        let json = http::Request::post("/").header("x-amz-target", "AmazonSQS.GetQueueAttributes");
        let json = read(json, r#"{"AttributeNames":["All"],"QueueUrl":"http://127.0.0.1/0/q"}"#);
        let form = http::Request::post("/").header("content-type", "application/x-www-form-urlencoded");
        let form = read(form, "Action=CreateRole&RoleName=a%20b&Path=/x/");
        let rpc =
            read(http::Request::post("/service/GraniteServiceVersion20100801/operation/PutMetricAlarm"), "");
        let rest = http::Request::get("/2015-03-31/functions/f?Qualifier=1").header(Proxy::FLOW, "survey");
        let rest = read(rest, "");
        let told = |request: &Request| {
            let read = if request.is_read() { "reads" } else { "changes" };
            format!("{}:{} {:?} {read} {:?}", request.service, request.action, request.resource, request.flow)
        };
        insta::assert_snapshot!([json, form, rpc, rest].iter().map(told).collect::<Vec<_>>().join("\n"), @r#"
        sqs:GetQueueAttributes "http://127.0.0.1/0/q" reads None
        sqs:CreateRole "a b" changes None
        sqs:PutMetricAlarm "" changes None
        sqs:GET /2015-03-31/functions/f "" reads Some("survey")
        "#);
    }
}
