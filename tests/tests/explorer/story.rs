//! Requests as a shop's services would tell of them.

use anyhow::Result;
use event::{
    Event,
    call::{self, Call, ErrorClass},
};
use serde_json::{Map, Value, json};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

/// The events of one request, as they are written down.
pub(crate) struct Request {
    pub(crate) id: String,
    began: OffsetDateTime,
    spans: u64,
    pub(crate) events: Vec<Value>,
}

/// One call that is told.
pub(crate) struct Told<'a> {
    pub(crate) caller: &'a str,
    pub(crate) service: &'a str,
    pub(crate) method: &'a str,
    pub(crate) route: &'a str,
    /// From the begin of the request, in milliseconds.
    pub(crate) at: u64,
    /// In milliseconds; none where no answer comes.
    pub(crate) takes: Option<u64>,
    pub(crate) status: u64,
}

impl Request {
    pub(crate) fn new(id: impl Into<String>, began: OffsetDateTime) -> Self {
        Self { id: id.into(), began, spans: 0, events: Vec::new() }
    }

    /// An event of any type.
    pub(crate) fn note(&mut self, event_type: &str, source: &str, at: u64, data: Value) -> &mut Self {
        let timestamp = self.began + Duration::milliseconds(i64::try_from(at).unwrap_or(i64::MAX));
        let id = format!("{}-{}", self.id, self.events.len());
        self.events.push(json!({
            "id": id, "requestId": self.id, "timestamp": rfc3339(timestamp),
            "type": event_type, "source": source, "data": data,
        }));
        self
    }

    /// A call: its begin and its end. Returns its span, for the calls that the service makes for it.
    pub(crate) fn call(&mut self, parent: Option<&str>, told: &Told<'_>) -> String {
        self.spans += 1;
        let span = format!("{:016x}", self.spans);
        let begin = Call {
            name: told.service.into(),
            span: Some(span.clone().into()),
            parent: parent.map(Into::into),
            method: Some(told.method.into()),
            route: Some(told.route.into()),
            ..Call::default()
        };
        self.note(call::REQUEST, told.caller, told.at, json!(begin));
        if let Some(takes) = told.takes {
            let failed = told.status >= 500;
            let end = Call {
                status: Some(told.status),
                duration_microseconds: Some(takes * 1000 + 137),
                error: failed.then(|| ErrorClass::Status.as_str().into()),
                ..begin
            };
            let event_type = if failed { call::FAILURE } else { call::RESPONSE };
            self.note(event_type, told.caller, told.at + takes, json!(end));
        }
        span
    }
}

/// An instant as events tell it.
pub(crate) fn rfc3339(instant: OffsetDateTime) -> String {
    instant.format(&Rfc3339).unwrap_or_default()
}

/// An order: the gateway asks `orders`, that asks three others, of which `payments` fails where `fails` says so.
pub(crate) fn order(id: impl Into<String>, began: OffsetDateTime, pace: u64, fails: bool) -> Request {
    let mut request = Request::new(id, began);
    let status = |ok: u64| if fails { 502 } else { ok };
    let all = 96 + pace * 2 + if fails { 120 } else { 40 };
    let told = |caller, service, method, route, at, takes, status| Told {
        caller,
        service,
        method,
        route,
        at,
        takes: Some(takes),
        status,
    };
    let root = request.call(None, &told("gateway", "orders", "POST", "/orders", 0, all, status(201)));
    request.call(Some(&root), &told("orders", "customers", "GET", "/customers/{id}", 6, 14 + pace / 3, 200));
    let stock =
        request.call(Some(&root), &told("orders", "inventory", "POST", "/reservations", 24, 38 + pace, 201));
    request
        .call(Some(&stock), &told("inventory", "warehouse", "GET", "/stock/{sku}", 31, 18 + pace / 2, 200));
    request.note(
        "ORDER_PRICED",
        "orders",
        66 + pace,
        json!({ "currency": "EUR", "total": 12950, "lines": 3 }),
    );
    let paid = request.call(
        Some(&root),
        &told(
            "orders",
            "payments",
            "POST",
            "/charges",
            70 + pace,
            all - 84 - pace,
            if fails { 503 } else { 201 },
        ),
    );
    request.call(Some(&paid), &told("payments", "fraud", "POST", "/scores", 76 + pace, 12, 200));
    request
}

/// What somebody reads: two calls.
pub(crate) fn view(id: impl Into<String>, began: OffsetDateTime, pace: u64) -> Request {
    let mut request = Request::new(id, began);
    let told = |caller, service, route, at, takes| Told {
        caller,
        service,
        method: "GET",
        route,
        at,
        takes: Some(takes),
        status: 200,
    };
    let root = request.call(None, &told("gateway", "catalogue", "/products/{sku}", 0, 22 + pace));
    request.call(Some(&root), &told("catalogue", "inventory", "/stock/{sku}", 5, 9 + pace / 2));
    request
}

/// A quarter of an hour in which `payments` begins to fail.
pub(crate) fn quarter(now: OffsetDateTime, count: u64) -> Vec<Request> {
    let span = 14 * 60_000;
    let requests = (0..count).map(|number| {
        // Even enough to look at, and the same each time.
        let noise = (number * 2_654_435_761) % 97;
        let ago = span - number * span / count;
        let began = now - Duration::milliseconds(i64::try_from(ago + 3_000 + noise * 7).unwrap_or(0));
        let id = format!(
            "{:08x}-{:04x}-4{:03x}-8a3f-{:012x}",
            number * 2_654_435_761 % 0xffff_ffff,
            noise * 613 % 0xffff,
            noise * 31 % 0xfff,
            number * 40_503_777
        );
        let late = number > count * 55 / 100;
        match number % 3 {
            0 | 1 => order(id, began, noise, late && noise % 3 == 0),
            _ => view(id, began, noise),
        }
    });
    requests.collect()
}

/// The events of requests.
pub(crate) fn events<'a>(requests: impl IntoIterator<Item = &'a Request>) -> Result<Vec<Event>> {
    let all = requests.into_iter().flat_map(|request| &request.events);
    all.map(|event| Ok(Event::from_fields(fields(event))?)).collect()
}

fn fields(event: &Value) -> Map<String, Value> {
    event.as_object().cloned().unwrap_or_default()
}
