//! Internet gateways.

use aws_env::scripted::{Reply, assert_actions};
use resource::{Family, Progress};

use super::{
    cloud::{Ec2, Thing, depended_on, error, mutations, parameters},
    desired, ensured, ours, scope,
};
use crate::{InternetGatewaySpec, InternetGateways};

const KEY: &str = "stateful/internet-gateway";

fn spec(vpc: Option<&str>) -> InternetGatewaySpec {
    InternetGatewaySpec { vpc_id: vpc.map(str::to_owned) }
}

fn gateway(vpc: &str) -> Thing {
    let attachment = [("vpcId", vpc), ("state", "available")];
    Thing::new("InternetGateway", "igw-a", &[]).tagged(ours(KEY)).with("attachmentSet", &attachment)
}

#[tokio::test(start_paused = true)]
async fn a_gateway_is_created_with_its_tags_and_attached() {
    let fresh = error("InvalidInternetGatewayID.NotFound", "does not exist");
    let (script, _) = Ec2::default().failing([("AttachInternetGateway", fresh)]).script();
    let gateways = InternetGateways::new(&script.config());
    let made = ensured(&gateways, &desired(KEY, spec(Some("vpc-1"))), None).await;
    let calls = ["CreateInternetGateway", "AttachInternetGateway", "AttachInternetGateway"];
    assert_eq!(mutations(&script), calls);
    insta::assert_json_snapshot!(parameters(&script.requests()[0]));
    ensured(&gateways, &desired(KEY, spec(Some("vpc-1"))), Some(&made)).await;
    assert_eq!(mutations(&script).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_is_attached_moved_and_detached() {
    for (from, to, calls) in [
        (None, Some("vpc-2"), vec!["AttachInternetGateway"]),
        (Some("vpc-1"), Some("vpc-2"), vec!["DetachInternetGateway", "AttachInternetGateway"]),
        (Some("vpc-1"), None, vec!["DetachInternetGateway"]),
    ] {
        let (script, _) = Ec2::default().script();
        let gateways = InternetGateways::new(&script.config());
        let there = ensured(&gateways, &desired(KEY, spec(from)), None).await;
        let before = mutations(&script).len();
        ensured(&gateways, &desired(KEY, spec(to)), Some(&there)).await;
        assert_eq!(mutations(&script)[before..], calls);
    }
}

#[tokio::test(start_paused = true)]
async fn an_attachment_whose_reply_was_lost_is_there_and_one_of_another_gateway_is_waited_out() {
    let (script, state) = Ec2::with([gateway("vpc-1")]).script();
    let gateways = InternetGateways::new(&script.config());
    let mut there = gateways.survey(&scope()).await.unwrap().remove(0);
    there.spec.vpc_id = None;
    state.lock().unwrap().faults = vec![
        (
            "AttachInternetGateway",
            error("InvalidParameterValue", "Network vpc-1 already has an internet gateway attached"),
        ),
        ("AttachInternetGateway", Reply::reset()),
    ];
    ensured(&gateways, &desired(KEY, spec(Some("vpc-1"))), Some(&there)).await;
    assert_eq!(mutations(&script).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_is_deleted_once_no_public_address_is_mapped() {
    let mapped = || error("DependencyViolation", "Network vpc-1 has some mapped public address(es).");
    let faults = [
        ("DetachInternetGateway", mapped()),
        ("DetachInternetGateway", mapped()),
        ("DeleteInternetGateway", depended_on()),
    ];
    let (script, _) = Ec2::with([gateway("vpc-1")]).failing(faults).script();
    let gateways = InternetGateways::new(&script.config());
    let there = gateways.survey(&scope()).await.unwrap().remove(0);
    gateways.delete(&there, &Progress::silent()).await.unwrap();
    assert_eq!(mutations(&script).len(), 3 + 2);
    let detached = error("Gateway.NotAttached", "resource igw-a is not attached to network vpc-1");
    let (script, _) = Ec2::default().failing([("DetachInternetGateway", detached)]).script();
    InternetGateways::new(&script.config()).delete(&there, &Progress::silent()).await.unwrap();
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    let code = [include_str!("../internet_gateway.rs"), include_str!("../ec2.rs")];
    assert_actions::<InternetGateways>(&code, &[]);
}
