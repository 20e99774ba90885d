use std::{fs, path::PathBuf};

use engine::{Skipped, StepError, StepReport, StepResult};
use resource::{Action, Class, Effect, Estimate, FieldChange, Kind, PLAN_VERSION, Scope, Step, StepTime};
use serde_json::{Value, json};

use super::*;

fn change(field: &str, from: Option<Value>, to: Option<Value>) -> FieldChange {
    FieldChange { field: field.to_owned(), from, to, effect: Effect::Update }
}

fn step(key: &str, kind: &'static str, action: Action, changes: Vec<FieldChange>) -> Step {
    Step {
        key: key.parse().unwrap(),
        kind: Kind::new(kind),
        action,
        id: Some(format!("headwater-dev-{}", key.replace('/', "-"))),
        reason: None,
        changes,
        after: Vec::new(),
    }
}

fn plan_of(steps: Vec<Step>) -> Plan {
    Plan {
        version: PLAN_VERSION,
        scope: Scope {
            project: "headwater".into(),
            environment: "dev".into(),
            account: "111111111111".into(),
            region: "eu-central-1".into(),
        },
        blueprint: "hash".into(),
        packages: Default::default(),
        steps,
        unchanged: 74,
        notes: vec!["`stateful/old` is kept: it is stateful.".to_owned()],
        estimate: None,
    }
}

fn some_steps() -> Vec<Step> {
    let mut replaced = step(
        "eventstore/task",
        "AWS::ECS::TaskDefinition",
        Action::Replace,
        vec![FieldChange {
            effect: Effect::Replace,
            ..change("image", Some(json!("a:1")), Some(json!("a:2 ```\u{1b} |")))
        }],
    );
    replaced.reason = Some("AWS cannot change it".to_owned());
    vec![
        step(
            "stateful/queue",
            "AWS::SQS::Queue",
            Action::Update,
            vec![
                change("visibilityTimeoutSeconds", Some(json!(77)), Some(json!(180))),
                change("policy", Some(json!({"a": 1})), None),
            ],
        ),
        step(
            "ingest/log-group",
            "AWS::Logs::LogGroup",
            Action::Create,
            vec![change("retentionDays", None, Some(json!(7)))],
        ),
        replaced,
        step("relay/rule", "AWS::EC2::SecurityGroupIngress", Action::Delete, vec![]),
    ]
}

fn here(directory: &Path) -> Actions {
    let path = |name: &str| directory.join(name).into_os_string();
    Actions::of(|name| match name {
        "GITHUB_ACTIONS" => Some("true".into()),
        "GITHUB_OUTPUT" => Some(path("output")),
        "GITHUB_STEP_SUMMARY" => Some(path("summary")),
        "GITHUB_WORKSPACE" => Some(directory.into()),
        _ => None,
    })
    .unwrap()
}

/// The outputs as GitHub reads them.
fn outputs(directory: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(directory.join("output")).unwrap();
    let mut lines = text.lines();
    let mut outputs = Vec::new();
    while let Some(line) = lines.next() {
        let (name, delimiter) = line.split_once("<<").unwrap();
        let value: Vec<_> = lines.by_ref().take_while(|line| *line != delimiter).collect();
        outputs.push((name.to_owned(), value.join("\n")));
    }
    outputs
}

#[test]
fn elsewhere_there_is_nothing_to_tell() {
    assert_eq!(Actions::of(|_| None), None);
    assert_eq!(Actions::of(|name| (name == "GITHUB_ACTIONS").then(|| "false".into())), None);
}

#[test]
fn no_text_can_end_a_command_or_a_property_of_it() {
    let line = command("error", &[("file", "a,b:c%.toml"), ("line", "3")], "50%\r\n::set-output name=x::y");
    assert_eq!(line, "::error file=a%2Cb%3Ac%25.toml,line=3::50%25%0D%0A::set-output name=x::y");
}

#[test]
fn what_is_folded_is_no_command() {
    let Fold { begin, end } = Fold::new("Plan: 1 to create", "token");
    assert_eq!(begin, "::group::Plan: 1 to create\n::stop-commands::token");
    assert_eq!(end, "::token::\n::endgroup::");
}

#[test]
fn no_value_can_end_an_output() {
    let directory = tempfile::tempdir().unwrap();
    let actions = here(directory.path());
    actions.output("one", "a\nend_0\nother<<end_0\nb").unwrap();
    actions.output("two", "").unwrap();
    let expected = [("one", "a\nend_0\nother<<end_0\nb"), ("two", "")];
    assert_eq!(outputs(directory.path()), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn a_plan_is_a_page_and_two_outputs() {
    let directory = tempfile::tempdir().unwrap();
    let actions = here(directory.path());
    let slowest =
        StepTime { key: "eventstore/task".parse().unwrap(), action: Action::Replace, millis: Some(180_000) };
    let estimate = Estimate::Known { millis: 250_000, longest: vec![slowest], unmeasured: 1, runs: 5 };
    actions.planned(&Plan { estimate: Some(estimate), ..plan_of(some_steps()) }).unwrap();
    insta::assert_snapshot!(fs::read_to_string(directory.path().join("summary")).unwrap());
    let named: Vec<_> =
        outputs(directory.path()).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    insta::assert_snapshot!(named.join("\n"), @r"
    changes=true
    summary=Plan: 1 to create, 1 to update, 1 to replace, 1 to delete, 74 unchanged
    ");
}

#[test]
fn drift_is_a_page_and_a_warning_and_its_absence_a_page() {
    let plans = [plan_of(some_steps()), plan_of(Vec::new())];
    // Said to a snapshot alone: where these tests run in GitHub Actions, they warn nobody.
    let told =
        plans.map(|plan| format!("{}\n\n{}", warning(&plan).unwrap_or_default(), summary::drift(&plan)));
    insta::assert_snapshot!(told.join("\n=====\n"));
}

#[test]
fn a_diff_has_a_line_for_each_side_of_a_field() {
    insta::assert_snapshot!(diff(&plan_of(some_steps())));
    assert_eq!(diff(&plan_of(Vec::new())), "");
}

#[test]
fn a_deploy_is_a_page_with_each_step() {
    let denied =
        resource::Error::new("sqs:CreateQueue", "stateful/queue", Class::Denied, "AccessDenied: a | b");
    let mut steps = some_steps().into_iter();
    let mut next = |result, seconds| StepReport {
        step: steps.next().unwrap(),
        result,
        took: Duration::from_secs(seconds),
    };
    let steps = vec![
        next(StepResult::Failed(StepError::from(denied)), 2),
        next(StepResult::Done, 75),
        next(StepResult::Skipped(Skipped::After("stateful/queue".parse().unwrap())), 0),
    ];
    let report = Report { outcome: Outcome::Failed, steps, lost: None };
    insta::assert_snapshot!(summary::deploy("dev", &report, Duration::from_secs(80)));
    let done = Report {
        outcome: Outcome::Succeeded,
        steps: report.steps.into_iter().skip(1).take(1).collect(),
        lost: None,
    };
    insta::assert_snapshot!(summary::deploy("dev", &done, Duration::from_secs(80)));
}

#[test]
fn checks_are_a_page() {
    let checks: Vec<Check> = serde_json::from_value(json!([
        {"check": "local AWS is up", "outcome": "true", "detail": "http://127.0.0.1:44129", "millis": 340},
        {"check": "deploy makes all", "outcome": "false", "detail": "stateful/queue: denied", "millis": 2200},
        {"check": "the task relays", "outcome": "left out", "detail": "local AWS lacks AWS::ECS::Service"},
        {"check": "redrive moves it back", "outcome": "not begun"},
    ]))
    .unwrap();
    let notes = ["`relay/service` is left out: ECS is not there".to_owned()];
    insta::assert_snapshot!(summary::checks("Headwater on local AWS", &checks, &notes));
}

#[test]
fn each_mistake_in_the_configuration_is_annotated_at_its_line() {
    let text = "project = \"headwater\"\n[environments.dev]\naccount = \"111111111111\"\nregion = \"eu-central-1\"\n\
                ingest.memory_mb = 3\nqueue.max_receive_count = 0\n";
    let actions = here(Path::new("/repository"));
    let error =
        configuration::Configuration::parse(text, Path::new("/repository/headwater.toml")).unwrap_err();
    insta::assert_snapshot!(actions.annotations(&error.into()).join("\n"));
    let path: PathBuf = "nowhere/headwater.toml".into();
    let missing = configuration::Configuration::load(&path).unwrap_err();
    insta::assert_snapshot!(actions.annotations(&missing.into()).join("\n"));
}
