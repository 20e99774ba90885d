//! NAT gateways.

use aws_env::scripted::assert_actions;
use resource::{Class, Family, Progress};

use super::{
    cloud::{Ec2, Thing, answer, error, mutations, parameters},
    desired, ensured, ours, scope,
};
use crate::{NatGatewaySpec, NatGateways};

const KEY: &str = "egress/nat";

fn spec() -> NatGatewaySpec {
    NatGatewaySpec { subnet_id: "subnet-1".into(), allocation_id: "eipalloc-1".into() }
}

fn gateway(state: &str) -> Thing {
    let fields = [("subnetId", "subnet-1"), ("state", state), ("createTime", "2026-11-22T10:00:00Z")];
    Thing::new("NatGateway", "nat-a", &fields).tagged(ours(KEY))
}

#[tokio::test(start_paused = true)]
async fn a_gateway_is_created_with_its_tags_and_waited_for_until_it_is_available() {
    let fresh = error("InvalidSubnetID.NotFound", "does not exist");
    let ec2 = Ec2 { busy: 4, ..Ec2::default() }.failing([("CreateNatGateway", fresh)]);
    let (script, _) = ec2.script();
    let gateways = NatGateways::new(&script.config());
    let made = ensured(&gateways, &desired(KEY, spec()), None).await;
    assert_eq!(mutations(&script), ["CreateNatGateway", "CreateNatGateway"]);
    let mut given = parameters(&script.requests()[1]);
    assert!(given.remove("ClientToken").is_some_and(|token| !token.is_empty()));
    insta::assert_json_snapshot!(given);
    ensured(&gateways, &desired(KEY, spec()), Some(&made)).await;
    assert_eq!(mutations(&script).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_a_killed_run_left_is_waited_for() {
    let pending = gateway("pending").with("natGatewayAddressSet", &[("allocationId", "eipalloc-1")]);
    let (script, _) = Ec2 { busy: 4, ..Ec2::with([pending]) }.script();
    let gateways = NatGateways::new(&script.config());
    let seen = gateways.survey(&scope()).await.unwrap().remove(0);
    assert_eq!(
        (seen.pending.as_deref(), seen.created.as_deref()),
        (Some("pending"), Some("2026-11-22T10:00:00Z"))
    );
    assert_eq!(ensured(&gateways, &desired(KEY, spec()), Some(&seen)).await.pending, None);
    assert_eq!(mutations(&script), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn why_a_gateway_could_not_be_made_is_said_at_once_and_it_is_not_seen_again() {
    let failed = "<item><natGatewayId>nat-1</natGatewayId><state>failed</state>\
        <failureCode>Gateway.NotAttached</failureCode>\
        <failureMessage>Network vpc-1 has no Internet gateway attached</failureMessage></item>";
    let failed = || answer("DescribeNatGateways", &format!("<natGatewaySet>{failed}</natGatewaySet>"));
    let (script, _) = Ec2::default()
        .failing([("DescribeNatGateways", failed()), ("DescribeNatGateways", failed())])
        .script();
    let gateways = NatGateways::new(&script.config());
    let refused =
        gateways.ensure(&scope(), &desired(KEY, spec()), None, &Progress::silent()).await.unwrap_err();
    assert_eq!(refused.class, Class::Fatal);
    insta::assert_snapshot!(
        refused.source,
        @"nat-1 could not be made: Gateway.NotAttached: Network vpc-1 has no Internet gateway attached; EC2 removes it by itself, so deploy again once the cause is gone"
    );
    assert_eq!(gateways.survey(&scope()).await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_is_gone_when_it_is_deleted_and_no_earlier() {
    let (script, state) = Ec2::with([gateway("available")]).script();
    let gateways = NatGateways::new(&script.config());
    let there = gateways.survey(&scope()).await.unwrap().remove(0);
    state.lock().unwrap().busy = 5;
    gateways.delete(&there, &Progress::silent()).await.unwrap();
    assert_eq!(state.lock().unwrap().get("nat-a").unwrap().fields["state"], "deleted");
    assert_eq!(script.operations().iter().filter(|call| *call == "DescribeNatGateways").count(), 1 + 6);
    assert_eq!(gateways.survey(&scope()).await.unwrap(), []);
    let gone = Ec2::default().script().0;
    NatGateways::new(&gone.config()).delete(&there, &Progress::silent()).await.unwrap();
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    assert_actions::<NatGateways>(&[include_str!("../nat_gateway.rs"), include_str!("../ec2.rs")], &[]);
}
