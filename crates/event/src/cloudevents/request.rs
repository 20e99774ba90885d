//! Which request a CloudEvent belongs to that does not say so by `requestid`.

use serde_json::{Map, Value};

use crate::limits;

/// The request id that the attributes imply: of the Correlation extension, else of the Distributed Tracing extension, else
/// the event's own id.
pub(super) fn implied_by(members: &Map<String, Value>) -> String {
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let correlation =
        text("correlationid").filter(|id| !id.is_empty() && id.len() <= limits::REQUEST_ID_BYTES);
    let trace = || text("traceparent").and_then(trace_id).map(hyphenated);
    correlation.map(str::to_owned).or_else(trace).unwrap_or_else(|| text("id").unwrap_or_default().to_owned())
}

/// The trace id of a `traceparent`: `00-<32 digits>-<16 digits>-<2 digits>` in lower-case hexadecimal, neither id all zero.
/// A version after 00 may have more behind a further hyphen (W3C Trace Context, "Versioning of traceparent").
fn trace_id(traceparent: &str) -> Option<&str> {
    let mut parts = traceparent.splitn(5, '-');
    let mut digits = |count| {
        let is_hexadecimal = |part: &str| {
            part.len() == count && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        parts.next().filter(|part| is_hexadecimal(part))
    };
    let (version, trace, span) = (digits(2)?, digits(32)?, digits(16)?);
    digits(2)?;
    let is_zero = |id: &str| id.bytes().all(|byte| byte == b'0');
    let is_whole = version != "00" || parts.next().is_none();
    (version != "ff" && is_whole && !is_zero(trace) && !is_zero(span)).then_some(trace)
}

/// A trace id in the form of a UUID.
fn hyphenated(trace: &str) -> String {
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32].map(|group| &trace[group]);
    groups.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_id_is_taken_of_every_version_that_w3c_lets_one_read() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        let good =
            ["00-TRACE-b9c7c989f97918e1-01", "cc-TRACE-b9c7c989f97918e1-01-what the future will bring"];
        for text in good.map(|text| text.replace("TRACE", trace)) {
            assert_eq!(trace_id(&text), Some(trace), "{text}");
        }
        assert_eq!(hyphenated(trace), "0af76519-16cd-43dd-8448-eb211c80319c");
    }

    #[test]
    fn what_is_no_traceparent_gives_none() {
        for text in [
            "",
            "00-1",
            "00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1",
            "00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01-",
            "00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01-more",
            "ff-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b9c7c989f97918e1-01",
            "00-00000000000000000000000000000000-b9c7c989f97918e1-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        ] {
            assert_eq!(trace_id(text), None, "{text}");
        }
    }
}
