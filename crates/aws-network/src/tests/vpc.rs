//! VPCs.

use aws_env::scripted::assert_actions;
use resource::{Effect, Family, Owner, Progress, Spec};
use serde_json::Value;

use super::{
    cloud::{Ec2, Thing, answer, depended_on, error, mutations, parameters},
    desired, ensured, key, ours, scope,
};
use crate::{VpcSpec, Vpcs};

const KEY: &str = "stateful/vpc";

fn spec(hostnames: bool, support: bool) -> VpcSpec {
    VpcSpec { cidr_block: "10.0.0.0/16".into(), enable_dns_hostnames: hostnames, enable_dns_support: support }
}

fn vpc(id: &str) -> Thing {
    Thing::new("Vpc", id, &[("cidrBlock", "10.0.0.0/16"), ("state", "available")]).tagged(ours(KEY))
}

#[tokio::test(start_paused = true)]
async fn a_vpc_is_created_with_its_tags_and_given_what_that_call_does_not_take() {
    let (script, _) = Ec2::default().script();
    let made = ensured(&Vpcs::new(&script.config()), &desired(KEY, spec(true, true)), None).await;
    assert_eq!((made.id.as_str(), made.owner), ("vpc-1", Owner::Us(key(KEY))));
    assert_eq!(mutations(&script), ["CreateVpc", "ModifyVpcAttribute"]);
    insta::assert_json_snapshot!(parameters(&script.requests()[0]));
}

#[tokio::test(start_paused = true)]
async fn each_attribute_is_changed_by_a_call_of_its_own_in_the_order_that_ec2_asks_for() {
    for (from, to, calls) in [
        (spec(false, true), spec(true, true), vec!["EnableDnsHostnames"]),
        (spec(false, true), spec(false, false), vec!["EnableDnsSupport"]),
        (spec(false, false), spec(true, true), vec!["EnableDnsSupport", "EnableDnsHostnames"]),
        (spec(true, true), spec(false, false), vec!["EnableDnsHostnames", "EnableDnsSupport"]),
        (spec(true, true), spec(true, true), vec![]),
    ] {
        let (script, _) = Ec2::default().script();
        let vpcs = Vpcs::new(&script.config());
        let there = ensured(&vpcs, &desired(KEY, from), None).await;
        let before = script.requests().len();
        ensured(&vpcs, &desired(KEY, to), Some(&there)).await;
        let requests = script.requests().split_off(before);
        let changes = requests.iter().filter(|request| request.operation == "ModifyVpcAttribute");
        let changed: Vec<_> = changes
            .flat_map(|request| parameters(request).into_keys())
            .filter_map(|name| name.strip_suffix(".Value").map(str::to_owned))
            .collect();
        assert_eq!(changed, calls);
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_vpc_that_is_not_found_yet_is_waited_for_and_made_once() {
    let unseen = || answer("DescribeVpcs", "<vpcSet/>");
    let pending = "<vpcSet><item><vpcId>vpc-1</vpcId><state>pending</state></item></vpcSet>";
    let gone = || error("InvalidVpcID.NotFound", "The vpc ID 'vpc-1' does not exist");
    let faults = [
        ("DescribeVpcs", unseen()),
        ("DescribeVpcs", answer("DescribeVpcs", pending)),
        ("DescribeVpcAttribute", gone()),
        ("ModifyVpcAttribute", gone()),
        ("ModifyVpcAttribute", error("IncorrectState", "The VPC is pending")),
    ];
    let (script, _) = Ec2::default().failing(faults).script();
    ensured(&Vpcs::new(&script.config()), &desired(KEY, spec(true, true)), None).await;
    let modify = "ModifyVpcAttribute";
    assert_eq!(mutations(&script), ["CreateVpc", modify, modify, modify]);
}

#[tokio::test(start_paused = true)]
async fn a_survey_sees_both_of_two_that_a_lost_reply_made_and_none_of_others() {
    let theirs = Thing::new("Vpc", "vpc-default", &[("cidrBlock", "172.31.0.0/16"), ("state", "available")]);
    let leaving = Thing::new("Vpc", "vpc-leaving", &[("state", "deleting")]).tagged(ours(KEY));
    let (script, _) = Ec2::with([vpc("vpc-a"), vpc("vpc-b"), theirs, leaving]).script();
    let vpcs = Vpcs::new(&script.config());
    let seen: Vec<_> = vpcs.survey(&scope()).await.unwrap().into_iter().map(|vpc| vpc.id).collect();
    assert_eq!(seen, ["vpc-a", "vpc-b"]);
    insta::assert_json_snapshot!(parameters(&script.requests()[0]));
    let found = vpcs.find(&scope(), &scope().arn("ec2", "vpc/vpc-default")).await.unwrap().unwrap();
    assert_eq!(found.owner, Owner::Other("without Headwater's tags".into()));
    vpcs.adopt(&scope(), &key("stateful/other"), &found).await.unwrap();
    assert_eq!(vpcs.survey(&scope()).await.unwrap().len(), 3);
    assert_eq!(vpcs.find(&scope(), "vpc-none").await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_vpc_is_deleted_once_nothing_depends_on_it_and_one_that_is_gone_is_no_error() {
    let faults = [("DeleteVpc", depended_on()), ("DeleteVpc", depended_on())];
    let (script, _) = Ec2::with([vpc("vpc-a")]).failing(faults).script();
    let vpcs = Vpcs::new(&script.config());
    let there = vpcs.survey(&scope()).await.unwrap().remove(0);
    vpcs.delete(&there, &Progress::silent()).await.unwrap();
    assert_eq!(mutations(&script), ["DeleteVpc", "DeleteVpc", "DeleteVpc"]);
    vpcs.delete(&there, &Progress::silent()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_vpc_that_somebody_elses_resources_are_in_is_given_up() {
    let faults = (0..1000).map(|_| ("DeleteVpc", depended_on()));
    let (script, _) = Ec2::with([vpc("vpc-a")]).failing(faults).script();
    let vpcs = Vpcs::new(&script.config());
    let there = vpcs.survey(&scope()).await.unwrap().remove(0);
    let begun = tokio::time::Instant::now();
    let refused = vpcs.delete(&there, &Progress::silent()).await.unwrap_err();
    assert!(refused.says("has dependencies and cannot be deleted"), "{refused:?}");
    assert!(begun.elapsed().as_secs() <= 300, "{:?}", begun.elapsed());
}

#[test]
fn only_another_block_needs_another_vpc() {
    let effect = |field: &str| VpcSpec::effect(field, &Value::Null, &Value::Null);
    assert_eq!(effect("cidrBlock"), Effect::Replace);
    assert_eq!(effect("enableDnsSupport"), Effect::Update);
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    let code = [include_str!("../vpc.rs"), include_str!("../ec2.rs"), include_str!("../interfaces.rs")];
    assert_actions::<Vpcs>(&code, &[]);
}
