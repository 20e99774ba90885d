//! The family against scripted responses.

use std::collections::BTreeMap;

use aws_env::scripted::{Reply, Request, Script, assert_actions};
use resource::{
    Class, Desired, Effect, Family, Observed, Owner, PolicyDocument, Progress, Result, Spec, Statement,
};
use serde_json::Value;

use super::{ManagedPolicies, ManagedPolicy, ManagedPolicySpec};
use crate::tests::{answer, encoded, error, parameter, scope};

const KEY: &str = "bootstrap/boundary";
const NAME: &str = "headwater-dev-boundary";
const ARN: &str = "arn:aws:iam::111111111111:policy/headwater/dev/headwater-dev-boundary";
const FULL: &str = "A managed policy can have up to 5 versions. Before you create a new version, you must delete an \
                    existing version.";

fn spec() -> ManagedPolicySpec {
    ManagedPolicySpec {
        path: scope().path(),
        description: "Bounds the roles.".into(),
        policy_document: PolicyDocument::new(vec![Statement::allow("", ["sqs:SendMessage"], ["*"])]),
    }
}

fn other() -> ManagedPolicySpec {
    let document = PolicyDocument::new(vec![Statement::allow("", ["s3:GetObject"], ["*"])]);
    ManagedPolicySpec { policy_document: document, ..spec() }
}

fn ours() -> BTreeMap<String, String> {
    scope().tags(&KEY.parse().unwrap())
}

fn policy(tags: &BTreeMap<String, String>) -> String {
    let tag = |(key, value)| format!("<member><Key>{key}</Key><Value>{value}</Value></member>");
    let tags: String = tags.iter().map(tag).collect();
    format!(
        "<Policy><PolicyName>{NAME}</PolicyName><Arn>{ARN}</Arn><Path>/headwater/dev/</Path>\
         <Description>Bounds the roles.</Description><DefaultVersionId>v1</DefaultVersionId>\
         <CreateDate>2026-11-22T10:00:00Z</CreateDate><Tags>{tags}</Tags></Policy>"
    )
}

fn versions(ids: &[&str]) -> Reply {
    let member = |(place, id): (usize, &&str)| {
        let default = place == 0;
        format!("<member><VersionId>{id}</VersionId><IsDefaultVersion>{default}</IsDefaultVersion></member>")
    };
    let members: String = ids.iter().enumerate().map(member).collect();
    answer("ListPolicyVersions", &format!("<Versions>{members}</Versions><IsTruncated>false</IsTruncated>"))
}

/// What IAM answers to reads of a policy with these tags that is [`spec`].
fn read(tags: &BTreeMap<String, String>, request: &Request) -> Reply {
    let result = match request.operation.as_str() {
        "ListPolicies" => {
            format!("<Policies><member><Arn>{ARN}</Arn></member></Policies><IsTruncated>false</IsTruncated>")
        }
        "GetPolicy" => policy(tags),
        "GetPolicyVersion" => format!(
            "<PolicyVersion><Document>{}</Document><VersionId>v1</VersionId></PolicyVersion>",
            encoded(&spec().policy_document)
        ),
        _ => String::new(),
    };
    answer(&request.operation, &result)
}

/// IAM with one policy of ours that is [`spec`] and has these versions, the default one first.
fn iam(ids: &'static [&'static str]) -> Script {
    Script::new(move |request| match request.operation.as_str() {
        "ListPolicyVersions" => versions(ids),
        _ => read(&ours(), request),
    })
}

async fn survey(script: &Script) -> Vec<Observed<ManagedPolicySpec>> {
    ManagedPolicies::new(&script.config()).survey(&scope()).await.unwrap()
}

async fn ensure(
    script: &Script,
    spec: ManagedPolicySpec,
    observed: Option<&Observed<ManagedPolicySpec>>,
) -> Result<Observed<ManagedPolicySpec>> {
    let desired = Desired { key: KEY.parse().unwrap(), name: Some(NAME.into()), spec };
    ManagedPolicies::new(&script.config()).ensure(&scope(), &desired, observed, &Progress::silent()).await
}

#[tokio::test]
async fn a_policy_is_read_whole_by_two_calls_after_the_listing() {
    let script = iam(&["v1"]);
    let found = survey(&script).await;
    assert_eq!((found.len(), &found[0].spec), (1, &spec()));
    assert_eq!(found[0].owner, Owner::Us(KEY.parse().unwrap()));
    assert_eq!((found[0].id.as_str(), found[0].name.as_deref()), (ARN, Some(NAME)));
    assert_eq!(found[0].outputs["arn"], ManagedPolicy::new(&scope(), "boundary").arn());
    assert_eq!(script.operations(), ["ListPolicies", "GetPolicy", "GetPolicyVersion"]);
    let list = &script.requests()[0];
    assert_eq!(parameter(list, "PathPrefix").as_deref(), Some("/headwater/dev/"));
    assert_eq!(parameter(list, "Scope").as_deref(), Some("Local"));
}

#[tokio::test(start_paused = true)]
async fn a_policy_is_made_with_its_tags_in_the_create_call_and_waited_for() {
    let mut gets = 0;
    let script = Script::new(move |request| match request.operation.as_str() {
        "CreatePolicy" => answer("CreatePolicy", &policy(&BTreeMap::new())),
        _ => {
            gets += 1;
            if gets < 3 { error("NoSuchEntity") } else { read(&ours(), request) }
        }
    });
    let made = ensure(&script, spec(), None).await.unwrap();
    assert_eq!((made.id.as_str(), &made.spec), (ARN, &spec()));
    assert_eq!(script.operations(), ["CreatePolicy", "GetPolicy", "GetPolicy", "GetPolicy"]);
    let create = &script.requests()[0];
    assert_eq!(parameter(create, "Path").as_deref(), Some("/headwater/dev/"));
    assert_eq!(parameter(create, "Tags.member.2.Key").as_deref(), Some("headwater:key"));
    assert_eq!(parameter(create, "Tags.member.2.Value").as_deref(), Some(KEY));
}

#[tokio::test]
async fn nothing_is_called_where_nothing_differs() {
    let script = iam(&["v1"]);
    let found = survey(&script).await.remove(0);
    let reads = script.operations().len();
    assert_eq!(ensure(&script, spec(), Some(&found)).await.unwrap().spec, spec());
    assert_eq!(script.operations().len(), reads);
}

#[tokio::test]
async fn another_document_is_a_new_default_version_and_the_oldest_of_five_makes_room() {
    let cases: [(&'static [&'static str], &[&str]); 2] = [
        (&["v4", "v1", "v2", "v3"], &["ListPolicyVersions", "CreatePolicyVersion"]),
        // By number: as text, v10 is older than v9.
        (
            &["v8", "v10", "v11", "v9", "v12"],
            &["ListPolicyVersions", "DeletePolicyVersion", "CreatePolicyVersion"],
        ),
    ];
    for (ids, calls) in cases {
        let script = iam(ids);
        let found = survey(&script).await.remove(0);
        let reads = script.operations().len();
        assert_eq!(ensure(&script, other(), Some(&found)).await.unwrap().spec, other());
        assert_eq!(script.operations()[reads..], *calls);
        let requests = script.requests();
        let created = requests.last().unwrap();
        assert_eq!(parameter(created, "SetAsDefault").as_deref(), Some("true"));
        if let Some(deleted) = requests.iter().find(|request| request.operation == "DeletePolicyVersion") {
            assert_eq!(parameter(deleted, "VersionId").as_deref(), Some("v9"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn versions_that_still_count_as_five_are_waited_for_and_a_document_too_long_is_not() {
    let limited = |message: &'static str| {
        let mut attempts = 0;
        Script::new(move |request| match request.operation.as_str() {
            "ListPolicyVersions" => versions(&["v1", "v2"]),
            "CreatePolicyVersion" => {
                attempts += 1;
                match attempts {
                    1 => Reply::xml_error(409, "LimitExceeded", message),
                    2 => Reply::reset(),
                    _ => answer("CreatePolicyVersion", ""),
                }
            }
            _ => read(&ours(), request),
        })
    };
    let full = limited(FULL);
    let found = survey(&full).await.remove(0);
    ensure(&full, other(), Some(&found)).await.unwrap();
    let created = full.operations().into_iter().filter(|operation| operation == "CreatePolicyVersion");
    assert_eq!(created.count(), 3);
    let long = limited("Cannot exceed quota for PolicySize: 6144");
    assert_eq!(ensure(&long, other(), Some(&found)).await.unwrap_err().class, Class::Fatal);
}

#[tokio::test(start_paused = true)]
async fn a_policy_whose_creation_was_answered_by_silence_is_ours_and_another_is_left_alone() {
    let exists = |tags: BTreeMap<String, String>| {
        let mut unseen = 2;
        Script::new(move |request| match request.operation.as_str() {
            "CreatePolicy" => error("EntityAlreadyExists"),
            "GetPolicy" if unseen > 0 => {
                unseen -= 1;
                error("NoSuchEntity")
            }
            "ListPolicyVersions" => versions(&["v1"]),
            _ => read(&tags, request),
        })
    };
    let script = exists(ours());
    assert_eq!(ensure(&script, other(), None).await.unwrap().spec, other());
    assert!(script.operations().contains(&"CreatePolicyVersion".to_owned()));
    let stranger = exists(BTreeMap::from([("Name".into(), "by hand".into())]));
    assert_eq!(ensure(&stranger, spec(), None).await.unwrap_err().class, Class::AlreadyExists);
    assert!(!stranger.operations().contains(&"CreatePolicyVersion".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_policy_is_deleted_after_its_versions_and_until_it_is_gone() {
    let found = survey(&iam(&["v1"])).await.remove(0);
    let (mut deletes, mut gets) = (0, 0);
    let script = Script::new(move |request| match request.operation.as_str() {
        "ListPolicyVersions" => versions(&["v3", "v1", "v2"]),
        "DeletePolicyVersion" => error("NoSuchEntity"),
        "DeletePolicy" => {
            deletes += 1;
            if deletes == 1 { error("DeleteConflict") } else { answer("DeletePolicy", "") }
        }
        _ => {
            gets += 1;
            if gets == 1 { read(&ours(), request) } else { error("NoSuchEntity") }
        }
    });
    ManagedPolicies::new(&script.config()).delete(&found, &Progress::silent()).await.unwrap();
    let calls = [
        "ListPolicyVersions",
        "DeletePolicyVersion",
        "DeletePolicyVersion",
        "DeletePolicy",
        "DeletePolicy",
        "GetPolicy",
        "GetPolicy",
    ];
    assert_eq!(script.operations(), calls);
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_stays_attached_is_not_deleted_and_detached_from_nothing() {
    let found = survey(&iam(&["v1"])).await.remove(0);
    let script = Script::new(|request| match request.operation.as_str() {
        "DeletePolicy" => error("DeleteConflict"),
        _ => versions(&["v1"]),
    });
    let family = ManagedPolicies::new(&script.config());
    let refused = family.delete(&found, &Progress::silent()).await.unwrap_err();
    assert_eq!((refused.operation, refused.class), ("iam:DeletePolicy", Class::Conflict));
    assert!(
        script
            .operations()
            .iter()
            .all(|call| ["ListPolicyVersions", "DeletePolicy"].contains(&call.as_str()))
    );
    let gone = Script::new(|_| error("NoSuchEntity"));
    ManagedPolicies::new(&gone.config()).delete(&found, &Progress::silent()).await.unwrap();
}

#[tokio::test]
async fn a_policy_is_found_by_name_or_arn_and_adopted_by_its_tags() {
    let script = iam(&["v1"]);
    let family = ManagedPolicies::new(&script.config());
    let found = family.find(&scope(), ARN).await.unwrap().unwrap();
    assert_eq!(family.find(&scope(), NAME).await.unwrap().unwrap(), found);
    family.adopt(&scope(), &KEY.parse().unwrap(), &found).await.unwrap();
    let adopted = script.requests().pop().unwrap();
    assert_eq!(parameter(&adopted, "PolicyArn").as_deref(), Some(ARN));
    assert_eq!(parameter(&adopted, "Tags.member.1.Key").as_deref(), Some("headwater:env"));
    let none = Script::new(|_| error("NoSuchEntity"));
    assert_eq!(ManagedPolicies::new(&none.config()).find(&scope(), NAME).await.unwrap(), None);
}

#[test]
fn a_document_alone_is_changed_in_place() {
    let effect = |field| ManagedPolicySpec::effect(field, &Value::Null, &Value::Null);
    assert!(matches!(effect("path"), Effect::Refuse(_)));
    assert!(matches!(effect("description"), Effect::Refuse(_)));
    assert_eq!(effect("policyDocument.Statement"), Effect::Update);
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    let code = [include_str!("../managed_policies.rs"), include_str!("versions.rs")];
    assert_actions::<ManagedPolicies>(&code, &[]);
}
