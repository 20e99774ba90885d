//! The family against scripted responses.

use std::sync::{Arc, Mutex};

use aws_env::scripted::{Reply, Script, assert_actions};
use resource::{Desired, Family, Owner, Progress, Result};

use super::{Observed, ServiceLinkedRoleSpec, ServiceLinkedRoles, service_linked_role_key};
use crate::tests::scope;

const NAME: &str = "AWSServiceRoleForECS";
const ARN: &str = "arn:aws:iam::111111111111:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS";

fn listed(there: bool) -> Reply {
    let role = format!(
        "<member><Path>/aws-service-role/ecs.amazonaws.com/</Path><RoleName>{NAME}</RoleName><RoleId>AROA1</RoleId>\
         <Arn>{ARN}</Arn><CreateDate>2026-11-22T10:00:00Z</CreateDate></member>"
    );
    let roles = if there { role } else { String::new() };
    Reply::xml(
        200,
        format!(
            "<ListRolesResponse><ListRolesResult><Roles>{roles}</Roles><IsTruncated>false</IsTruncated>\
             </ListRolesResult></ListRolesResponse>"
        ),
    )
}

/// IAM that lists the role after `unseen` listings, and answers a create with `created`.
fn iam(mut unseen: u32, created: Reply) -> Script {
    Script::new(move |request| match request.operation.as_str() {
        "ListRoles" => {
            assert!(request.body.contains("PathPrefix=%2Faws-service-role%2Fecs.amazonaws.com%2F"));
            unseen = unseen.saturating_sub(1);
            listed(unseen == 0)
        }
        _ => created.clone(),
    })
}

fn made() -> Reply {
    Reply::xml(
        200,
        "<CreateServiceLinkedRoleResponse><CreateServiceLinkedRoleResult/></CreateServiceLinkedRoleResponse>",
    )
}

async fn ensure(
    script: &Script,
    service: &str,
    observed: Option<&Observed<ServiceLinkedRoleSpec>>,
) -> Result<Observed<ServiceLinkedRoleSpec>> {
    let key = service_linked_role_key(service).unwrap();
    let desired = Desired { key, name: None, spec: ServiceLinkedRoleSpec::new(service) };
    ServiceLinkedRoles::new(&script.config()).ensure(&scope(), &desired, observed, &Progress::silent()).await
}

#[tokio::test]
async fn a_role_that_is_there_is_ours_and_needs_nothing() {
    let script = iam(1, made());
    let found = ServiceLinkedRoles::new(&script.config()).survey(&scope()).await.unwrap();
    let key = "stateful/ecs-service-linked-role".parse().unwrap();
    assert_eq!((found.len(), &found[0].owner), (1, &Owner::Us(key)));
    assert_eq!(found[0].spec, ServiceLinkedRoleSpec { aws_service_name: "ecs.amazonaws.com".into() });
    assert_eq!((found[0].id.as_str(), found[0].outputs["arn"].as_str()), (NAME, ARN));
    ensure(&script, "ecs", Some(&found[0])).await.unwrap();
    assert_eq!(script.operations(), ["ListRoles"]);
}

#[tokio::test(start_paused = true)]
async fn a_role_is_made_where_there_is_none_and_waited_for() {
    let script = iam(3, made());
    assert_eq!(ServiceLinkedRoles::new(&script.config()).survey(&scope()).await.unwrap(), []);
    assert_eq!(ensure(&script, "ecs", None).await.unwrap().id, NAME);
    let calls = ["ListRoles", "CreateServiceLinkedRole", "ListRoles", "ListRoles"];
    assert_eq!(script.operations(), calls);
    assert!(script.requests()[1].body.contains("AWSServiceName=ecs.amazonaws.com"));
}

#[tokio::test(start_paused = true)]
async fn that_somebody_made_it_meanwhile_is_fine() {
    let taken = "Service role name AWSServiceRoleForECS has been taken in this account, please try a different suffix.";
    let replies = [
        Reply::xml_error(400, "InvalidInput", taken),
        Reply::xml_error(409, "EntityAlreadyExists", "It exists."),
    ];
    for reply in replies {
        assert_eq!(ensure(&iam(1, reply), "ecs", None).await.unwrap().id, NAME);
    }
    let other = Reply::xml_error(400, "InvalidInput", "Custom suffix is not allowed.");
    assert!(ensure(&iam(1, other), "ecs", None).await.is_err());
    // What no survey finds would be made at every deploy.
    let script = iam(1, made());
    assert!(ensure(&script, "elasticfilesystem", None).await.is_err());
    assert_eq!(script.operations(), [""; 0]);
}

#[tokio::test]
async fn a_role_is_never_deleted_and_says_so() {
    let script = iam(1, made());
    let roles = ServiceLinkedRoles::new(&script.config());
    let found = roles.find(&scope(), ARN).await.unwrap().unwrap();
    let notes = Arc::new(Mutex::new(Vec::new()));
    let progress = Progress::new({
        let notes = Arc::clone(&notes);
        move |note| notes.lock().unwrap().push(note)
    });
    roles.delete(&found, &progress).await.unwrap();
    roles.adopt(&scope(), &service_linked_role_key("ecs").unwrap(), &found).await.unwrap();
    assert_eq!(*notes.lock().unwrap(), ["AWSServiceRoleForECS is shared by the whole account and stays"]);
    assert_eq!(script.operations(), ["ListRoles"]);
    assert_eq!(roles.find(&scope(), "another").await.unwrap(), None);
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    assert_actions::<ServiceLinkedRoles>(&[include_str!("../service_linked_roles.rs")], &[]);
}
