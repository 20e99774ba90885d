//! What Lambda hands to the function: a batch of SQS messages, each an event of a gateway.

use serde_json::{Value, json};

/// The payload of the `number`th batch, with `events` events. No two batches share an event.
pub fn batch(number: usize, events: usize) -> Vec<u8> {
    let records: Vec<Value> = (0..events).map(|index| record(number * 1_000_000 + index)).collect();
    json!({ "Records": records }).to_string().into_bytes()
}

fn record(number: usize) -> Value {
    let request = number / 4;
    let event = json!({
        "id": format!("5b070a84-c5d5-460a-ac98-{number:012}"),
        "requestId": format!("677afffc-373e-42f0-8363-{request:012}"),
        "timestamp": format!("2020-05-01T20:{:02}:{:02}.{:03}Z", number / 60_000 % 60, number / 1000 % 60, number % 1000),
        "type": "MICROSERVICE_REQUEST",
        "source": "Gateway",
        "data": {
            "Name": "Microservice A",
            "method": "GET",
            "path": format!("/accounts/{request}/statements"),
            "status": 200,
            "durationMs": 12.75,
            "cached": false,
            "caller": { "ip": "10.0.3.17", "agent": "curl/8.5.0", "roles": ["reader", "auditor"] },
        },
    });
    json!({
        "messageId": format!("059f36b4-87a3-44ab-83d2-{number:012}"),
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a2vN6jxY9hQ7xNJ1dyIYSVPWZ3FQXmXhZ0vQ0k1vO9rT5b7KXvS5VbZ3h",
        "body": event.to_string(),
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1588363200000",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1588363200012",
        },
        "messageAttributes": {},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:headwater-bench-event-queue",
        "awsRegion": "eu-west-1",
    })
}
