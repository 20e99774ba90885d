//! Network interfaces that outlive what made them.

use aws_env::scripted::Script;
use resource::{Class, Family, Observed, Result};

use super::{
    cloud::{Ec2, Thing, depended_on, error, mutations},
    ours, scope, watched,
};
use crate::{SubnetSpec, Subnets};

fn subnet() -> Thing {
    let fields = [("vpcId", "vpc-1"), ("cidrBlock", "10.0.0.0/20"), ("state", "available")];
    let tags = ours("stateful/private-a").into_iter();
    Thing::new("Subnet", "subnet-1", &fields)
        .tagged(tags.chain([("headwater:zone-index".to_owned(), "0".to_owned())]))
}

fn interface(id: &str, subnet: &str, status: &str, description: &str) -> Thing {
    let fields = [("subnetId", subnet), ("status", status), ("description", description)];
    Thing::new("NetworkInterface", id, &fields)
}

async fn observed(script: &Script) -> Observed<SubnetSpec> {
    Subnets::new(&script.config()).survey(&scope()).await.unwrap().remove(0)
}

async fn delete(ec2: Ec2) -> (Result<()>, Vec<String>, Script) {
    let (script, _) = ec2.script();
    let there = observed(&script).await;
    let (progress, notes) = watched();
    let deleted = Subnets::new(&script.config()).delete(&there, &progress).await;
    let notes = notes.lock().unwrap().clone();
    (deleted, notes, script)
}

#[tokio::test(start_paused = true)]
async fn a_subnet_without_interfaces_is_deleted_by_one_call() {
    let (deleted, notes, script) = delete(Ec2::with([subnet()])).await;
    deleted.unwrap();
    assert_eq!((mutations(&script), notes.len()), (vec!["DeleteSubnet".to_owned()], 0));
    assert!(!script.operations().contains(&"DescribeNetworkInterfaces".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn what_lambda_left_behind_is_deleted_and_what_it_still_uses_or_others_made_is_not() {
    let things = [
        subnet(),
        interface("eni-1", "subnet-1", "available", "AWS Lambda VPC ENI-headwater-dev-relay-1"),
        interface("eni-2", "subnet-2", "available", "AWS Lambda VPC ENI-another-subnets"),
    ];
    let taken_again = error("InvalidNetworkInterface.InUse", "is currently in use");
    let faults = [("DeleteSubnet", depended_on()), ("DeleteNetworkInterface", taken_again)];
    let (deleted, notes, script) = delete(Ec2::with(things).failing(faults)).await;
    deleted.unwrap();
    let calls = ["DeleteSubnet", "DeleteNetworkInterface", "DeleteNetworkInterface", "DeleteSubnet"];
    assert_eq!(mutations(&script), calls);
    let sentence =
        "waits for 1 network interface of subnet-1 (AWS Lambda VPC ENI-headwater-dev-relay-1) to be gone";
    assert_eq!(notes, [sentence, sentence]);
}

#[tokio::test(start_paused = true)]
async fn interfaces_that_stay_are_named_when_patience_ends() {
    let things = [
        subnet(),
        interface("eni-1", "subnet-1", "in-use", "AWS Lambda VPC ENI-headwater-dev-relay-1"),
        interface("eni-2", "subnet-1", "available", ""),
    ];
    let begun = tokio::time::Instant::now();
    let (deleted, _, script) = delete(Ec2::with(things).failing([("DeleteSubnet", depended_on())])).await;
    let late = deleted.unwrap_err();
    assert_eq!(late.class, Class::RetryLater);
    insta::assert_snapshot!(
        late.source,
        @"waited 45 min for 2 network interfaces of subnet-1 (AWS Lambda VPC ENI-headwater-dev-relay-1, eni-2) to be gone, in vain"
    );
    assert!((40..=45).contains(&(begun.elapsed().as_secs() / 60)), "{:?}", begun.elapsed());
    assert_eq!(mutations(&script), ["DeleteSubnet"]);
}

#[tokio::test(start_paused = true)]
async fn who_may_not_delete_an_interface_is_told_at_once() {
    let things = [subnet(), interface("eni-1", "subnet-1", "available", "AWS Lambda VPC ENI-relay-1")];
    let denied = error("UnauthorizedOperation", "You are not authorized to perform this operation.");
    let faults = [("DeleteSubnet", depended_on()), ("DeleteNetworkInterface", denied)];
    let (deleted, ..) = delete(Ec2::with(things).failing(faults)).await;
    assert_eq!(deleted.unwrap_err().class, Class::Denied);
}
