//! How long a plan takes, by how long its steps took before.

use std::collections::BTreeMap;

use engine::{Mode, estimate, read_plan, text};
use resource::{Action, Deployment, Estimate, Kind, Outcome, PLAN_VERSION, Plan, Step, StepRecord, StepTime};

use crate::{
    blueprint::{graph, key, scope},
    lab::Lab,
};

const QUEUE: &str = "Test::Queue";
const ROLE: &str = "Test::Role";

/// A plan of these: key, kind, action, and the places of those that come before.
fn plan(steps: &[(&str, &'static str, Action, &[usize])]) -> Plan {
    let step = |(at, kind, action, after): &(&str, &'static str, Action, &[usize])| Step {
        key: key(at),
        kind: Kind::new(kind),
        action: *action,
        id: None,
        reason: None,
        changes: vec![],
        after: after.to_vec(),
    };
    Plan {
        version: PLAN_VERSION,
        scope: scope(),
        blueprint: "hash".into(),
        packages: BTreeMap::new(),
        steps: steps.iter().map(step).collect(),
        unchanged: 0,
        notes: vec![],
        estimate: None,
    }
}

/// A plan of one step.
fn creates(at: &str, kind: &'static str) -> Plan {
    plan(&[(at, kind, Action::Create, &[])])
}

/// A step that took so long.
fn took(at: &str, kind: &'static str, action: Action, millis: u64) -> StepRecord {
    StepRecord { key: key(at), kind: Some(Kind::new(kind)), action, millis, error: None }
}

/// A run of these.
fn run(steps: Vec<StepRecord>) -> Deployment {
    Deployment {
        id: "run".into(),
        holder: "ada@lovelace".into(),
        command: "deploy".into(),
        commit: None,
        blueprint: "hash".into(),
        started_at_millis: 0,
        ended_at_millis: None,
        outcome: Outcome::Running,
        survey_millis: None,
        steps,
    }
}

/// Runs in each of which the queue was made, in such a time.
fn queues(times: &[u64]) -> Vec<Deployment> {
    times.iter().map(|millis| run(vec![took("ingest/queue", QUEUE, Action::Create, *millis)])).collect()
}

/// In milliseconds; none where it is not known.
fn millis(estimate: &Estimate) -> Option<u64> {
    match estimate {
        Estimate::Known { millis, .. } => Some(*millis),
        Estimate::Unknown { .. } => None,
    }
}

#[test]
fn a_step_takes_the_median_of_its_last_five_times() {
    let takes = |times: &[u64]| millis(&estimate(&creates("ingest/queue", QUEUE), &queues(times)));
    assert_eq!(takes(&[40, 20, 90, 10, 30, 1_000, 1_000, 1_000]), Some(30));
    assert_eq!((takes(&[40, 20]), takes(&[7]), takes(&[])), (Some(20), Some(7), None));
}

#[test]
fn a_step_that_was_never_done_takes_what_others_of_its_kind_do() {
    let history = [run(vec![
        took("ingest/role", ROLE, Action::Create, 900),
        took("ingest/queue", QUEUE, Action::Create, 30),
        took("ingest/queue", QUEUE, Action::Update, 70),
    ])];
    let takes = |at, action| millis(&estimate(&plan(&[(at, QUEUE, action, &[])]), &history));
    assert_eq!(takes("ingest/failures", Action::Create), Some(30));
    assert_eq!(takes("ingest/failures", Action::Update), Some(70));
    assert_eq!(takes("ingest/queue", Action::Replace), None);
}

#[test]
fn what_failed_is_no_measure() {
    let failed =
        StepRecord { error: Some("throttled".into()), ..took("ingest/queue", QUEUE, Action::Create, 60_000) };
    let history = [run(vec![failed.clone()]), run(vec![took("ingest/queue", QUEUE, Action::Create, 30)])];
    assert_eq!(millis(&estimate(&creates("ingest/queue", QUEUE), &history)), Some(30));
    assert_eq!(millis(&estimate(&creates("ingest/queue", QUEUE), &[run(vec![failed])])), None);
}

#[test]
fn a_step_whose_kind_was_not_recorded_measures_its_resource_alone() {
    let old = StepRecord { kind: None, ..took("ingest/queue", QUEUE, Action::Create, 30) };
    let history = [run(vec![old])];
    assert_eq!(millis(&estimate(&creates("ingest/queue", QUEUE), &history)), Some(30));
    assert_eq!(millis(&estimate(&creates("ingest/failures", QUEUE), &history)), None);
}

#[test]
fn a_plan_takes_its_longest_chain_and_the_survey_before_it() {
    let plan = plan(&[
        ("ingest/failures", QUEUE, Action::Create, &[]),
        ("ingest/queue", QUEUE, Action::Replace, &[0]),
        ("ingest/role", ROLE, Action::Update, &[]),
        ("ingest/mapping", "Test::Mapping", Action::Create, &[1, 2]),
        ("ingest/moon", "Test::Moon", Action::Create, &[3]),
    ]);
    let history = [
        Deployment {
            survey_millis: Some(5_000),
            ..run(vec![took("ingest/failures", QUEUE, Action::Create, 40)])
        },
        run(vec![
            took("ingest/queue", QUEUE, Action::Replace, 300),
            took("ingest/role", ROLE, Action::Update, 330),
        ]),
        Deployment {
            survey_millis: Some(7_000),
            ..run(vec![took("a/mapping", "Test::Mapping", Action::Create, 2)])
        },
        run(vec![took("ingest/role", ROLE, Action::Create, 99_999)]),
    ];
    let time = |place: usize, millis| StepTime {
        key: plan.steps[place].key.clone(),
        action: plan.steps[place].action,
        millis,
    };
    assert_eq!(
        estimate(&plan, &history),
        Estimate::Known {
            millis: 5_000 + 40 + 300 + 2,
            longest: vec![time(0, Some(40)), time(1, Some(300)), time(3, Some(2)), time(4, None)],
            unmeasured: 1,
            runs: 3,
        }
    );
}

#[test]
fn an_estimate_is_two_sentences_or_the_reason_why_there_is_none() {
    let said = |plan: &Plan, history: &[Deployment]| {
        text::estimate(&Plan { estimate: Some(estimate(plan, history)), ..plan.clone() }).unwrap()
    };
    let longer = |at: &str, times: &[u64]| said(&creates(at, QUEUE), &queues(times));
    let some = plan(&[
        ("stateful/network", "Test::Network", Action::Create, &[]),
        ("ingest/failures", QUEUE, Action::Create, &[]),
        ("ingest/queue", QUEUE, Action::Create, &[1]),
        ("ingest/role", ROLE, Action::Delete, &[2]),
    ]);
    let told = [
        said(&some, &queues(&[185_400, 190_000, 100])),
        longer("ingest/queue", &[340]),
        longer("ingest/queue", &[4_220; 7]),
        longer("ingest/queue", &[25_400]),
        longer("ingest/queue", &[179_900]),
        longer("ingest/queue", &[7_530_000]),
        longer("ingest/queue", &[]),
        said(&creates("ingest/role", ROLE), &queues(&[340])),
        text::estimate(&some).unwrap_or_else(|| "nothing".into()),
    ];
    insta::assert_snapshot!(told.join("\n"), @r"
    Takes about 6 min 11 s, 3 min 5 s of it ingest/queue. From the times of 3 runs; 2 of 4 steps were never measured.
    Takes about 340 ms, 340 ms of it ingest/queue. From the times of 1 run.
    Takes about 4.2 s, 4.2 s of it ingest/queue. From the times of 5 runs.
    Takes about 25 s, 25 s of it ingest/queue. From the times of 1 run.
    Takes about 3 min, 3 min of it ingest/queue. From the times of 1 run.
    Takes about 2 h 6 min, 2 h 6 min of it ingest/queue. From the times of 1 run.
    How long it takes is not known: nothing was deployed to dev yet.
    How long it takes is not known: nothing of it was done in dev before.
    nothing
    ");
}

#[tokio::test(start_paused = true)]
async fn the_history_of_an_environment_tells_how_long_it_takes_to_make_it_again() {
    let lab = Lab::deployed(&graph()).await;
    lab.run(&graph(), Mode::Destroy { include_stateful: false }).await.unwrap().unwrap();
    let mut plan = lab.plan(&graph(), Mode::Deploy).await;
    let mut history: Vec<_> = lab.cloud.world().history.values().cloned().collect();
    history.sort_by_key(|run| std::cmp::Reverse(run.started_at_millis));
    plan.estimate = Some(estimate(&plan, &history));
    let rendered = text::render(&plan);
    insta::assert_snapshot!(
        rendered.lines().last().unwrap(),
        @"Takes about 260 ms, 80 ms of it ingest/function. From the times of 1 run."
    );
    assert_eq!(read_plan(&serde_json::to_string(&plan).unwrap()).unwrap(), plan);

    let begun = tokio::time::Instant::now();
    lab.run(&graph(), Mode::Deploy).await.unwrap().unwrap();
    // Nothing but the first survey and the calls for lease and history come to it.
    let besides = begun.elapsed().as_millis() as u64 - millis(plan.estimate.as_ref().unwrap()).unwrap();
    assert!(besides < 200, "{besides} ms");
}
