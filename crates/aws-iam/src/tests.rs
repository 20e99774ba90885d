//! The family against scripted responses.

mod scripted_iam;

use std::collections::BTreeMap;

use aws_env::scripted::{Reply, Script, assert_actions};
use resource::{
    Class, Desired, Family, Grantee, Observed, Owner, PolicyDocument, Progress, Scope, Statement,
};
pub(crate) use scripted_iam::{answer, encoded, parameter};
use scripted_iam::{iam, read, role, roles};

use crate::{POLICY_NAME, RoleSpec, Roles};

const KEY: &str = "ingest/role";
const NAME: &str = "headwater-dev-ingest";

pub(crate) fn scope() -> Scope {
    Scope {
        project: "headwater".into(),
        environment: "dev".into(),
        account: "111111111111".into(),
        region: "eu-west-1".into(),
    }
}

fn spec() -> RoleSpec {
    let mut spec = RoleSpec::for_service("lambda.amazonaws.com", &scope(), "Runs ingest");
    spec.grant(Statement::allow("", ["sqs:ReceiveMessage"], ["arn:aws:sqs:eu-west-1:111111111111:q"]));
    spec
}

fn desired(spec: RoleSpec) -> Desired<RoleSpec> {
    Desired { key: KEY.parse().unwrap(), name: Some(NAME.into()), spec }
}

async fn survey(script: &Script) -> Vec<Observed<RoleSpec>> {
    Roles::new(&script.config()).survey(&scope()).await.unwrap()
}

async fn ensure(
    script: &Script,
    want: RoleSpec,
    observed: Option<&Observed<RoleSpec>>,
) -> resource::Result<Observed<RoleSpec>> {
    Roles::new(&script.config()).ensure(&scope(), &desired(want), observed, &Progress::silent()).await
}

pub(crate) fn error(code: &str) -> Reply {
    let status = if code == "NoSuchEntity" { 404 } else { 409 };
    Reply::xml_error(status, code, "as the test has it")
}

#[tokio::test]
async fn a_role_is_read_whole_by_four_calls_after_the_listing() {
    let full = RoleSpec {
        permissions_boundary: Some("arn:aws:iam::111111111111:policy/boundary".into()),
        managed_policy_arns: ["arn:aws:iam::aws:policy/ReadOnlyAccess".into()].into(),
        ..spec()
    };
    let script = iam(full.clone());
    let found = survey(&script).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].spec, full);
    assert_eq!(found[0].owner, Owner::Us(KEY.parse().unwrap()));
    assert_eq!(found[0].outputs["arn"], crate::Role::new(&scope(), "ingest").arn());
    assert_eq!(found[0].created.as_deref(), Some("2026-11-22T10:00:00Z"));
    assert_eq!(parameter(&script.requests()[0], "PathPrefix").as_deref(), Some("/headwater/dev/"));
    assert_eq!(script.operations().len(), 5);
}

#[tokio::test]
async fn every_page_is_read() {
    let (spec, tags) = (spec(), scope().tags(&KEY.parse().unwrap()));
    let script = Script::new(move |request| {
        let second = parameter(request, "Marker").is_some();
        let page = |first: &str, last: &str| {
            let more = "<IsTruncated>true</IsTruncated><Marker>2</Marker>";
            answer(&request.operation, &if second { last.to_owned() } else { format!("{first}{more}") })
        };
        match request.operation.as_str() {
            "ListRoles" => page("<Roles></Roles>", &roles(&spec, &tags)),
            "ListRolePolicies" => {
                page("<PolicyNames></PolicyNames>", "<PolicyNames><member>headwater</member></PolicyNames>")
            }
            "ListAttachedRolePolicies" => page(
                "<AttachedPolicies></AttachedPolicies>",
                "<AttachedPolicies><member><PolicyArn>arn:aws:iam::aws:policy/X</PolicyArn></member></AttachedPolicies>",
            ),
            _ => read(&spec, &tags, request).unwrap(),
        }
    });
    let found = survey(&script).await;
    assert_eq!(found[0].spec.policies.keys().collect::<Vec<_>>(), [POLICY_NAME]);
    assert_eq!(found[0].spec.managed_policy_arns.len(), 1);
}

#[tokio::test]
async fn a_role_is_made_with_its_tags_in_the_create_call_and_then_gets_its_policy() {
    let script = Script::new(|request| match request.operation.as_str() {
        "CreateRole" => answer("CreateRole", &role(&spec(), &BTreeMap::new())),
        other => answer(other, ""),
    });
    let made = ensure(&script, spec(), None).await.unwrap();
    assert_eq!(made.spec, spec());
    assert_eq!(script.operations(), ["CreateRole", "PutRolePolicy"]);
    let create = &script.requests()[0];
    assert_eq!(parameter(create, "Path").as_deref(), Some("/headwater/dev/"));
    assert_eq!(parameter(create, "Tags.member.2.Key").as_deref(), Some("headwater:key"));
    assert_eq!(parameter(create, "Tags.member.2.Value").as_deref(), Some(KEY));
}

#[tokio::test]
async fn each_field_that_differs_makes_its_own_call_and_no_other() {
    let policy = || PolicyDocument::new(vec![Statement::allow("", ["s3:GetObject"], ["*"])]);
    let boundary = || Some("arn:aws:iam::111111111111:policy/b".to_owned());
    let with = |change: fn(&mut RoleSpec)| {
        let mut changed = spec();
        change(&mut changed);
        changed
    };
    let by_hand = RoleSpec { policies: BTreeMap::from([("by-hand".into(), policy())]), ..spec() };
    let cases: Vec<(RoleSpec, RoleSpec, &[&str])> = vec![
        (spec(), spec(), &[]),
        (spec(), with(|spec| spec.description = "else".into()), &["UpdateRole"]),
        (spec(), with(|spec| spec.max_session_duration_seconds = 7200), &["UpdateRole"]),
        (spec(), RoleSpec { assume_role_policy_document: policy(), ..spec() }, &["UpdateAssumeRolePolicy"]),
        (spec(), RoleSpec { permissions_boundary: boundary(), ..spec() }, &["PutRolePermissionsBoundary"]),
        (RoleSpec { permissions_boundary: boundary(), ..spec() }, spec(), &["DeleteRolePermissionsBoundary"]),
        (
            spec(),
            RoleSpec { policies: BTreeMap::from([(POLICY_NAME.into(), policy())]), ..spec() },
            &["PutRolePolicy"],
        ),
        (by_hand, spec(), &["PutRolePolicy", "DeleteRolePolicy"]),
        (spec(), with(|spec| spec.managed_policy_arns = ["arn:a".into()].into()), &["AttachRolePolicy"]),
        (with(|spec| spec.managed_policy_arns = ["arn:a".into()].into()), spec(), &["DetachRolePolicy"]),
    ];
    for (have, want, calls) in cases {
        let script = iam(have);
        let found = survey(&script).await.remove(0);
        let reads = script.operations().len();
        assert_eq!(ensure(&script, want.clone(), Some(&found)).await.unwrap().spec, want);
        assert_eq!(script.operations()[reads..], *calls, "{want:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_just_made_that_is_not_found_is_waited_for() {
    let mut attempts = 0;
    let script = Script::new(move |request| match request.operation.as_str() {
        "CreateRole" => answer("CreateRole", &role(&spec(), &BTreeMap::new())),
        other => {
            attempts += 1;
            match attempts {
                1 => error("NoSuchEntity"),
                2 => Reply::reset(),
                3 => error("ConcurrentModification"),
                _ => answer(other, ""),
            }
        }
    });
    ensure(&script, spec(), None).await.unwrap();
    assert_eq!(script.operations()[1..], ["PutRolePolicy"; 4]);
}

#[tokio::test(start_paused = true)]
async fn a_policy_just_made_that_is_not_found_is_waited_for() {
    let found = survey(&iam(spec())).await.remove(0);
    let arn = "arn:aws:iam::111111111111:policy/headwater-bootstrap/dev/b".to_owned();
    let bounded = RoleSpec { permissions_boundary: Some(arn.clone()), ..spec() };
    let attached = RoleSpec { managed_policy_arns: [arn].into(), ..spec() };
    for (want, call) in [(bounded, "PutRolePermissionsBoundary"), (attached, "AttachRolePolicy")] {
        let mut attempts = 0;
        let script = Script::new(move |request| {
            attempts += 1;
            if attempts < 3 { error("NoSuchEntity") } else { answer(&request.operation, "") }
        });
        ensure(&script, want, Some(&found)).await.unwrap();
        assert_eq!(script.operations(), [call; 3]);
    }
}

#[tokio::test]
async fn a_boundary_is_there_or_not_or_it_is_not_known() {
    let there = Script::new(|_| answer("GetPolicy", "<Policy></Policy>"));
    let absent = Script::new(|_| error("NoSuchEntity"));
    let denied = Script::new(|_| Reply::xml_error(403, "AccessDenied", "no"));
    let ask = |script: Script| async move { Roles::new(&script.config()).has_policy("arn").await };
    assert!(ask(there).await.unwrap());
    assert!(!ask(absent).await.unwrap());
    assert_eq!(ask(denied).await.unwrap_err().class, Class::Denied);
}

#[tokio::test]
async fn a_role_that_was_there_and_is_not_found_is_an_error() {
    let script = iam(RoleSpec { description: "else".into(), ..spec() });
    let found = survey(&script).await.remove(0);
    let gone = Script::new(|_| error("NoSuchEntity"));
    assert_eq!(ensure(&gone, spec(), Some(&found)).await.unwrap_err().class, Class::NotFound);
}

#[tokio::test]
async fn a_role_whose_creation_was_answered_by_silence_is_taken_as_ours_and_another_is_left_alone() {
    let exists = |tags: BTreeMap<String, String>| {
        Script::new(move |request| {
            let create = request.operation == "CreateRole";
            if create { error("EntityAlreadyExists") } else { read(&spec(), &tags, request).unwrap() }
        })
    };
    assert_eq!(
        ensure(&exists(scope().tags(&KEY.parse().unwrap())), spec(), None).await.unwrap().spec,
        spec()
    );
    let other = exists(BTreeMap::from([("Name".into(), "by hand".into())]));
    assert_eq!(ensure(&other, spec(), None).await.unwrap_err().class, Class::AlreadyExists);
}

#[tokio::test(start_paused = true)]
async fn a_role_that_exists_and_is_not_found_yet_is_asked_for_again() {
    let (tags, mut gets) = (scope().tags(&KEY.parse().unwrap()), 0);
    let script = Script::new(move |request| match request.operation.as_str() {
        "CreateRole" => error("EntityAlreadyExists"),
        "GetRole" if gets < 2 => {
            gets += 1;
            error("NoSuchEntity")
        }
        _ => read(&spec(), &tags, request).unwrap(),
    });
    assert_eq!(ensure(&script, spec(), None).await.unwrap().spec, spec());
}

#[tokio::test(start_paused = true)]
async fn a_role_is_deleted_after_its_policies_and_until_it_is_gone() {
    let script = iam(RoleSpec { managed_policy_arns: ["arn:a".into()].into(), ..spec() });
    let found = survey(&script).await.remove(0);
    let (mut deletes, mut gets) = (0, 0);
    let deleting = Script::new(move |request| match request.operation.as_str() {
        "DeleteRole" => {
            deletes += 1;
            if deletes == 1 { error("DeleteConflict") } else { answer("DeleteRole", "") }
        }
        "GetRole" => {
            gets += 1;
            if gets == 1 {
                answer("GetRole", &role(&spec(), &BTreeMap::new()))
            } else {
                error("NoSuchEntity")
            }
        }
        "DetachRolePolicy" => error("NoSuchEntity"),
        other => answer(other, ""),
    });
    Roles::new(&deleting.config()).delete(&found, &Progress::silent()).await.unwrap();
    assert_eq!(
        deleting.operations(),
        ["DeleteRolePolicy", "DetachRolePolicy", "DeleteRole", "DeleteRole", "GetRole", "GetRole"]
    );
}

#[tokio::test]
async fn a_role_is_found_by_name_or_arn_and_adopted_by_its_tags() {
    let script = iam(spec());
    let family = Roles::new(&script.config());
    let found = family.find(&scope(), &crate::Role::new(&scope(), "ingest").arn()).await.unwrap().unwrap();
    assert_eq!(family.find(&scope(), NAME).await.unwrap().unwrap(), found);
    family.adopt(&scope(), &KEY.parse().unwrap(), &found).await.unwrap();
    let adopted = script.requests().pop().unwrap();
    assert_eq!(parameter(&adopted, "RoleName").as_deref(), Some(NAME));
    assert_eq!(parameter(&adopted, "Tags.member.1.Key").as_deref(), Some("headwater:env"));
    let none = Script::new(|_| error("NoSuchEntity"));
    assert_eq!(Roles::new(&none.config()).find(&scope(), NAME).await.unwrap(), None);
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    let code = [include_str!("observe.rs"), include_str!("change.rs"), include_str!("family.rs")];
    assert_actions::<Roles>(&code, &[]);
}

#[test]
fn a_role_is_never_made_anew() {
    use resource::{Effect, Spec};
    let effect = |field| RoleSpec::effect(field, &serde_json::Value::Null, &serde_json::Value::Null);
    assert!(matches!(effect("path"), Effect::Refuse(_)));
    assert_eq!(effect("assumeRolePolicyDocument.Statement"), Effect::Update);
    assert_eq!(effect("policies.headwater.Statement"), Effect::Update);
}
