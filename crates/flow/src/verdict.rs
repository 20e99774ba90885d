//! Whose fault it is.
//!
//! A call failed because of a call below it that failed; a failing call with none below is a culprit. Four things are told
//! apart from that:
//!
//! - **A later attempt was answered.** Attempts are the calls of one caller for one call to the same service, method and
//!   route, told apart by their number alone; without numbers a second call is another call. What was made good explains
//!   nothing above it, and what failed below it neither. It stays a failure of its service.
//! - **Cancelled.** The caller gave up, so the reason lies above or beside. Below a call that failed, as by a timeout, the
//!   deepest cancelled call is what was waited for, and at fault. It is dropped, nobody's fault, where the request's own
//!   sender went away (nothing above it, or only what was dropped), where the call above was answered all the same, and
//!   where another call of the same caller had failed before.
//! - **Unanswered, and the answer of the call above broke off, or that was dropped.** Whoever would tell of the answer is
//!   gone: dropped.
//! - **Overloaded.** The caller did not call, by its own limit: the call is a culprit and its caller at fault
//!   ([`Call::at_fault`]).

use std::cmp::Reverse;
use std::collections::HashMap;

use event::call::ErrorClass;
use time::OffsetDateTime;

use crate::{Call, Outcome, Verdict};

/// Sets each failing call's verdict. Gives the culprits: those first whose failure reached the top, each in the order in which
/// they failed.
pub(crate) fn pass(calls: &mut [Call]) -> Vec<usize> {
    let mut downwards: Vec<usize> = (0..calls.len()).collect();
    downwards.sort_by_key(|call| calls[*call].depth);
    let made_good = made_good(calls);
    excuse(calls, &downwards, &made_good);
    let causes = causes(calls, &downwards);
    let mut reaches_top = vec![false; calls.len()];
    for &index in &downwards {
        let call = &calls[index];
        reaches_top[index] = causes[index].is_some() && call.parent.is_none_or(|parent| reaches_top[parent]);
    }
    for (index, cause) in causes.iter().enumerate() {
        match *cause {
            Some(call) if call == index => calls[index].verdict = Some(Verdict::Culprit),
            Some(call) => calls[index].verdict = Some(Verdict::BecauseOf { call }),
            None => {}
        }
    }
    let mut culprits: Vec<usize> = (0..calls.len()).filter(|index| causes[*index] == Some(*index)).collect();
    culprits.sort_by_key(|index| (Reverse(reaches_top[*index]), calls[*index].failed_at, *index));
    culprits
}

/// Which failed and had a later attempt that was answered.
fn made_good(calls: &[Call]) -> Vec<bool> {
    type Same<'a> = (Option<usize>, &'a str, &'a str, Option<&'a str>, Option<&'a str>);
    fn same(call: &Call) -> Same<'_> {
        (call.parent, &call.caller, &call.service, call.method.as_deref(), call.route.as_deref())
    }
    let mut answered: HashMap<Same<'_>, u64> = HashMap::new();
    for call in calls {
        if let (Outcome::Answered { .. }, Some(attempt)) = (&call.outcome, call.attempt) {
            let last = answered.entry(same(call)).or_default();
            *last = attempt.max(*last);
        }
    }
    let is_later =
        |call: &Call| call.attempt.is_some_and(|attempt| answered.get(&same(call)) > Some(&attempt));
    calls.iter().map(|call| call.is_failing() && is_later(call)).collect()
}

/// Marks what is no reason for anything: what was made good, and what its caller dropped.
fn excuse(calls: &mut [Call], downwards: &[usize], made_good: &[bool]) {
    let first_failures = first_failures(calls, made_good);
    for &index in downwards {
        let call = &calls[index];
        let above = call.parent.map(|parent| &calls[parent]);
        let before = call.parent.and_then(|parent| first_failures.get(&parent));
        let verdict = if !call.is_failing() {
            None
        } else if is_dropped(call, above, before) {
            Some(Verdict::Dropped)
        } else if made_good[index] || above.is_some_and(|above| above.verdict == Some(Verdict::Retried)) {
            Some(Verdict::Retried)
        } else {
            None
        };
        calls[index].verdict = verdict;
    }
}

/// For each call when the first of those failed that were made for it, but for what was cancelled or made good.
fn first_failures(calls: &[Call], made_good: &[bool]) -> HashMap<usize, OffsetDateTime> {
    let mut first: HashMap<usize, OffsetDateTime> = HashMap::new();
    for (call, made_good) in calls.iter().zip(made_good) {
        let (Some(parent), Some(failed_at)) = (call.parent, call.failed_at) else { continue };
        if !made_good && !call.failed_as(ErrorClass::Cancelled) {
            let earliest = first.entry(parent).or_insert(failed_at);
            *earliest = failed_at.min(*earliest);
        }
    }
    first
}

fn is_dropped(call: &Call, above: Option<&Call>, failed_before: Option<&OffsetDateTime>) -> bool {
    if call.failed_as(ErrorClass::Cancelled) {
        let stands = above.is_some_and(|above| above.is_failing() && above.verdict != Some(Verdict::Dropped));
        return !stands || failed_before.is_some_and(|before| Some(*before) <= call.failed_at);
    }
    // The calls above were judged before: this goes downwards.
    let tells_nobody = |above: &Call| {
        above.verdict == Some(Verdict::Dropped)
            || above.failed_as(ErrorClass::Connection)
            || above.failed_as(ErrorClass::Body)
    };
    matches!(call.outcome, Outcome::Unanswered { .. }) && above.is_some_and(tells_nobody)
}

/// For each failing call that is not excused the one because of which it failed, itself where no other is.
fn causes(calls: &[Call], downwards: &[usize]) -> Vec<Option<usize>> {
    let mut causes: Vec<Option<usize>> = vec![None; calls.len()];
    let mut below: Vec<Option<usize>> = vec![None; calls.len()];
    for &index in downwards.iter().rev() {
        let call = &calls[index];
        if !call.is_failing() || call.verdict.is_some() {
            continue;
        }
        let cause = below[index].unwrap_or(index);
        causes[index] = Some(cause);
        if let Some(parent) = call.parent {
            let failed = |index: usize| (calls[index].failed_at, index);
            let first = below[parent]
                .map_or(cause, |other| if failed(cause) < failed(other) { cause } else { other });
            below[parent] = Some(first);
        }
    }
    causes
}
