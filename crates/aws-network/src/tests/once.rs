//! What EC2 makes without a token, where the answer is lost.

use aws_env::{
    SdkConfig,
    scripted::{Reply, Script},
};
use aws_sdk_ec2::config::retry::RetryConfig;
use resource::{Family, Spec};

use super::{
    cloud::{Ec2, mutations},
    desired, ensured,
};
use crate::{ElasticIpSpec, ElasticIps, InternetGatewaySpec, InternetGateways, VpcSpec, Vpcs};

const KEY: &str = "stateful/one";

/// As in a deploy, the SDK makes a call again whose answer is lost.
fn patient(script: &Script) -> SdkConfig {
    script.config().to_builder().retry_config(RetryConfig::standard()).build()
}

/// How often `create` is called where the call takes effect and its answer is lost, and where it takes none.
async fn attempts<F: Family>(create: &'static str, family: fn(&SdkConfig) -> F, spec: F::Spec) -> [usize; 2]
where
    F::Spec: Spec + Clone,
{
    let mut attempts = [0, 0];
    let cases =
        [Ec2 { lost: vec![create], ..Ec2::default() }, Ec2::default().failing([(create, Reply::reset())])];
    for (ec2, attempts) in cases.into_iter().zip(&mut attempts) {
        let (script, state) = ec2.script();
        ensured(&family(&patient(&script)), &desired(KEY, spec.clone()), None).await;
        *attempts = mutations(&script).iter().filter(|operation| *operation == create).count();
        assert_eq!(state.lock().unwrap().things.len(), 1, "{create}");
    }
    attempts
}

#[tokio::test(start_paused = true)]
async fn what_a_lost_answer_made_is_found_and_what_it_did_not_make_is_made() {
    let vpc =
        VpcSpec { cidr_block: "10.0.0.0/16".into(), enable_dns_hostnames: false, enable_dns_support: true };
    assert_eq!(attempts("CreateVpc", Vpcs::new, vpc).await, [1, 2]);
    let detached = InternetGatewaySpec::default();
    assert_eq!(attempts("CreateInternetGateway", InternetGateways::new, detached).await, [1, 2]);
    assert_eq!(attempts("AllocateAddress", ElasticIps::new, ElasticIpSpec {}).await, [1, 2]);
}
