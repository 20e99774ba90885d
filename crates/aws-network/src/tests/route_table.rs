//! Route tables.

use aws_env::scripted::{Reply, assert_actions};
use resource::{Class, Effect, Family, Progress, Spec};
use serde_json::Value;

use super::{
    cloud::{Ec2, Thing, depended_on, error, mutations, parameters},
    desired, ensured, ours, scope,
};
use crate::{RouteTableSpec, RouteTables};

const KEY: &str = "stateful/private";

fn spec(routes: &[(&str, &str)], subnets: &[&str]) -> RouteTableSpec {
    RouteTableSpec {
        vpc_id: "vpc-1".into(),
        routes: routes.iter().map(|(block, target)| ((*block).into(), (*target).into())).collect(),
        subnet_ids: subnets.iter().map(|id| (*id).into()).collect(),
    }
}

fn table() -> Thing {
    let association =
        [("routeTableAssociationId", "rtbassoc-a"), ("routeTableId", "rtb-a"), ("subnetId", "subnet-1")];
    Thing::new("RouteTable", "rtb-a", &[("vpcId", "vpc-1")])
        .tagged(ours(KEY))
        .with("associationSet", &association)
        .with("associationSet", &[("routeTableAssociationId", "rtbassoc-main"), ("main", "true")])
        .with("routeSet", &[("destinationCidrBlock", "10.0.0.0/16"), ("gatewayId", "local")])
        .with(
            "routeSet",
            &[("destinationPrefixListId", "pl-1"), ("gatewayId", "vpce-1"), ("origin", "CreateRoute")],
        )
        .with(
            "routeSet",
            &[
                ("destinationCidrBlock", "10.7.0.0/16"),
                ("gatewayId", "vgw-1"),
                ("origin", "EnableVgwRoutePropagation"),
            ],
        )
        .with(
            "routeSet",
            &[
                ("destinationCidrBlock", "0.0.0.0/0"),
                ("natGatewayId", "nat-gone"),
                ("state", "blackhole"),
                ("origin", "CreateRoute"),
            ],
        )
}

#[tokio::test(start_paused = true)]
async fn a_table_is_created_with_its_tags_given_its_routes_and_then_its_subnets() {
    let (script, _) = Ec2::default().script();
    let tables = RouteTables::new(&script.config());
    let want = desired(KEY, spec(&[("0.0.0.0/0", "igw-1"), ("::/0", "igw-1")], &["subnet-1", "subnet-2"]));
    let made = ensured(&tables, &want, None).await;
    let calls =
        ["CreateRouteTable", "CreateRoute", "CreateRoute", "AssociateRouteTable", "AssociateRouteTable"];
    assert_eq!(mutations(&script), calls);
    let mut given = parameters(&script.requests()[0]);
    assert!(given.remove("ClientToken").is_some());
    insta::assert_json_snapshot!(given);
    ensured(&tables, &want, Some(&made)).await;
    assert_eq!(mutations(&script).len(), 5);
}

#[tokio::test(start_paused = true)]
async fn what_came_with_the_table_or_by_an_endpoint_is_not_ours_and_a_black_hole_is_replaced() {
    let (script, _) = Ec2::with([table()]).script();
    let tables = RouteTables::new(&script.config());
    let seen = tables.survey(&scope()).await.unwrap().remove(0);
    assert_eq!(seen.spec, spec(&[("0.0.0.0/0", "nat-gone")], &["subnet-1"]));
    ensured(&tables, &desired(KEY, spec(&[("0.0.0.0/0", "nat-2")], &["subnet-1"])), Some(&seen)).await;
    assert_eq!(mutations(&script), ["ReplaceRoute"]);
}

#[tokio::test(start_paused = true)]
async fn each_difference_takes_one_call() {
    for (to, call) in [
        (spec(&[], &["subnet-1"]), "DeleteRoute"),
        (spec(&[("0.0.0.0/0", "igw-1")], &["subnet-1"]), "ReplaceRoute"),
        (spec(&[("0.0.0.0/0", "nat-gone"), ("10.9.0.0/16", "nat-1")], &["subnet-1"]), "CreateRoute"),
        (spec(&[("0.0.0.0/0", "nat-gone")], &[]), "DisassociateRouteTable"),
        (spec(&[("0.0.0.0/0", "nat-gone")], &["subnet-1", "subnet-2"]), "AssociateRouteTable"),
    ] {
        let (script, _) = Ec2::with([table()]).script();
        let tables = RouteTables::new(&script.config());
        let there = tables.survey(&scope()).await.unwrap().remove(0);
        ensured(&tables, &desired(KEY, to), Some(&there)).await;
        assert_eq!(mutations(&script), [call]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_just_made_is_waited_for() {
    let missing = |code: &str| error(code, "does not exist");
    let faults = [
        ("CreateRouteTable", missing("InvalidVpcID.NotFound")),
        ("CreateRoute", missing("InvalidRouteTableID.NotFound")),
        ("CreateRoute", missing("InvalidNatGatewayID.NotFound")),
        (
            "CreateRoute",
            error(
                "InvalidParameterValue",
                "route table rtb-1 and network gateway igw-1 belong to different networks",
            ),
        ),
        ("AssociateRouteTable", missing("InvalidSubnetID.NotFound")),
    ];
    let (script, _) = Ec2::default().failing(faults).script();
    let tables = RouteTables::new(&script.config());
    ensured(&tables, &desired(KEY, spec(&[("0.0.0.0/0", "igw-1")], &["subnet-1"])), None).await;
    assert_eq!(mutations(&script).len(), 3 + 5);
}

#[tokio::test(start_paused = true)]
async fn calls_whose_replies_were_lost_are_found_done() {
    let (script, state) = Ec2::with([table()]).script();
    let tables = RouteTables::new(&script.config());
    let mut stale = tables.survey(&scope()).await.unwrap().remove(0);
    stale.spec = spec(&[], &[]);
    state.lock().unwrap().faults = vec![("CreateRoute", Reply::reset())];
    ensured(&tables, &desired(KEY, spec(&[("0.0.0.0/0", "nat-2")], &["subnet-1"])), Some(&stale)).await;
    assert_eq!(mutations(&script), ["CreateRoute", "CreateRoute", "ReplaceRoute", "AssociateRouteTable"]);
}

#[tokio::test(start_paused = true)]
async fn a_subnet_is_taken_from_the_table_that_it_follows() {
    let other =
        [("routeTableAssociationId", "rtbassoc-b"), ("routeTableId", "rtb-b"), ("subnetId", "subnet-9")];
    let other = Thing::new("RouteTable", "rtb-b", &[("vpcId", "vpc-1")]).with("associationSet", &other);
    let (script, _) = Ec2::with([table(), other]).script();
    let tables = RouteTables::new(&script.config());
    let there = tables.survey(&scope()).await.unwrap().remove(0);
    let want = spec(&[("0.0.0.0/0", "nat-gone")], &["subnet-1", "subnet-9"]);
    ensured(&tables, &desired(KEY, want), Some(&there)).await;
    assert_eq!(mutations(&script), ["AssociateRouteTable", "ReplaceRouteTableAssociation"]);
    let before = tables.find(&scope(), "rtb-b").await.unwrap().unwrap();
    assert!(before.spec.subnet_ids.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_target_that_no_route_may_have_is_refused_before_any_call() {
    let (script, _) = Ec2::with([table()]).script();
    let tables = RouteTables::new(&script.config());
    let there = tables.survey(&scope()).await.unwrap().remove(0);
    let want = desired(KEY, spec(&[("0.0.0.0/0", "eni-1")], &["subnet-1"]));
    let refused = tables.ensure(&scope(), &want, Some(&there), &Progress::silent()).await.unwrap_err();
    assert_eq!(refused.class, Class::Fatal);
    insta::assert_snapshot!(
        refused.source,
        @"a route goes to an internet gateway (igw-…) or a NAT gateway (nat-…), not to `eni-1`"
    );
    assert_eq!(mutations(&script), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_table_is_disassociated_and_deleted_and_one_that_is_gone_is_no_error() {
    let faults = [
        ("DisassociateRouteTable", error("InvalidAssociationID.NotFound", "does not exist")),
        ("DeleteRouteTable", depended_on()),
    ];
    let (script, _) = Ec2::with([table()]).failing(faults).script();
    let tables = RouteTables::new(&script.config());
    let there = tables.survey(&scope()).await.unwrap().remove(0);
    tables.delete(&there, &Progress::silent()).await.unwrap();
    assert_eq!(mutations(&script), ["DisassociateRouteTable", "DeleteRouteTable", "DeleteRouteTable"]);
    tables.delete(&there, &Progress::silent()).await.unwrap();
    assert_eq!(mutations(&script).len(), 3);
}

#[test]
fn only_another_vpc_needs_another_table() {
    let effect = |field: &str| RouteTableSpec::effect(field, &Value::Null, &Value::Null);
    assert_eq!(effect("vpcId"), Effect::Replace);
    assert_eq!(effect("routes.0.0.0.0/0"), Effect::Update);
    assert_eq!(effect("subnetIds"), Effect::Update);
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    let code = [
        include_str!("../route_table.rs"),
        include_str!("../route_table/change.rs"),
        include_str!("../route_table/read.rs"),
        include_str!("../ec2.rs"),
    ];
    assert_actions::<RouteTables>(&code, &[]);
}
