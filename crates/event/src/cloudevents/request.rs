//! Which request a CloudEvent belongs to that does not say so by `requestid`.

use serde_json::{Map, Value};

use crate::{TraceParent, limits};

/// The request id that the attributes imply: of the Correlation extension, else of the Distributed Tracing extension, else
/// the event's own id.
pub(super) fn implied_by(members: &Map<String, Value>) -> String {
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let correlation =
        text("correlationid").filter(|id| !id.is_empty() && id.len() <= limits::REQUEST_ID_BYTES);
    let trace = || text("traceparent").and_then(|text| TraceParent::parse(text.as_bytes())).map(hyphenated);
    correlation.map(str::to_owned).or_else(trace).unwrap_or_else(|| text("id").unwrap_or_default().to_owned())
}

/// A trace id in the form of a UUID, as the gateway has it in a request's id.
fn hyphenated(TraceParent { trace, .. }: TraceParent) -> String {
    let digits = format!("{trace:032x}");
    [0..8, 8..12, 12..16, 16..20, 20..32].map(|group| &digits[group]).join("-")
}
