//! Which service is at fault: the calls of many flows, counted by service.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;
use time::OffsetDateTime;

use crate::figures::Tally;
use crate::{Call, Figures, Flow, Outcome, Verdict, Window};

/// A service's calls in a window, and in the window before.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    /// Its name.
    pub service: String,
    /// The calls that began in the window.
    #[serde(flatten)]
    pub now: Figures,
    /// Those that began in the window before.
    pub before: Figures,
    /// In how many flows of the window the first failing call was a call of it.
    pub culprit: u64,
    /// In how many the first failing call was one that it did not make, as its own limit kept it from that.
    pub overloaded: u64,
    /// How much the failure rate is above that of the window before, from -1 to 1.
    pub failure_rate_change: Option<f64>,
    /// How much p99 is above that of the window before.
    pub p99_change_microseconds: Option<i64>,
    /// A failing call: of those where it was the culprit the latest, else of all.
    pub evidence: Option<Evidence>,
}

/// A failing call that shows what is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Its request.
    pub request_id: String,
    /// Who called.
    pub caller: String,
    /// Who was called.
    pub service: String,
    /// The method of HTTP.
    pub method: Option<String>,
    /// The route's template.
    pub route: Option<String>,
    /// When it began.
    #[serde(with = "time::serde::rfc3339")]
    pub started: OffsetDateTime,
    /// How it failed.
    pub outcome: Outcome,
    /// The service at fault for the call because of which it failed; `None` where it is no such call.
    pub because_of: Option<String>,
    /// How many calls failed because of it.
    pub because_of_it: u64,
}

/// What is known of a service while its calls are counted.
#[derive(Default)]
struct Counted<'a> {
    now: Tally,
    before: Tally,
    culprit: u64,
    overloaded: u64,
    /// The latest call that shows what is wrong, those before others where the service was the culprit.
    shown: Option<Shown<'a>>,
}

/// A call that could be evidence, ordered by how good it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Shown<'a> {
    is_first_failure: bool,
    started: OffsetDateTime,
    request: Reverse<(&'a str, usize)>,
    flow: usize,
}

/// The services that were called in `window` or in `before`, the likeliest culprit first.
///
/// A service is the likelier the culprit, the more flows there are of which it was the first to fail, and the greater their
/// share in its calls: the product of the two is its score. So a service that fails because of another has none, and few
/// failures among many calls weigh less than as many among few. Of one score: who was overloaded more often, then whose
/// failure rate is higher, then by name.
pub fn services(flows: &[Flow], window: &Window, before: &Window) -> Vec<Service> {
    let mut counted: BTreeMap<&str, Counted<'_>> = BTreeMap::new();
    for (number, flow) in flows.iter().enumerate() {
        let first_failure = flow.culprits.first().copied();
        for (index, call) in flow.calls.iter().enumerate() {
            let service = counted.entry(&call.service).or_default();
            if before.contains(call.started) {
                service.before.add(call);
            }
            if !window.contains(call.started) {
                continue;
            }
            service.now.add(call);
            let is_first_failure = first_failure == Some(index);
            if is_first_failure || (call.is_failing() && !call.is_callers_own()) {
                let at_fault = counted.entry(call.at_fault()).or_default();
                at_fault.culprit += u64::from(is_first_failure && call.at_fault() == call.service);
                at_fault.overloaded += u64::from(is_first_failure && call.at_fault() != call.service);
                let request = Reverse((flow.request_id.as_str(), index));
                let shown = Shown { is_first_failure, started: call.started, request, flow: number };
                at_fault.shown = at_fault.shown.max(Some(shown));
            }
        }
    }
    let is_known = |counted: &Counted<'_>| {
        !counted.now.is_empty() || !counted.before.is_empty() || counted.overloaded > 0
    };
    let mut services: Vec<Service> = counted
        .into_iter()
        .filter(|(_, counted)| is_known(counted))
        .map(|(name, counted)| counted.into_service(name, flows, window, before))
        .collect();
    // Sorted by name before, and the sort is stable.
    services.sort_by(|a, b| {
        let order = b.score().total_cmp(&a.score()).then(b.overloaded.cmp(&a.overloaded));
        let rate = |service: &Service| service.now.failure_rate.unwrap_or(-1.0);
        order.then(rate(b).total_cmp(&rate(a)))
    });
    services
}

impl Counted<'_> {
    fn into_service(self, name: &str, flows: &[Flow], window: &Window, before: &Window) -> Service {
        let (now, before) = (self.now.figures(window), self.before.figures(before));
        let change = |now: Option<u64>, before: Option<u64>| {
            i64::try_from(i128::from(now?) - i128::from(before?)).ok()
        };
        let evidence = self.shown.and_then(|shown| {
            let Reverse((_, index)) = shown.request;
            let flow = flows.get(shown.flow)?;
            Some(Evidence::of(flow, index, flow.calls.get(index)?))
        });
        Service {
            service: name.to_owned(),
            failure_rate_change: now.failure_rate.zip(before.failure_rate).map(|(now, before)| now - before),
            p99_change_microseconds: change(now.p99_microseconds, before.p99_microseconds),
            now,
            before,
            culprit: self.culprit,
            overloaded: self.overloaded,
            evidence,
        }
    }
}

impl Service {
    /// How likely it is the culprit, beside others; 0 where no flow says so.
    fn score(&self) -> f64 {
        let finished = self.now.answered + self.now.failed + self.now.unanswered;
        let culprit = self.culprit as f64;
        culprit * culprit / (finished.max(1) as f64)
    }
}

impl Evidence {
    fn of(flow: &Flow, index: usize, call: &Call) -> Self {
        let cause = match call.verdict {
            Some(Verdict::BecauseOf { call }) => flow.calls.get(call),
            _ => None,
        };
        let because_of_it = Some(Verdict::BecauseOf { call: index });
        Self {
            request_id: flow.request_id.clone(),
            caller: call.caller.clone(),
            service: call.service.clone(),
            method: call.method.clone(),
            route: call.route.clone(),
            started: call.started,
            outcome: call.outcome.clone(),
            because_of: cause.map(|cause| cause.at_fault().to_owned()),
            because_of_it: flow.calls.iter().filter(|call| call.verdict == because_of_it).count() as u64,
        }
    }
}
