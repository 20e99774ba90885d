//! Seeing what is there.

use aws_env::scripted::{Reply, Script, assert_actions};
use resource::{Class, Family, Owner};
use serde_json::json;

use super::{
    NAME,
    cloud::{Cloud, Stored, arn, not_there},
    key, scope, secrets,
};
use crate::{Content, Secrets};

#[tokio::test]
async fn all_pages_are_read_and_what_is_gone_deleted_or_named_otherwise_is_left_out() {
    let script = Script::new(|request| {
        let body = request.json();
        let listed = |names: &[&str]| names.iter().map(|name| json!({"Name": name})).collect::<Vec<_>>();
        match (request.operation.as_str(), body["NextToken"].as_str(), body["SecretId"].as_str()) {
            ("ListSecrets", None, _) => {
                let page = listed(&["headwater/dev/a", "headwater/dev/gone", "other/headwater/dev/b"]);
                Reply::json(200, json!({"SecretList": page, "NextToken": "2"}))
            }
            ("ListSecrets", ..) => {
                let page = listed(&["headwater/dev/c", "headwater/dev/deleted"]);
                Reply::json(200, json!({"SecretList": page}))
            }
            (_, _, Some("headwater/dev/gone")) => not_there(),
            (_, _, Some(name)) => {
                let mut described = json!({"ARN": arn(name), "Name": name, "VersionIdsToStages": {}});
                if name.ends_with("deleted") {
                    described["DeletedDate"] = json!(1_790_000_000);
                }
                Reply::json(200, described)
            }
            _ => Reply::error(400, "UnsupportedOperation", &request.operation),
        }
    });
    let seen = secrets(&script).survey(&scope()).await.unwrap();
    let names: Vec<_> = seen.iter().filter_map(|secret| secret.name.as_deref()).collect();
    assert_eq!(names, ["headwater/dev/a", "headwater/dev/c"]);
    assert!(seen.iter().all(|secret| secret.spec.content == Content::Other));
    let filters = json!([{"Key": "name", "Values": ["headwater/dev/"]}]);
    assert_eq!(script.requests()[0].json()["Filters"], filters);
    assert!(!script.operations().contains(&"GetSecretValue".to_owned()));
}

#[tokio::test]
async fn a_secret_is_found_by_name_or_arn_and_no_other_accounts() {
    let mut cloud = Cloud::default();
    cloud.secrets.insert(NAME.into(), Stored { tags: scope().tags(&key()), ..Stored::default() });
    let (script, state) = cloud.script();
    let family = secrets(&script);
    for id in [NAME.to_owned(), arn(NAME)] {
        let found = family.find(&scope(), &id).await.unwrap().expect("found");
        assert_eq!((found.id, found.owner), (arn(NAME), Owner::Us(key())));
    }
    let elsewhere = "arn:aws:secretsmanager:us-east-1:222222222222:secret:headwater/dev/certificate-AbCdEf";
    assert_eq!(family.find(&scope(), elsewhere).await.unwrap(), None);
    assert_eq!(family.find(&scope(), "headwater/dev/other").await.unwrap(), None);
    state.lock().unwrap().faults = vec![("ListSecrets", Reply::error(403, "AccessDeniedException", "no"))];
    assert_eq!(family.survey(&scope()).await.unwrap_err().class, Class::Denied);
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    let code = [include_str!("../content.rs"), include_str!("../ensure.rs"), include_str!("../family.rs")];
    assert_actions::<Secrets>(&code, &[]);
}
