//! Saved plans.

use engine::{Mode, check_saved, read_plan};
use resource::{Action, FieldChange, Plan};
use serde_json::{Value, json};

use crate::{
    blueprint::{graph, graph_with},
    lab::Lab,
};

async fn a_plan() -> Plan {
    let lab = Lab::deployed(&graph()).await;
    lab.plan(&graph_with("ingest/queue", "days", json!(5)), Mode::Deploy).await
}

fn said(saved: &Plan, fresh: &Plan) -> String {
    let differences = check_saved(saved, fresh).unwrap_err();
    differences.iter().map(|difference| format!("{difference}\n")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_plan_reads_as_it_was_written() {
    let plan = a_plan().await;
    assert_eq!(read_plan(&serde_json::to_string(&plan).unwrap()).unwrap(), plan);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_plan_of_this_version_is_refused() {
    let mut newer = serde_json::to_value(a_plan().await).unwrap();
    newer["version"] = json!(2);
    let mut damaged = newer.clone();
    damaged["version"] = json!(1);
    damaged["steps"][0]["action"] = json!("explode");
    let texts = ["", "{\"version\"", "[1, 2]", &newer.to_string(), &damaged.to_string()];
    let refused = texts.map(|text| {
        let error = read_plan(text).unwrap_err();
        let source =
            std::error::Error::source(&error).map(|source| format!("\n  {source}")).unwrap_or_default();
        format!("{error}{source}")
    });
    insta::assert_snapshot!(refused.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn less_than_was_approved_is_fine() {
    let saved = a_plan().await;
    let fresh = Plan { steps: vec![], notes: vec!["new".into()], unchanged: 9, ..saved.clone() };
    assert_eq!(check_saved(&saved, &fresh), Ok(()));
    assert_eq!(check_saved(&saved, &saved), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn any_step_or_change_beyond_what_was_approved_is_named() {
    let saved = a_plan().await;
    let mut fresh = saved.clone();
    let (from, to) = (Some(json!(30)), None::<Value>);
    let effect = resource::Effect::Update;
    fresh.steps[0].changes.push(FieldChange { field: "delay".into(), from, to, effect });
    fresh.steps[0].changes[0].from = Some(json!(3));
    let mut deleted = saved.steps[0].clone();
    deleted.action = Action::Delete;
    deleted.reason = Some("no longer in the blueprint".into());
    fresh.steps.push(deleted);
    insta::assert_snapshot!(said(&saved, &fresh));
}

#[tokio::test(start_paused = true)]
async fn a_plan_for_another_place_blueprint_or_package_is_refused() {
    let saved = a_plan().await;
    let mut fresh = Plan { blueprint: "other".into(), ..saved.clone() };
    fresh.scope.account = "222222222222".into();
    fresh.scope.region = "us-east-1".into();
    fresh.scope.environment = "prod".into();
    fresh.packages = [("ingest".into(), "new".into()), ("relay".into(), "first".into())].into();
    let said = said(&Plan { blueprint: "approved".into(), ..saved }, &fresh);
    insta::assert_snapshot!(said);
}
