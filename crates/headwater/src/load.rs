//! Made-up events: requests that a gateway sends to two services, as in a small system.

use event::dead_letter::Message;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

/// How many events a made-up request has.
pub const EVENTS_A_REQUEST: u64 = 5;

/// `count` events as messages: [`EVENTS_A_REQUEST`] to each request, ids made anew, timestamped as they are taken.
pub fn messages(count: u64) -> impl Iterator<Item = Message> {
    let mut request = Uuid::new_v4();
    (0..count).map(move |index| {
        if index % EVENTS_A_REQUEST == 0 {
            request = Uuid::new_v4();
        }
        Message { body: event(request, index).to_string(), ..Message::default() }
    })
}

/// The made-up event number `index`, of this request.
pub fn event(request: Uuid, index: u64) -> Value {
    let timestamp = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
    let service = if index.is_multiple_of(2) { "Microservice A" } else { "Microservice B" };
    let event_type =
        if (index / 2).is_multiple_of(2) { "MICROSERVICE_REQUEST" } else { "MICROSERVICE_RESPONSE" };
    json!({
        "id": Uuid::new_v4(),
        "requestId": request,
        "timestamp": timestamp,
        "type": event_type,
        "source": "Gateway",
        "data": { "Name": service, "Number": index, "Retried": false },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_events_are_valid_and_their_ids_unique() {
        let events: Vec<_> =
            messages(12).map(|message| event::Event::from_json(&message.body).unwrap()).collect();
        let ids: std::collections::BTreeSet<_> = events.iter().map(event::Event::id).collect();
        let requests: std::collections::BTreeSet<_> = events.iter().map(event::Event::request_id).collect();
        assert_eq!((ids.len(), requests.len()), (12, 3));
    }
}
