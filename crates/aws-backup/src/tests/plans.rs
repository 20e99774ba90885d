//! Plans.

use aws_env::scripted::{Reply, Script, assert_actions};
use resource::{Class, Desired, Family, Key, Observed, Owner, Progress, Result};
use serde_json::json;

use super::{
    cloud::{Backup, mutations, not_there},
    scope,
};
use crate::{BackupRule, BackupSelection, PlanSpec, Plans};

const NAME: &str = "headwater-dev-backup";
const CREATE: &str = "PUT /backup/plans";
const SELECT: &str = "PUT /backup/plans/plan-1/selections";

fn key() -> Key {
    "stateful/backup-plan".parse().unwrap()
}

fn spec() -> PlanSpec {
    PlanSpec {
        rule: BackupRule {
            name: "daily".into(),
            target_backup_vault_name: NAME.into(),
            schedule_expression: "cron(0 2 * * ? *)".into(),
            start_window_minutes: 60,
            completion_window_minutes: 120,
            delete_after_days: Some(35),
        },
        selection: Some(BackupSelection {
            name: "file-system".into(),
            iam_role_arn: scope().iam_arn("role/headwater/dev/headwater-dev-backup"),
            resources: [scope().arn("elasticfilesystem", "file-system/fs-1")].into(),
        }),
    }
}

fn desired(spec: PlanSpec) -> Desired<PlanSpec> {
    Desired { key: key(), name: Some(NAME.to_owned()), spec }
}

async fn ensure(script: &Script, spec: PlanSpec) -> Result<Observed<PlanSpec>> {
    let family = Plans::new(&script.config());
    let seen = family.survey(&scope()).await?;
    family.ensure(&scope(), &desired(spec), seen.first(), &Progress::silent()).await
}

#[tokio::test(start_paused = true)]
async fn a_plan_is_made_with_its_tags_then_given_its_selection() {
    let (script, _) = Backup::default().script();
    let made = ensure(&script, spec()).await.unwrap();
    assert_eq!((made.spec, made.owner, made.pending), (spec(), Owner::Us(key()), None));
    assert_eq!(
        (made.name.as_deref(), made.outputs["arn"].as_str()),
        (Some(NAME), "arn:aws:backup:eu-west-1:111111111111:backup-plan:plan-1")
    );
    assert_eq!(mutations(&script), [CREATE, SELECT]);
    let mut sent: Vec<_> = script
        .requests()
        .into_iter()
        .filter(|request| request.operation.starts_with("PUT"))
        .map(|put| put.json())
        .collect();
    for one in &mut sent {
        assert_eq!(one["CreatorRequestId"].as_str().unwrap().len(), 50);
        one["CreatorRequestId"] = "[token]".into();
    }
    insta::assert_snapshot!(serde_json::to_string_pretty(&sent).unwrap());
    ensure(&script, spec()).await.unwrap();
    assert_eq!(mutations(&script).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_fresh_role_and_a_fresh_vault_are_waited_out_and_another_bad_value_is_not() {
    let fresh = |text: &str| (SELECT, Reply::error(400, "InvalidParameterValueException", text));
    let faults = [
        (CREATE, not_there()),
        fresh("IAM Role arn:aws:iam::1:role/r cannot be assumed by AWS Backup"),
        fresh("IAM Role arn:aws:iam::1:role/r is not authorized to call tag:GetResources"),
    ];
    let (script, _) = Backup::default().failing(faults).script();
    assert_eq!(ensure(&script, spec()).await.unwrap().spec, spec());
    assert_eq!(mutations(&script), [CREATE, CREATE, SELECT, SELECT, SELECT]);
    let (script, _) = Backup::default().failing([fresh("Invalid ARN")]).script();
    assert_eq!(ensure(&script, spec()).await.unwrap_err().class, Class::Fatal);
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_makes_no_second_plan_and_a_killed_run_is_continued() {
    let (script, state) = Backup::default()
        .failing([(SELECT, Reply::error(400, "InvalidParameterValueException", "no"))])
        .script();
    ensure(&script, spec()).await.unwrap_err();
    let family = Plans::new(&script.config());
    let unseen = family.ensure(&scope(), &desired(spec()), None, &Progress::silent()).await.unwrap();
    assert_eq!((unseen.spec, state.lock().unwrap().plans.len()), (spec(), 1));
    let exists =
        Reply::error(400, "AlreadyExistsException", "A plan with the same creator request id exists");
    state.lock().unwrap().faults = vec![(CREATE, exists)];
    let again = family.ensure(&scope(), &desired(spec()), None, &Progress::silent()).await.unwrap();
    assert_eq!((again.spec, state.lock().unwrap().plans.len()), (spec(), 1));
}

#[tokio::test(start_paused = true)]
async fn a_plan_is_made_again_though_aws_remembers_the_request_of_the_deleted_one() {
    let (script, state) = Backup::default().script();
    let first = ensure(&script, spec()).await.unwrap();
    Plans::new(&script.config()).delete(&first, &Progress::silent()).await.unwrap();
    let second = ensure(&script, spec()).await.unwrap();
    assert_ne!(first.id, second.id);
    let exists =
        || Reply::error(400, "AlreadyExistsException", "A plan with the same creator request id exists");
    Plans::new(&script.config()).delete(&second, &Progress::silent()).await.unwrap();
    state.lock().unwrap().faults = vec![(CREATE, exists())];
    assert_eq!(ensure(&script, spec()).await.unwrap().spec, spec());
}

#[tokio::test(start_paused = true)]
async fn every_field_of_the_rule_is_changed_by_one_call() {
    type Change = fn(&mut BackupRule);
    let cases: [Change; 6] = [
        |rule| rule.name = "nightly".into(),
        |rule| rule.target_backup_vault_name = "other".into(),
        |rule| rule.schedule_expression = "cron(0 3 * * ? *)".into(),
        |rule| rule.start_window_minutes = 90,
        |rule| rule.completion_window_minutes = 240,
        |rule| rule.delete_after_days = None,
    ];
    for change in cases {
        let (script, _) = Backup::default().script();
        ensure(&script, spec()).await.unwrap();
        let mut want = spec();
        change(&mut want.rule);
        for to in [want, spec()] {
            let before = mutations(&script).len();
            assert_eq!(ensure(&script, to.clone()).await.unwrap().spec, to);
            assert_eq!(mutations(&script)[before..], ["POST /backup/plans/plan-1"]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn another_selection_is_made_before_the_old_one_is_deleted() {
    type Change = fn(&mut BackupSelection);
    let cases: [Change; 3] = [
        |selection| selection.name = "all".into(),
        |selection| selection.iam_role_arn.push('2'),
        |selection| {
            selection.resources = ["arn:aws:elasticfilesystem:eu-west-1:1:file-system/fs-2".to_owned()].into()
        },
    ];
    for change in cases {
        let (script, _) = Backup::default().script();
        ensure(&script, spec()).await.unwrap();
        let mut want = spec();
        change(want.selection.as_mut().unwrap());
        assert_eq!(ensure(&script, want.clone()).await.unwrap().spec, want);
        assert_eq!(mutations(&script)[2..], [SELECT, "DELETE /backup/plans/plan-1/selections/selection-2"]);
    }
    let (script, _) = Backup::default().script();
    ensure(&script, spec()).await.unwrap();
    ensure(&script, PlanSpec { selection: None, ..spec() }).await.unwrap();
    assert_eq!(mutations(&script)[2..], ["DELETE /backup/plans/plan-1/selections/selection-2"]);
}

#[tokio::test(start_paused = true)]
async fn a_selection_whose_name_is_taken_waits_until_the_other_is_deleted() {
    let (script, state) = Backup::default().script();
    ensure(&script, spec()).await.unwrap();
    let exists = Reply::error(400, "AlreadyExistsException", "A selection of that name exists");
    state.lock().unwrap().faults = vec![(SELECT, exists)];
    let mut want = spec();
    want.selection.as_mut().unwrap().iam_role_arn.push('2');
    assert_eq!(ensure(&script, want.clone()).await.unwrap().spec, want);
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_run_left_beside_the_one_selection_or_rule_is_seen_and_removed() {
    let (script, state) = Backup::default().script();
    ensure(&script, spec()).await.unwrap();
    let mut other = state.lock().unwrap().selections[0].clone();
    other["SelectionId"] = "selection-9".into();
    state.lock().unwrap().selections.push(other);
    let seen = Plans::new(&script.config()).survey(&scope()).await.unwrap();
    assert_eq!(seen[0].pending.as_deref(), Some("with 2 selections"));
    assert_eq!(ensure(&script, spec()).await.unwrap().pending, None);
    assert_eq!(mutations(&script)[2..], ["DELETE /backup/plans/plan-1/selections/selection-9"]);
    let rule = state.lock().unwrap().plans["plan-1"]["BackupPlan"]["Rules"][0].clone();
    state.lock().unwrap().plans.get_mut("plan-1").unwrap()["BackupPlan"]["Rules"] = json!([rule, rule]);
    assert_eq!(ensure(&script, spec()).await.unwrap().pending, None);
    assert_eq!(mutations(&script)[3..], ["POST /backup/plans/plan-1"]);
}

#[tokio::test(start_paused = true)]
async fn selections_go_first_and_what_is_gone_already_is_no_error() {
    let (script, state) = Backup::default().script();
    let made = ensure(&script, spec()).await.unwrap();
    let related = "Related backup plan selections must be deleted prior to backup plan deletion";
    let delete = "DELETE /backup/plans/plan-1";
    let stale = Reply::error(400, "InvalidRequestException", related);
    let selection = "DELETE /backup/plans/plan-1/selections/selection-2";
    state.lock().unwrap().faults = vec![(selection, Reply::reset()), (delete, stale)];
    let family = Plans::new(&script.config());
    family.delete(&made, &Progress::silent()).await.unwrap();
    assert_eq!(mutations(&script)[2..], [selection, selection, delete, delete]);
    family.delete(&made, &Progress::silent()).await.unwrap();
    assert_eq!(family.survey(&scope()).await.unwrap(), []);
    let gone = Reply::error(400, "InvalidParameterValueException", "Cannot find Backup plan with ID plan-1");
    state.lock().unwrap().faults = vec![("GET /backup/plans/plan-1/selections", gone)];
    family.delete(&made, &Progress::silent()).await.unwrap();
}

#[tokio::test]
async fn a_survey_finds_what_has_our_tags_or_our_name_and_asks_nothing_of_an_organizations_plans() {
    let (script, state) = Backup::default().script();
    for (id, name, tags) in [
        ("renamed", "other", json!(scope().tags(&key()))),
        ("named", "headwater-dev-theirs", json!({})),
        ("neither", "billing", json!({})),
        ("orgs/1", "headwater-dev-organization", json!({})),
    ] {
        let plan = json!({"BackupPlanName": name, "Rules": []});
        let mut state = state.lock().unwrap();
        state.plans.insert(id.to_owned(), json!({"BackupPlanId": id, "BackupPlan": plan}));
        state.tags.insert(scope().arn("backup", &format!("backup-plan:{id}")), tags);
    }
    let family = Plans::new(&script.config());
    let seen = family.survey(&scope()).await.unwrap();
    let owners: Vec<_> =
        seen.iter().map(|plan| (plan.id.as_str(), matches!(plan.owner, Owner::Us(_)))).collect();
    assert_eq!(owners, [("named", false), ("renamed", true)]);
    let theirs = family.find(&scope(), "headwater-dev-theirs").await.unwrap().unwrap();
    assert_eq!(family.find(&scope(), &theirs.outputs["arn"]).await.unwrap().as_ref(), Some(&theirs));
    family.adopt(&scope(), &key(), &theirs).await.unwrap();
    assert_eq!(family.find(&scope(), "named").await.unwrap().unwrap().owner, Owner::Us(key()));
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    let code = [include_str!("../plans.rs"), include_str!("../plans/ensure.rs"), include_str!("../tags.rs")];
    assert_actions::<Plans>(&code, &[]);
}
