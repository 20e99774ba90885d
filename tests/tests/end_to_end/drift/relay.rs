use anyhow::Result;
use aws_sdk_lambda::{
    Client,
    types::{DestinationConfig, OnFailure, VpcConfig},
};
use end_to_end::Local;

use super::{Touched, arn};

/// What function and mapping have only here: a network, and a stream. Where a mapping starts cannot be changed.
pub(super) async fn change(local: &Local) -> Result<Vec<Touched>> {
    let lambda = Client::new(&local.bench.session.sdk);
    let network = VpcConfig::builder()
        .subnet_ids(local.id("stateful/public-subnet-1").await?)
        .security_group_ids(local.id("eventstore/security-group").await?);
    let update = lambda.update_function_configuration().function_name(local.name(blueprint::RELAY));
    update.vpc_config(network.build()).send().await?;
    let elsewhere = arn(local, "sqs", &local.name(blueprint::DEAD_LETTER_QUEUE));
    let elsewhere = OnFailure::builder().destination(elsewhere).build();
    lambda
        .update_event_source_mapping()
        .uuid(local.id(blueprint::RELAY_MAPPING).await?)
        .bisect_batch_on_function_error(false)
        .maximum_record_age_in_seconds(60)
        .maximum_retry_attempts(0)
        .parallelization_factor(10)
        .destination_config(DestinationConfig::builder().on_failure(elsewhere).build())
        .send()
        .await?;
    Ok(vec![("relay/function", &["vpcConfig"]), (blueprint::RELAY_MAPPING, &["stream"])])
}
