//! What a caller says of its calls to services: three types of event, and the `data` that they carry.
//!
//! A call is two events of one request. Its [`REQUEST`] is sent before the service is asked, its [`RESPONSE`] or
//! [`FAILURE`] when it has answered or cannot any more. The event's `source` is the caller, [`Call::name`] the service. Both
//! events have the same [`Call::span`], by which they belong together; the calls that the service makes for it have that as
//! their [`Call::parent`].

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value};

/// The type of the event that a service is about to be asked.
pub const REQUEST: &str = "MICROSERVICE_REQUEST";
/// The type of the event that it answered, with whatever status is not the service's own failure.
pub const RESPONSE: &str = "MICROSERVICE_RESPONSE";
/// The type of the event that it failed: a status of 500 or more, or no whole answer.
pub const FAILURE: &str = "MICROSERVICE_FAILURE";

/// The `data` of such an event. Whatever is not known is left out; other members are the sender's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Call<'a> {
    /// The service that is called.
    pub name: Cow<'a, str>,
    /// This call among those of the request: its W3C span id, 16 lower-case hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span: Option<Cow<'a, str>>,
    /// The span of the call for which the caller makes this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<Cow<'a, str>>,
    /// The method of HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<Cow<'a, str>>,
    /// The route's template, such as `/orders/{id}`: neither ids nor a query are in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<Cow<'a, str>>,
    /// Which attempt at the same thing this is, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u64>,
    /// The status of HTTP that the service answered with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u64>,
    /// From the call's begin to the end of its answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_microseconds: Option<u64>,
    /// Why it failed, as a class: one of [`ErrorClass`]'s words, or a word of another sender's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Cow<'a, str>>,
}

impl<'a> Call<'a> {
    /// Reads the data of an event of one of the three types. A member of another type than ours counts as not known, since
    /// anybody may send such events; `None` where the service's name is not there.
    pub fn from_data(data: &'a Map<String, Value>) -> Option<Self> {
        let text = |name: &str| data.get(name).and_then(Value::as_str).map(Cow::Borrowed);
        let number = |name: &str| data.get(name).and_then(Value::as_u64);
        Some(Self {
            name: text("Name")?,
            span: text("Span"),
            parent: text("Parent"),
            method: text("Method"),
            route: text("Route"),
            attempt: number("Attempt"),
            status: number("Status"),
            duration_microseconds: number("DurationMicroseconds"),
            error: text("Error"),
        })
    }
}

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// The service answered with a status of 500 or more.
    Status,
    /// No connection to the service came about.
    Connect,
    /// The service did not answer in time.
    Timeout,
    /// The connection broke before the answer began.
    Connection,
    /// The answer's body broke off.
    Body,
    /// The caller gave up before there was an answer.
    Cancelled,
    /// The caller's own limit kept the call from being made.
    Overloaded,
    /// Something else.
    Other,
}

impl ErrorClass {
    /// The word for it in an event.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::Body => "body",
            Self::Cancelled => "cancelled",
            Self::Overloaded => "overloaded",
            Self::Other => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let call = Call {
            name: "Microservice A".into(),
            span: Some("00f067aa0ba902b7".into()),
            method: Some("GET".into()),
            route: Some("/orders/{id}".into()),
            attempt: Some(2),
            status: Some(503),
            duration_microseconds: Some(1_234),
            error: Some(ErrorClass::Status.as_str().into()),
            parent: None,
        };
        let written = serde_json::to_value(&call).unwrap();
        assert_eq!(
            written,
            json!({ "Name": "Microservice A", "Span": "00f067aa0ba902b7", "Method": "GET", "Route": "/orders/{id}",
                    "Attempt": 2, "Status": 503, "DurationMicroseconds": 1234, "Error": "status" })
        );
        assert_eq!(Call::from_data(written.as_object().unwrap()), Some(call));
    }

    #[test]
    fn what_another_sender_left_out_or_wrote_otherwise_is_not_known() {
        let data = json!({ "Name": "Microservice A", "Status": "200", "Attempt": -1 });
        let name_alone = Call { name: "Microservice A".into(), ..Call::default() };
        assert_eq!(Call::from_data(data.as_object().unwrap()), Some(name_alone));
        assert_eq!(Call::from_data(json!({ "Name": 7 }).as_object().unwrap()), None);
    }
}
