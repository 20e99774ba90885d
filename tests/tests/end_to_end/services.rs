//! Which service is at fault, from events that went the whole way.

use anyhow::{Context, Result};
use end_to_end::Local;
use event::{call, dead_letter::Message};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{DEFAULTS, message};

/// The four events of a request of Gateway to A and of A to B, which began so many seconds ago.
fn request(number: i64, fails: bool, now: OffsetDateTime) -> Result<Vec<Message>> {
    let (end, status) = if fails { (call::FAILURE, 503) } else { (call::RESPONSE, 200) };
    let event = |milliseconds: i64, source: &str, event_type: &str, data: Value| -> Result<Message> {
        let at = now - Duration::seconds(600 - number) + Duration::milliseconds(milliseconds);
        let body = json!({
            "id": format!("{number}-{source}-{event_type}"), "requestId": format!("request-{number}"),
            "timestamp": at.format(&Rfc3339)?, "type": event_type, "source": source, "data": data,
        });
        Ok(message(body.to_string()))
    };
    let to_a =
        |status: Option<u64>| json!({ "Name": "A", "Span": "1", "Route": "/orders", "Status": status });
    let to_b = |status: Option<u64>| json!({ "Name": "B", "Span": "2", "Parent": "1", "Route": "/stock", "Status": status });
    // The answers come first: nothing depends on the order in which events are sent.
    let events = [
        event(9, "Gateway", end, to_a(Some(status))),
        event(7, "A", end, to_b(Some(status))),
        event(1, "A", call::REQUEST, to_b(None)),
        event(0, "Gateway", call::REQUEST, to_a(None)),
    ];
    events.into_iter().collect()
}

#[tokio::test]
async fn the_service_at_fault_is_named_first_and_its_evidence_is_a_request_that_can_be_drawn() -> Result<()> {
    let local = Local::start_ingest(DEFAULTS).await?;
    local.deploy().await?;
    let now = OffsetDateTime::now_utc();
    let requests: Result<Vec<_>> = (0..60).map(|number| request(number, number % 3 == 0, now)).collect();
    let messages = requests?.concat();
    local.send(&messages).await?;
    local.expect_stored(&messages).await?;

    let report = local.headwater(&["services", "--since", "1h", "--json"]).await?.expect(0)?.json()?;
    let services = report["services"].as_array().context("no services")?;
    let counted: Vec<_> = services
        .iter()
        .map(|service| {
            ["service", "calls", "failed", "unanswered", "culprit"].map(|field| service[field].clone())
        })
        .collect();
    let expected = [json!(["B", 60, 20, 0, 20]), json!(["A", 60, 20, 0, 0])];
    assert_eq!(json!(counted), json!(expected));
    assert_eq!((&report["window"]["events"], &report["window"]["isCut"]), (&json!(240), &json!(false)));

    let evidence = services[0]["evidence"]["requestId"].as_str().context("no evidence")?;
    let drawn = local.headwater(&["flow", "--request", evidence, "--json"]).await?.expect(0)?.json()?;
    let first = drawn["flow"]["culprits"][0].as_u64().context("no culprit")?;
    assert_eq!(drawn["flow"]["calls"][usize::try_from(first)?]["service"], "B");
    let text = local.headwater(&["flow", "--request", evidence]).await?.expect(0)?.stdout;
    assert!(
        text.contains("because of B") && text.contains("Read 4 events in 1 query: all that there are."),
        "{text}"
    );

    let of_gateway = ["services", "--source", "Gateway", "--limit", "40", "--json"];
    let of_gateway = local.headwater(&of_gateway).await?.expect(0)?.json()?;
    assert_eq!(
        (&of_gateway["services"][0]["service"], &of_gateway["window"]["events"]),
        (&json!("A"), &json!(40))
    );
    let unknown = local.headwater(&["flow", "--request", "another"]).await?.expect(1)?;
    assert!(unknown.stderr.contains("no event of request `another`"), "{unknown}");
    Ok(())
}
