//! The lease: one run at a time, taken over only from the dead, and never outlived.

use std::{sync::atomic::Ordering, time::Duration};

use engine::{Approved, LeaseError, Loss, Mode, RunError};
use resource::{Lease, Outcome};
use serde_json::json;
use tokio::time::sleep;

use crate::{
    blueprint::{graph, graph_with},
    cloud::Fault,
    families::{DEPLOYMENTS, Model, Queue},
    lab::Lab,
};

/// A lease of another host's, that ends in `seconds` from now.
fn foreign(lab: &Lab, seconds: u64) -> Lease {
    let now = lab.settings.clock.now_millis();
    Lease {
        owner: "another run".into(),
        holder: "grace@hopper".into(),
        host: "hopper".into(),
        process: 99,
        command: "deploy".into(),
        commit: None,
        taken_at_millis: now - 1_000,
        expires_at_millis: now + seconds * 1_000,
        heartbeat: 7,
    }
}

async fn changed() -> (Lab, resource::Graph) {
    (Lab::deployed(&graph()).await, graph_with("ingest/function", "memory", json!(256)))
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_another_run_holds_stops_this_one_and_says_whose_it_is() {
    let (lab, wanted) = changed().await;
    let held = Lease {
        taken_at_millis: 1_767_225_600_000,
        expires_at_millis: 1_767_225_660_000,
        ..foreign(&lab, 60)
    };
    lab.cloud.world().lease = Some(held.clone());
    let refused = lab.run_elsewhere(&wanted, Mode::Deploy).await.unwrap_err();
    insta::assert_snapshot!(refused);
    assert_eq!(lab.cloud.mutations(), []);
    assert_eq!(lab.cloud.world().lease, Some(held));
}

#[tokio::test(start_paused = true)]
async fn what_another_run_has_half_done_is_no_news_beyond_the_plan() {
    let (lab, wanted) = changed().await;
    let (graph, other) = (graph(), lab.plan(&wanted, Mode::Deploy).await);
    let approved = lab.plan(&graph, Mode::Deploy).await;
    let half_done = ("days".to_owned(), json!(1));
    lab.cloud.world().get(&Queue::KIND, "headwater-dev-failures").unwrap().fields.extend([half_done]);
    let unheld = lab.apply_elsewhere(&graph, Approved::Saved(approved.clone())).await;
    assert!(matches!(unheld, Err(RunError::Beyond(_))), "{unheld:?}");

    lab.cloud.world().lease = Some(foreign(&lab, 60));
    let held = lab.apply_elsewhere(&graph, Approved::Saved(approved.clone())).await;
    assert!(matches!(held, Err(RunError::Lease(LeaseError::Held(_)))), "{held:?}");
    let elsewhere = lab.apply_elsewhere(&graph, Approved::Saved(other)).await;
    assert!(
        matches!(elsewhere, Err(RunError::Beyond(_))),
        "a plan for something else stays one: {elsewhere:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_expired_lease_is_taken_only_after_the_clocks_may_have_differed() {
    let (lab, wanted) = changed().await;
    lab.cloud.world().lease = Some(foreign(&lab, 10));
    sleep(Duration::from_secs(10 + 14)).await;
    let held = lab.run_elsewhere(&wanted, Mode::Deploy).await.unwrap_err();
    assert!(matches!(held, RunError::Lease(LeaseError::Held(_))), "{held}");
    sleep(Duration::from_secs(1)).await;
    let report = lab.run_elsewhere(&wanted, Mode::Deploy).await.unwrap();
    assert_eq!((report.outcome, lab.cloud.world().lease.clone()), (Outcome::Succeeded, None));
}

#[tokio::test(start_paused = true)]
async fn a_dead_processs_lease_is_taken_over_at_once() {
    let (lab, wanted) = changed().await;
    lab.cloud.world().lease = Some(foreign(&lab, 3600));
    let report = lab.run(&wanted, Mode::Deploy).await.unwrap().unwrap();
    assert_eq!((report.outcome, lab.cloud.world().lease.clone()), (Outcome::Succeeded, None));
}

#[tokio::test(start_paused = true)]
async fn of_two_runs_that_begin_at_once_one_is_refused() {
    let (lab, wanted) = changed().await;
    let (one, other) =
        tokio::join!(lab.run_elsewhere(&wanted, Mode::Deploy), lab.run_elsewhere(&wanted, Mode::Deploy));
    let refused: Vec<_> = [one, other].into_iter().filter_map(Result::err).collect();
    assert!(matches!(&refused[..], [RunError::Lease(LeaseError::Held(_))]), "{refused:?}");
    assert_eq!(lab.cloud.world().lease, None);
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_for_as_long_as_a_step_takes() {
    let (lab, wanted) = changed().await;
    lab.cloud
        .world()
        .things
        .values_mut()
        .flatten()
        .find(|thing| thing.id.ends_with("function"))
        .unwrap()
        .busy = 60;
    let report = lab.run_elsewhere(&wanted, Mode::Deploy).await.unwrap();
    assert_eq!(report.outcome, Outcome::Succeeded);
    let swaps = lab.cloud.mutations().iter().filter(|call| call.operation == "SwapLease").count();
    // Five minutes of a step: one swap to take it, one every 20 s, one to release it.
    assert!((15..=18).contains(&swaps), "{swaps} swaps");
}

#[tokio::test(start_paused = true)]
async fn a_suspended_owner_whose_lease_was_taken_makes_no_further_call_and_begins_no_further_step() {
    let (lab, wanted) = slow_first_step(40).await;
    let suspended = async {
        sleep(Duration::from_secs(30)).await;
        // The machine sleeps: the wall clock goes on, the monotonic one does not, and another run takes over.
        lab.ahead.fetch_add(600_000, Ordering::SeqCst);
        lab.cloud.world().lease = Some(foreign(&lab, 60));
        lab.cloud.world().calls.clear();
    };
    let (report, ()) = tokio::join!(lab.run_elsewhere(&wanted, Mode::Deploy), suspended);
    let report = report.unwrap();
    assert_eq!(report.outcome, Outcome::Failed);
    assert!(matches!(report.lost, Some(Loss::Taken(_) | Loss::Expired)), "{:?}", report.lost);
    assert_eq!(lab.log.entries("started").len(), 1);
    assert_eq!(lab.cloud.world().lease.as_ref().unwrap().owner, "another run");
    let after = lab.cloud.world().calls.clone();
    let of_steps: Vec<_> = after.iter().filter(|call| call.of != DEPLOYMENTS).collect();
    assert!(of_steps.is_empty(), "{of_steps:?}");
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_was_suspended_for_longer_than_its_lease_begins_no_further_step_though_nobody_took_it()
{
    let (lab, wanted) = slow_first_step(6).await;
    let suspended = async {
        // After the renewal at 20 s, before the step ends and long before the next renewal.
        sleep(Duration::from_secs(22)).await;
        lab.ahead.fetch_add(600_000, Ordering::SeqCst);
    };
    let (report, ()) = tokio::join!(lab.run_elsewhere(&wanted, Mode::Deploy), suspended);
    assert_eq!(report.unwrap().lost, Some(Loss::Expired));
    let told = |what| lab.log.entries(what).len();
    assert_eq!((told("started"), told("finished"), told("failed")), (1, 0, 1));
    assert_eq!(lab.cloud.world().lease, None);
}

#[tokio::test(start_paused = true)]
async fn a_lost_lease_ends_the_steps_in_flight_and_says_who_took_it() {
    let (lab, wanted) = slow_first_step(40).await;
    let taken = async {
        sleep(Duration::from_secs(30)).await;
        let taken = Lease {
            taken_at_millis: 1_767_225_600_000,
            expires_at_millis: 1_767_225_660_000,
            ..foreign(&lab, 60)
        };
        lab.cloud.world().lease = Some(taken);
    };
    let (report, ()) = tokio::join!(lab.run_elsewhere(&wanted, Mode::Deploy), taken);
    let lost = report.unwrap().lost.unwrap();
    insta::assert_snapshot!(format!("{lost}\n\n{}", lab.log.text()));
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_cannot_renew_ends_by_its_own_deadline() {
    let (lab, wanted) = slow_first_step(40).await;
    let cut_off = async {
        sleep(Duration::from_secs(30)).await;
        lab.cloud.world().out_of_reach = true;
    };
    let begun = tokio::time::Instant::now();
    let (report, ()) = tokio::join!(lab.run_elsewhere(&wanted, Mode::Deploy), cut_off);
    assert_eq!(report.unwrap().lost, Some(Loss::Expired));
    // Renewed last after 20 s, so over after 80 s; then the attempts to write the history and to release.
    assert!(begun.elapsed() < Duration::from_secs(90), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_to_any_swap_of_a_long_run_changes_nothing() {
    let calls = {
        let (lab, wanted) = slow_first_step(40).await;
        lab.run_elsewhere(&wanted, Mode::Deploy).await.unwrap();
        let world = lab.cloud.world();
        let swaps = world.calls.iter().enumerate().filter(|(_, call)| call.operation == "SwapLease");
        swaps.map(|(number, _)| number).collect::<Vec<_>>()
    };
    for fault in [Fault::FailBefore, Fault::FailAfter, Fault::HangBefore, Fault::HangAfter] {
        for &call in &calls {
            let (lab, wanted) = slow_first_step(40).await;
            lab.cloud.arm(call, fault);
            let report = lab.run_elsewhere(&wanted, Mode::Deploy).await.unwrap();
            assert!(lab.cloud.disarm());
            assert_eq!(report.outcome, Outcome::Succeeded, "{fault:?} at {call}: {:?}", report.lost);
            assert_eq!(lab.cloud.world().lease, None, "{fault:?} at {call}");
        }
    }
}

/// An environment whose next deploy has a first step of five seconds for each time that it is `busy`, and others after it.
async fn slow_first_step(busy: u32) -> (Lab, resource::Graph) {
    let lab = Lab::deployed(&graph()).await;
    let wanted = graph_with("ingest/failures", "days", json!(7));
    let mut world = lab.cloud.world();
    for thing in world.things.values_mut().flatten() {
        match thing.id.as_str() {
            "headwater-dev-failures" => thing.busy = busy,
            "headwater-dev-queue" | "headwater-dev-role" => {
                thing.fields.insert("odd".into(), json!(true));
            }
            _ => {}
        }
    }
    drop(world);
    (lab, wanted)
}
