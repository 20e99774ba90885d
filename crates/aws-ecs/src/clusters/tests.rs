//! Clusters against scripted responses.

use std::sync::{Arc, Mutex};

use aws_env::scripted::{Reply, Request, Script, assert_actions};
use resource::{Class, Desired, Family, Observed, Owner, Progress, Result, Scope};
use serde_json::{Value, json};

use crate::{Cluster, ClusterSpec, Clusters, ContainerInsights, ExecuteCommandLogging};

const KEY: &str = "eventstore/cluster";

fn scope() -> Scope {
    Scope {
        project: "headwater".into(),
        environment: "dev".into(),
        account: "111111111111".into(),
        region: "eu-west-1".into(),
    }
}

fn cluster() -> Cluster {
    Cluster::new(&scope(), "eventstore")
}

fn desired(spec: ClusterSpec) -> Desired<ClusterSpec> {
    Desired { key: KEY.parse().unwrap(), name: Some(cluster().name().into()), spec }
}

/// ECS with one cluster.
#[derive(Default)]
struct Ecs {
    cluster: Option<Value>,
    faults: Vec<(&'static str, Reply)>,
}

fn script(ecs: Ecs) -> (Script, Arc<Mutex<Ecs>>) {
    let state = Arc::new(Mutex::new(ecs));
    let ecs = Arc::clone(&state);
    (Script::new(move |request| ecs.lock().unwrap().answer(request)), state)
}

impl Ecs {
    fn answer(&mut self, request: &Request) -> Reply {
        let operation = request.operation.as_str();
        if let Some(at) = self.faults.iter().position(|(of, _)| *of == operation) {
            return self.faults.remove(at).1;
        }
        let body = request.json();
        match (operation, &mut self.cluster) {
            ("ListClusters", there) => {
                let mut arns = vec![scope().arn("ecs", "cluster/headwater-prod-eventstore")];
                arns.extend(there.iter().map(|_| cluster().arn()));
                return Reply::json(200, json!({"clusterArns": arns}));
            }
            ("DescribeClusters", there) => {
                return Reply::json(200, json!({"clusters": there.iter().collect::<Vec<_>>()}));
            }
            // ECS answers as if it had made the one that is there.
            ("CreateCluster", Some(_)) => {}
            ("CreateCluster", there) => {
                let mut made = body;
                made["clusterArn"] = cluster().arn().into();
                made["status"] = "ACTIVE".into();
                *there = Some(made);
            }
            ("UpdateCluster", Some(there)) => {
                there["settings"] = body["settings"].clone();
                there["configuration"] = body["configuration"].clone();
            }
            ("DeleteCluster", Some(there)) => there["status"] = "INACTIVE".into(),
            ("TagResource", _) => {}
            _ => return Reply::error(400, "ClusterNotFoundException", "Cluster not found."),
        }
        Reply::json(200, json!({"cluster": self.cluster}))
    }
}

async fn ensure(
    script: &Script,
    spec: ClusterSpec,
    observed: Option<&Observed<ClusterSpec>>,
) -> Result<Observed<ClusterSpec>> {
    Clusters::new(&script.config()).ensure(&scope(), &desired(spec), observed, &Progress::silent()).await
}

async fn survey(script: &Script) -> Vec<Observed<ClusterSpec>> {
    Clusters::new(&script.config()).survey(&scope()).await.unwrap()
}

fn calls(script: &Script, operation: &str) -> usize {
    script.operations().iter().filter(|one| *one == operation).count()
}

#[tokio::test(start_paused = true)]
async fn a_cluster_is_created_in_one_call_and_read_back_as_it_was() {
    let (script, _) = script(Ecs::default());
    let made = ensure(&script, ClusterSpec::default(), None).await.unwrap();
    assert_eq!((&made.spec, &made.owner), (&ClusterSpec::default(), &Owner::Us(KEY.parse().unwrap())));
    assert_eq!((&made.id, &made.outputs["arn"]), (&cluster().name().to_owned(), &cluster().arn()));
    insta::assert_snapshot!(format!("{:#}", script.requests()[0].json()));
    let found = survey(&script).await;
    assert_eq!(found, [made]);
    ensure(&script, ClusterSpec::default(), Some(&found[0])).await.unwrap();
    assert_eq!((calls(&script, "CreateCluster"), calls(&script, "UpdateCluster")), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn the_service_linked_role_and_a_cluster_that_is_not_seen_yet_are_waited_for() {
    let role =
        "Unable to assume the service linked role. Please verify that the ECS service linked role exists.";
    let faults = vec![
        ("CreateCluster", Reply::error(400, "InvalidParameterException", role)),
        ("CreateCluster", Reply::reset()),
        ("DescribeClusters", Reply::json(200, json!({"clusters": [], "failures": [{"reason": "MISSING"}]}))),
    ];
    let (script, _) = script(Ecs { faults, ..Ecs::default() });
    assert_eq!(ensure(&script, ClusterSpec::default(), None).await.unwrap().spec, ClusterSpec::default());
    assert_eq!(calls(&script, "CreateCluster"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_of_somebody_else_is_not_taken_for_the_new_one() {
    let theirs = json!({"clusterName": cluster().name(), "clusterArn": cluster().arn(), "status": "ACTIVE"});
    let (script, _) = script(Ecs { cluster: Some(theirs), ..Ecs::default() });
    let error = ensure(&script, ClusterSpec::default(), None).await.unwrap_err();
    assert_eq!(error.class, Class::AlreadyExists);
    assert_eq!(calls(&script, "UpdateCluster"), 0);
}

#[tokio::test(start_paused = true)]
async fn each_field_is_changed_in_place() {
    let changes = [
        ClusterSpec { container_insights: ContainerInsights::Enhanced, ..ClusterSpec::default() },
        ClusterSpec { execute_command_logging: ExecuteCommandLogging::Default, ..ClusterSpec::default() },
    ];
    for want in changes {
        let (script, _) = script(Ecs::default());
        let made = ensure(&script, ClusterSpec::default(), None).await.unwrap();
        assert_eq!(ensure(&script, want.clone(), Some(&made)).await.unwrap().spec, want);
        assert_eq!(calls(&script, "UpdateCluster"), 1);
        assert_eq!(survey(&script).await[0].spec, want);
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_cluster_still_has_is_waited_out_when_it_is_deleted() {
    let (script, state) = script(Ecs::default());
    let made = ensure(&script, ClusterSpec::default(), None).await.unwrap();
    let still = |code: &str| ("DeleteCluster", Reply::error(400, code, "It is not empty."));
    state.lock().unwrap().faults = vec![
        still("ClusterContainsServicesException"),
        still("ClusterContainsTasksException"),
        still("UpdateInProgressException"),
    ];
    let clusters = Clusters::new(&script.config());
    clusters.delete(&made, &Progress::silent()).await.unwrap();
    assert_eq!(calls(&script, "DeleteCluster"), 4);
    assert_eq!(survey(&script).await, []);
    state.lock().unwrap().cluster = None;
    clusters.delete(&made, &Progress::silent()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_cluster_is_found_by_name_or_arn_and_adopted_by_tags() {
    let (script, _) = script(Ecs::default());
    let made = ensure(&script, ClusterSpec::default(), None).await.unwrap();
    let clusters = Clusters::new(&script.config());
    for id in [cluster().name(), &cluster().arn()] {
        assert_eq!(clusters.find(&scope(), id).await.unwrap().as_ref(), Some(&made));
    }
    let elsewhere = "arn:aws:ecs:us-east-1:111111111111:cluster/a";
    assert_eq!(clusters.find(&scope(), elsewhere).await.unwrap(), None);
    clusters.adopt(&scope(), &KEY.parse().unwrap(), &made).await.unwrap();
    let tagged = script.requests().pop().unwrap().json();
    assert_eq!(tagged["resourceArn"], cluster().arn());
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    assert_actions::<Clusters>(&[include_str!("../clusters.rs"), include_str!("../listing.rs")], &[]);
}
