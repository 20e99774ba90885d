use serde_json::{Value, json};
use time::{Duration, macros::datetime};

use super::*;

const NOW: OffsetDateTime = datetime!(2026-05-01 20:00 UTC);

/// An event so many seconds before [`NOW`].
fn event(request: &str, event_type: &str, seconds: i64) -> (String, Event) {
    let data = json!({ "Name": "orders", "Span": "00f067aa0ba902b7", "Status": 503 });
    event_with(request, event_type, seconds, data)
}

fn event_with(request: &str, event_type: &str, seconds: i64, data: Value) -> (String, Event) {
    let timestamp = event::Timestamp::try_from(NOW - Duration::seconds(seconds)).unwrap();
    let event = json!({
        "id": format!("{request}-{event_type}-{seconds}"), "requestId": request, "timestamp": timestamp.normalised(),
        "type": event_type, "source": "gateway", "data": data,
    });
    let event = Event::from_json(event.to_string()).unwrap();
    (event.key().to_string(), event)
}

/// A request that failed.
fn failed(request: &str, seconds: i64) -> Vec<(String, Event)> {
    let types = [("MICROSERVICE_REQUEST", 0), ("MICROSERVICE_FAILURE", 1)];
    types.map(|(event_type, later)| event(request, event_type, seconds - later)).into()
}

struct Looked {
    held: Held,
    versions: AtomicU64,
}

impl Looked {
    fn new() -> Self {
        Self { held: Held::default(), versions: AtomicU64::new(0) }
    }

    /// Reads these of the ten minutes before so many seconds after [`NOW`].
    fn at(&mut self, later: i64, whole: bool, events: Vec<(String, Event)>, cut: Option<i64>) -> Snapshot {
        let until = NOW + Duration::seconds(later);
        let window = flow::Window { since: until - Duration::minutes(10), until };
        let cut = cut.map(|seconds| NOW - Duration::seconds(seconds));
        let reading = Reading { events, cut, ..Reading::default() };
        let held = std::mem::take(&mut self.held);
        let (held, snapshot) = held.with(reading, whole, window, Read::default(), &self.versions);
        self.held = held;
        snapshot
    }
}

fn ids(snapshot: &Snapshot) -> Vec<&str> {
    let mut ids: Vec<_> = snapshot.shown.iter().map(|shown| shown.row.id.as_str()).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn what_is_read_again_as_it_was_has_not_changed() {
    let mut looked = Looked::new();
    let first = looked.at(0, true, [failed("a", 60), failed("b", 30)].concat(), None);
    let again = looked.at(2, false, failed("b", 30), None);
    let whole = looked.at(60, true, [failed("a", 60), failed("b", 30)].concat(), None);
    for snapshot in [&again, &whole] {
        assert_eq!(ids(snapshot), ["a", "b"]);
        assert!(snapshot.version > first.version);
        assert!(snapshot.shown.iter().all(|shown| shown.version == first.version));
        assert!(snapshot.gone.is_empty());
    }
}

#[test]
fn an_event_that_comes_later_changes_its_request_alone() {
    let mut looked = Looked::new();
    let mut later = failed("b", 20);
    let answer = later.pop().unwrap();
    let first = looked.at(0, true, [failed("a", 60), later].concat(), None);
    let outcome = |snapshot: &Snapshot, id: &str| {
        let shown = snapshot.shown.iter().find(|shown| shown.row.id == id).unwrap();
        (shown.row.outcome, shown.version)
    };
    assert_eq!(outcome(&first, "b").0, Ended::Pending);
    let second = looked.at(2, false, vec![answer], None);
    assert_eq!(outcome(&second, "a"), (Ended::Failed, first.version));
    assert_eq!(outcome(&second, "b"), (Ended::Failed, second.version));
}

#[test]
fn a_request_ended_as_the_call_did_that_it_came_to_in_the_end() {
    let attempt = |number: i64| json!({ "Name": "orders", "Attempt": number });
    let cancelled = json!({ "Name": "orders", "Error": "cancelled" });
    let events = vec![
        event_with("a", "MICROSERVICE_REQUEST", 60, attempt(1)),
        event_with("a", "MICROSERVICE_FAILURE", 59, attempt(1)),
        event_with("a", "MICROSERVICE_REQUEST", 58, attempt(2)),
        event_with("a", "MICROSERVICE_RESPONSE", 57, attempt(2)),
        event_with("b", "MICROSERVICE_REQUEST", 60, json!({ "Name": "orders" })),
        event_with("b", "MICROSERVICE_FAILURE", 59, cancelled),
    ];
    let snapshot = Looked::new().at(0, true, events, None);
    let outcomes: Vec<_> =
        ["a", "b"].map(|id| snapshot.shown.iter().find(|one| one.row.id == id).unwrap().row.outcome).into();
    assert_eq!(outcomes, [Ended::Answered, Ended::Dropped]);
}

#[test]
fn a_call_without_an_answer_becomes_overdue_by_itself() {
    let mut looked = Looked::new();
    let first = looked.at(0, true, vec![event("a", "MICROSERVICE_REQUEST", 5)], None);
    assert_eq!(first.shown[0].row.outcome, Ended::Pending);
    let later = looked.at(40, false, Vec::new(), None);
    assert_eq!(later.shown[0].row.outcome, Ended::Unanswered);
    assert_eq!(later.shown[0].version, later.version);
}

#[test]
fn what_leaves_the_period_is_told_as_gone() {
    let mut looked = Looked::new();
    let first = looked.at(0, true, [failed("old", 590), failed("new", 30)].concat(), None);
    assert_eq!(ids(&first), ["new", "old"]);
    let later = looked.at(20, false, Vec::new(), None);
    assert_eq!(ids(&later), ["new"]);
    assert_eq!(later.gone, [(later.version, "old".to_owned())]);
    let whole = looked.at(120, true, failed("new", 30), None);
    assert_eq!((ids(&whole), whole.gone.len()), (vec!["new"], 1));
}

#[test]
fn of_what_was_too_much_only_whole_requests_are_shown() {
    let mut looked = Looked::new();
    // The read stopped at 100 s before: of `cut` its begin was not read.
    let answer = event("cut", "MICROSERVICE_FAILURE", 99);
    let snapshot = looked.at(0, true, [vec![answer], failed("whole", 60)].concat(), Some(100));
    assert_eq!(snapshot.window.since, NOW - Duration::seconds(100));
    assert!(ids(&snapshot).contains(&"whole"));
    // Between two reads more has come than one takes: what was known is not next to it any more.
    let snapshot = looked.at(2, false, failed("newest", 5), Some(20));
    assert_eq!(ids(&snapshot), ["newest"]);
    assert_eq!(snapshot.window.since, NOW - Duration::seconds(20));
}
