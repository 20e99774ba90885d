//! What the survey sees.

use aws_env::scripted::{Reply, Script, assert_actions};
use resource::{Effect, Family, Owner, Spec};
use serde_json::{Value, json};

use super::{NAME, REGISTRY, cluster, ensure, fargate::Fargate, scope, spec, survey};
use crate::{ServiceSpec, Services};

#[tokio::test(start_paused = true)]
async fn a_service_is_read_whole() {
    let (script, _) = Fargate::default().script();
    ensure(&script, spec(), None).await.unwrap();
    let found = survey(&script).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].spec, spec());
    assert_eq!(found[0].name.as_deref(), Some(NAME));
    let service = crate::Service::new(&scope(), &cluster(), "eventstore");
    assert_eq!((&found[0].id, &found[0].outputs["arn"]), (&service.arn(), &service.arn()));
    assert_eq!(found[0].outputs["name"], service.name());
    assert_eq!(found[0].created.as_deref(), Some("2026-09-21T14:13:20Z"));
    // The other cluster has not our prefix.
    let listed = script.requests().into_iter().filter(|request| request.operation == "ListServices");
    assert_eq!(
        listed.map(|request| request.json()["cluster"].clone()).collect::<Vec<_>>(),
        [cluster().arn()]
    );
}

#[tokio::test]
async fn every_page_is_read_ten_services_at_once_and_what_goes_away_is_left_out() {
    let script = Script::new(|request| {
        let body = request.json();
        Reply::json(
            200,
            match request.operation.as_str() {
                "ListClusters" if body["nextToken"].is_null() => json!({"clusterArns": [], "nextToken": "2"}),
                "ListClusters" => json!({"clusterArns": [cluster().arn()]}),
                "ListServices" if body["nextToken"].is_null() => {
                    json!({"serviceArns": (0..9).map(|n| format!("s/{n}")).collect::<Vec<_>>(), "nextToken": "2"})
                }
                "ListServices" => {
                    json!({"serviceArns": (9..12).map(|n| format!("s/{n}")).collect::<Vec<_>>()})
                }
                _ => {
                    let arns = body["services"].as_array().unwrap();
                    assert!(arns.len() <= 10 && body["include"] == json!(["TAGS"]));
                    let service = |arn: &Value| {
                        let status = match arn.as_str() {
                            Some("s/3") => "DRAINING",
                            Some("s/4") => "INACTIVE",
                            _ => "ACTIVE",
                        };
                        json!({"serviceArn": arn, "serviceName": arn, "status": status})
                    };
                    json!({"services": arns.iter().map(service).collect::<Vec<_>>()})
                }
            },
        )
    });
    let found = survey(&script).await;
    assert_eq!(found.len(), 10);
    assert!(found.iter().all(|one| matches!(one.owner, Owner::Other(_))));
}

#[tokio::test]
async fn a_cluster_that_goes_away_meanwhile_has_no_services() {
    let script = Script::new(|request| match request.operation.as_str() {
        "ListClusters" => Reply::json(200, json!({"clusterArns": [cluster().arn()]})),
        _ => Reply::error(400, "ClusterNotFoundException", "Cluster not found."),
    });
    assert_eq!(survey(&script).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_service_is_found_by_arn_or_name_and_adopted_by_tags() {
    let (script, _) = Fargate::default().script();
    let made = ensure(&script, spec(), None).await.unwrap();
    let services = Services::new(&script.config());
    for id in [made.id.as_str(), NAME] {
        assert_eq!(services.find(&scope(), id).await.unwrap().map(|one| one.id), Some(made.id.clone()));
    }
    let elsewhere = "arn:aws:ecs:us-east-1:111111111111:service/a/b";
    assert_eq!(services.find(&scope(), elsewhere).await.unwrap(), None);

    let script = Script::new(|_| Reply::json(200, json!({})));
    Services::new(&script.config()).adopt(&scope(), &super::KEY.parse().unwrap(), &made).await.unwrap();
    let request = script.requests().remove(0);
    assert_eq!(
        (request.operation.as_str(), &request.json()["resourceArn"]),
        ("TagResource", &json!(made.id))
    );
}

#[test]
fn only_another_cluster_makes_a_service_anew() {
    let effect = |field| ServiceSpec::effect(field, &json!(null), &json!(REGISTRY));
    assert_eq!(effect("clusterArn"), Effect::Replace);
    assert_eq!(effect("serviceRegistryArn"), Effect::Update);
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    let code = [
        include_str!("../../services.rs"),
        include_str!("../../listing.rs"),
        include_str!("../change.rs"),
        include_str!("../create.rs"),
        include_str!("../delete.rs"),
        include_str!("../observe.rs"),
        include_str!("../rollout.rs"),
        include_str!("../story.rs"),
        include_str!("../tasks.rs"),
    ];
    assert_actions::<Services>(&code, &[]);
}
