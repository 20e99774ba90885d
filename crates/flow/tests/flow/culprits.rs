//! Whose fault it is. The rules are at the top of `src/verdict.rs`.

use crate::script::{expect, flow};

#[test]
fn what_failed_below_is_why_those_above_failed() {
    expect(
        "
        0 gateway > a
        1 a > b
        2 a > c
        3 a < c
        7 a ! b Status=500
        8 gateway ! a Status=502
        ",
        "
        gateway > a: failed 502, because of b
          a > b: failed 500, culprit
          a > c: answered 1 ms
        ",
    );
}

#[test]
fn of_two_that_failed_the_first_is_why() {
    expect(
        "
        0 gateway > a
        1 a > b
        2 a > c
        5 a ! c
        7 a ! b
        8 gateway ! a
        ",
        "
        gateway > a: failed, because of c
          a > b: failed, culprit
          a > c: failed, culprit
        ",
    );
}

#[test]
fn what_the_request_got_over_is_not_the_first_failure() {
    let flow = flow(
        "
        0 gateway > a
        1 a > b
        2 a ! b
        3 gateway < a
        4 gateway > c
        5 gateway ! c
        ",
    );
    let culprits: Vec<_> = flow.culprits().map(|call| call.service.as_str()).collect();
    assert_eq!((culprits, flow.failed), (vec!["c", "b"], true));
}

#[test]
fn a_service_that_never_answers_is_why_its_callers_ran_out_of_time() {
    expect(
        "
        0 gateway > a
        1 a > b
        5000 gateway ! a Error=timeout
        ",
        "
        gateway > a: failed timeout, because of b
          a > b: unanswered, culprit
        ",
    );
}

#[test]
fn a_status_of_500_is_a_failure_whatever_the_type_and_404_is_none() {
    expect(
        "
        0 gateway > a
        1 gateway < a Status=500
        2 gateway > b
        3 gateway < b Status=404
        ",
        "
        gateway > a: failed 500, culprit
        gateway > b: answered 1 ms
        ",
    );
}

#[test]
fn what_a_later_attempt_made_good_is_a_failure_and_explains_nothing() {
    let script = "
        0 gateway > a Attempt=1
        1 a > b Attempt=1
        2 a ! b Attempt=1
        3 gateway ! a Attempt=1
        4 gateway > a Attempt=2
        5 a > b Attempt=1
        6 a < b Attempt=1
        9 gateway < a Attempt=2
        ";
    expect(
        script,
        "
        gateway > a: failed, retried
          a > b: failed, retried
        gateway > a: answered 5 ms
          a > b: answered 1 ms
        ",
    );
    assert!(!flow(script).failed);
    // Without numbers nobody knows that the second call is another attempt.
    expect("0 g > a\n1 g ! a\n2 g > a\n3 g < a", "g > a: failed, culprit\ng > a: answered 1 ms");
}

#[test]
fn of_attempts_that_all_failed_the_first_is_the_first_failure() {
    let flow = flow("0 g > a Attempt=1\n1 g ! a Attempt=1\n2 g > a Attempt=2\n3 g ! a Attempt=2");
    assert_eq!((flow.culprits.clone(), flow.failed), (vec![0, 1], true));
}

#[test]
fn when_the_requests_sender_went_away_nobody_is_at_fault() {
    let script = "
        0 gateway > a
        1 a > b
        5 gateway ! a Error=cancelled
        6 a ! b Error=cancelled
        ";
    expect(script, "gateway > a: failed cancelled, dropped\n  a > b: failed cancelled, dropped");
    assert!(!flow(script).failed);
    // Nor where one of those that it went through does not tell of that.
    let script = "0 gateway > a\n1 a > b\n5 gateway ! a Error=cancelled";
    expect(script, "gateway > a: failed cancelled, dropped\n  a > b: unanswered, dropped");
}

#[test]
fn below_a_call_that_ran_out_of_time_the_deepest_cancelled_call_is_what_was_waited_for() {
    expect(
        "
        0 gateway > a
        1 a > b
        2 b > c
        5000 gateway ! a Error=timeout
        5001 a ! b Error=cancelled
        5002 b ! c Error=cancelled
        ",
        "
        gateway > a: failed timeout, because of c
          a > b: failed cancelled, because of c
            b > c: failed cancelled, culprit
        ",
    );
}

#[test]
fn what_a_caller_cancels_since_another_call_failed_or_since_it_is_done_is_dropped() {
    expect(
        "
        0 gateway > a
        1 a > b
        2 a > c
        3 c > d
        5 a ! b Status=500
        6 a ! c Error=cancelled
        7 c ! d Error=cancelled
        8 gateway ! a Status=500
        ",
        "
        gateway > a: failed 500, because of b
          a > b: failed 500, culprit
          a > c: failed cancelled, dropped
            c > d: failed cancelled, dropped
        ",
    );
    expect(
        "
        0 gateway > a
        1 a > b
        6 a ! b Error=cancelled
        8 gateway < a
        ",
        "
        gateway > a: answered 8 ms
          a > b: failed cancelled, dropped
        ",
    );
}

#[test]
fn a_service_that_died_is_why_nobody_tells_of_its_calls_answers() {
    expect(
        "
        0 gateway > a
        1 a > b
        5 gateway ! a Error=connection
        ",
        "
        gateway > a: failed connection, culprit
          a > b: unanswered, dropped
        ",
    );
}

#[test]
fn a_caller_that_is_overloaded_is_at_fault_itself() {
    expect(
        "
        0 gateway > a
        1 a > b
        1 a ! b Error=overloaded
        5 gateway ! a Status=503
        ",
        "
        gateway > a: failed 503, because of b
          a > b: failed overloaded, the caller's fault
        ",
    );
}
