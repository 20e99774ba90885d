//! Elastic IP addresses.

use aws_env::scripted::assert_actions;
use resource::{Family, Owner, Progress};

use super::{
    cloud::{Ec2, Thing, answer, error, mutations, parameters},
    desired, ensured, key, ours, scope,
};
use crate::{ElasticIpSpec, ElasticIps};

const KEY: &str = "egress/nat-address";

fn address() -> Thing {
    Thing::new("Address", "eipalloc-a", &[("publicIp", "192.0.2.7")]).tagged(ours(KEY))
}

#[tokio::test(start_paused = true)]
async fn an_address_is_allocated_with_its_tags_and_waited_for_and_then_left_alone() {
    let unseen = answer("DescribeAddresses", "<addressesSet/>");
    let (script, _) = Ec2::default().failing([("DescribeAddresses", unseen)]).script();
    let addresses = ElasticIps::new(&script.config());
    let made = ensured(&addresses, &desired(KEY, ElasticIpSpec {}), None).await;
    assert_eq!((made.id.as_str(), made.outputs["publicIp"].as_str()), ("eipalloc-1", "192.0.2.1"));
    insta::assert_json_snapshot!(parameters(&script.requests()[0]));
    ensured(&addresses, &desired(KEY, ElasticIpSpec {}), Some(&made)).await;
    assert_eq!(mutations(&script), ["AllocateAddress"]);
}

#[tokio::test(start_paused = true)]
async fn an_address_is_released_once_the_nat_gateway_lets_go_of_it() {
    // So EC2 answers while the address is still a NAT gateway's that is being deleted.
    let faults = [
        (
            "ReleaseAddress",
            error("AuthFailure", "You do not have permission to access the specified resource."),
        ),
        ("ReleaseAddress", error("InvalidIPAddress.InUse", "Address is in use.")),
    ];
    let (script, _) = Ec2::with([address()]).failing(faults).script();
    let addresses = ElasticIps::new(&script.config());
    let there = addresses.survey(&scope()).await.unwrap().remove(0);
    addresses.delete(&there, &Progress::silent()).await.unwrap();
    assert_eq!(mutations(&script).len(), 3);
    addresses.delete(&there, &Progress::silent()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_another_environments_is_not_ours_until_it_is_adopted() {
    let theirs = Thing { tags: [("Name".to_owned(), "billing".to_owned())].into(), ..address() };
    let (script, _) = Ec2::with([theirs]).script();
    let addresses = ElasticIps::new(&script.config());
    assert_eq!(addresses.survey(&scope()).await.unwrap(), []);
    let found = addresses.find(&scope(), "eipalloc-a").await.unwrap().unwrap();
    addresses.adopt(&scope(), &key(KEY), &found).await.unwrap();
    assert_eq!(addresses.survey(&scope()).await.unwrap()[0].owner, Owner::Us(key(KEY)));
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    assert_actions::<ElasticIps>(&[include_str!("../elastic_ip.rs"), include_str!("../ec2.rs")], &[]);
}
