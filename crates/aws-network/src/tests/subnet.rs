//! Subnets.

use aws_env::scripted::assert_actions;
use resource::{Class, Effect, Family, Owner, Progress, Spec};
use serde_json::Value;

use super::{
    cloud::{Ec2, Thing, error, mutations, parameters},
    desired, ensured, key, ours, scope,
};
use crate::{SubnetSpec, Subnets};

const KEY: &str = "stateful/public-b";

fn spec(zone_index: u32, public: bool) -> SubnetSpec {
    SubnetSpec {
        vpc_id: "vpc-1".into(),
        cidr_block: "10.0.16.0/20".into(),
        zone_index,
        map_public_ip_on_launch: public,
    }
}

fn subnet(zone: &str) -> Thing {
    let fields = [
        ("vpcId", "vpc-1"),
        ("cidrBlock", "10.0.16.0/20"),
        ("availabilityZone", zone),
        ("state", "available"),
        ("mapPublicIpOnLaunch", "false"),
    ];
    Thing::new("Subnet", "subnet-a", &fields)
}

#[tokio::test(start_paused = true)]
async fn a_subnet_is_created_in_the_zone_of_its_index_and_keeps_the_index_in_a_tag() {
    let (script, _) = Ec2::default().script();
    let made = ensured(&Subnets::new(&script.config()), &desired(KEY, spec(1, true)), None).await;
    assert_eq!(made.outputs["availabilityZone"], "eu-west-1c");
    assert_eq!(mutations(&script), ["CreateSubnet", "ModifySubnetAttribute"]);
    insta::assert_json_snapshot!(parameters(&script.requests()[1]));
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_opens_later_moves_no_subnet() {
    let tags = ours(KEY).into_iter().chain([("headwater:zone-index".to_owned(), "0".to_owned())]);
    let (script, _) = Ec2::with([subnet("eu-west-1c").tagged(tags)]).script();
    let subnets = Subnets::new(&script.config());
    let there = subnets.survey(&scope()).await.unwrap().remove(0);
    assert_eq!(there.spec, spec(0, false));
    assert_eq!(script.operations(), ["DescribeSubnets"]);
    subnets.ensure(&scope(), &desired(KEY, spec(0, false)), Some(&there), &Progress::silent()).await.unwrap();
    assert_eq!(script.operations(), ["DescribeSubnets"]);
}

#[tokio::test(start_paused = true)]
async fn an_account_with_too_few_zones_is_told_so_before_anything_is_made() {
    let (script, _) = Ec2::default().script();
    let subnets = Subnets::new(&script.config());
    let refused = subnets.ensure(&scope(), &desired(KEY, spec(3, false)), None, &Progress::silent()).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.class, Class::Fatal);
    insta::assert_snapshot!(
        refused.source,
        @"the subnet is for zone 4 of the region, but the account has only 3: eu-west-1a, eu-west-1c, eu-west-1d; configure fewer zones"
    );
    assert_eq!(mutations(&script), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_fresh_vpc_and_a_fresh_subnet_are_waited_for() {
    let faults = [
        ("CreateSubnet", error("InvalidVpcID.NotFound", "The vpc ID 'vpc-1' does not exist")),
        ("ModifySubnetAttribute", error("InvalidSubnetID.NotFound", "does not exist")),
    ];
    let (script, _) = Ec2::default().failing(faults).script();
    ensured(&Subnets::new(&script.config()), &desired(KEY, spec(0, true)), None).await;
    let calls = ["CreateSubnet", "CreateSubnet", "ModifySubnetAttribute", "ModifySubnetAttribute"];
    assert_eq!(mutations(&script), calls);
}

#[tokio::test(start_paused = true)]
async fn addresses_that_a_lost_attempt_took_are_its_subnets_and_no_others() {
    let conflict =
        || [("CreateSubnet", error("InvalidSubnet.Conflict", "The CIDR conflicts with another subnet"))];
    let tags = || ours(KEY).into_iter().chain([("headwater:zone-index".to_owned(), "0".to_owned())]);
    let (script, _) = Ec2::with([subnet("eu-west-1a").tagged(tags())]).failing(conflict()).script();
    let made = ensured(&Subnets::new(&script.config()), &desired(KEY, spec(0, false)), None).await;
    assert_eq!(made.id, "subnet-a");
    let (script, _) = Ec2::with([subnet("eu-west-1a")]).failing(conflict()).script();
    let subnets = Subnets::new(&script.config());
    let refused = subnets.ensure(&scope(), &desired(KEY, spec(0, false)), None, &Progress::silent()).await;
    assert!(refused.unwrap_err().says("conflicts with another subnet"));
}

#[tokio::test(start_paused = true)]
async fn an_adopted_subnet_keeps_the_index_of_the_zone_that_it_lies_in() {
    let (script, state) = Ec2::with([subnet("eu-west-1d")]).script();
    let subnets = Subnets::new(&script.config());
    let found = subnets.find(&scope(), "subnet-a").await.unwrap().unwrap();
    assert_eq!(found.spec.zone_index, 2);
    subnets.adopt(&scope(), &key(KEY), &found).await.unwrap();
    assert_eq!(state.lock().unwrap().get("subnet-a").unwrap().tags["headwater:zone-index"], "2");
    let ours = subnets.survey(&scope()).await.unwrap().remove(0);
    assert_eq!((ours.owner, ours.spec), (Owner::Us(key(KEY)), found.spec));
}

#[test]
fn only_public_addresses_are_changed_in_place() {
    let effect = |field: &str| SubnetSpec::effect(field, &Value::Null, &Value::Null);
    assert_eq!(effect("mapPublicIpOnLaunch"), Effect::Update);
    for field in ["vpcId", "cidrBlock", "zoneIndex"] {
        assert_eq!(effect(field), Effect::Replace, "{field}");
    }
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    let code = [
        include_str!("../subnet.rs"),
        include_str!("../zone.rs"),
        include_str!("../ec2.rs"),
        include_str!("../interfaces.rs"),
    ];
    assert_actions::<Subnets>(&code, &[]);
}
