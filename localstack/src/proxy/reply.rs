//! What AWS says when it refuses a call, in the words of the call's own protocol.

use bytes::Bytes;
use hyper::{Response, StatusCode, header::CONTENT_TYPE};
use serde_json::{Value, json};

use super::Request;

/// Too many calls. DynamoDB takes a BatchWriteItem and does nothing of it: all comes back unprocessed.
pub(super) fn throttled(request: &Request, parts: &http::request::Parts, body: &[u8]) -> Response<Bytes> {
    if request.action == "BatchWriteItem"
        && let Ok(asked) = serde_json::from_slice::<Value>(body)
    {
        let answer = json!({ "UnprocessedItems": asked["RequestItems"] }).to_string();
        return of(StatusCode::OK, "application/x-amz-json-1.0", answer);
    }
    match Protocol::of(parts) {
        Protocol::Ec2 => error(StatusCode::SERVICE_UNAVAILABLE, "RequestLimitExceeded", parts),
        Protocol::Query => error(StatusCode::BAD_REQUEST, "Throttling", parts),
        Protocol::Rest => error(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", parts),
        Protocol::Json | Protocol::Cbor => error(StatusCode::BAD_REQUEST, "ThrottlingException", parts),
    }
}

/// The service cannot answer now.
pub(super) fn unavailable(_: &Request, parts: &http::request::Parts) -> Response<Bytes> {
    error(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", parts)
}

/// An answer with that body.
pub(super) fn of(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    answer
}

/// How a service speaks: https://smithy.io/2.0/aws/protocols/index.html
#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Json,
    Query,
    Ec2,
    Rest,
    Cbor,
}

impl Protocol {
    fn of(parts: &http::request::Parts) -> Self {
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let is_form = header("content-type").is_some_and(|kind| kind.contains("form-urlencoded"));
        let is_ec2 = header("authorization").is_some_and(|signed| signed.contains("/ec2/aws4_request"));
        match () {
            () if header("x-amz-target").is_some() => Self::Json,
            () if header("smithy-protocol").is_some_and(|name| name == "rpc-v2-cbor") => Self::Cbor,
            () if is_form && is_ec2 => Self::Ec2,
            () if is_form => Self::Query,
            () => Self::Rest,
        }
    }
}

fn error(status: StatusCode, code: &'static str, parts: &http::request::Parts) -> Response<Bytes> {
    let message = "the proxy was told to";
    match Protocol::of(parts) {
        Protocol::Json => {
            let body = json!({"__type": code, "message": message}).to_string();
            of(status, "application/x-amz-json-1.0", body)
        }
        Protocol::Rest => {
            let mut answer = of(status, "application/json", json!({"message": message}).to_string());
            answer.headers_mut().insert("x-amzn-errortype", http::HeaderValue::from_static(code));
            answer
        }
        Protocol::Query => of(
            status,
            "text/xml",
            format!(
                "<ErrorResponse><Error><Type>Receiver</Type><Code>{code}</Code><Message>{message}</Message></Error>\
                 <RequestId>0</RequestId></ErrorResponse>"
            ),
        ),
        Protocol::Ec2 => of(
            status,
            "text/xml",
            format!(
                "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
                 <RequestID>0</RequestID></Response>"
            ),
        ),
        Protocol::Cbor => {
            let mut answer = of(status, "application/cbor", cbor(&[("__type", code), ("message", message)]));
            let name = http::HeaderValue::from_static("rpc-v2-cbor");
            answer.headers_mut().insert("smithy-protocol", name);
            answer
        }
    }
}

/// A map of a few short texts: RFC 8949, major types 5 and 3.
fn cbor(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut out = vec![0xa0 | (entries.len() as u8 & 0x1f)];
    for text in entries.iter().flat_map(|(name, value)| [name, value]) {
        out.extend([0x78, text.len() as u8]);
        out.extend(text.as_bytes());
    }
    out
}
