use std::collections::BTreeSet;

use anyhow::{Context, Result};
use aws_lambda::EventSourceMappingSpec;
use aws_sdk_lambda::{
    Client,
    primitives::Blob,
    types::{Filter, FilterCriteria, FunctionCode, Runtime, ScalingConfig},
};
use end_to_end::Local;

use super::{Changed, arn, function::EMPTY_ZIP};

const PATTERN: &str = r#"{"body":{"type":["ELSEWHERE"]}}"#;

pub(super) async fn change(local: &Local) -> Result<Changed> {
    let client = Client::new(&local.bench.session.sdk);
    let elsewhere = client
        .create_function()
        .function_name("elsewhere")
        .role(local.bench.session.scope.iam_arn("role/elsewhere"))
        .runtime(Runtime::Providedal2023)
        .handler("bootstrap")
        .code(FunctionCode::builder().zip_file(Blob::new(EMPTY_ZIP)).build())
        .send()
        .await?;
    let uuid = local.id("ingest/event-source-mapping").await?;
    client
        .update_event_source_mapping()
        .uuid(uuid)
        .function_name("elsewhere")
        .enabled(false)
        .batch_size(100)
        .maximum_batching_window_in_seconds(5)
        .scaling_config(ScalingConfig::builder().maximum_concurrency(2).build())
        .set_function_response_types(Some(Vec::new()))
        .filter_criteria(
            FilterCriteria::builder().filters(Filter::builder().pattern(PATTERN).build()).build(),
        )
        .send()
        .await?;
    let spec = EventSourceMappingSpec {
        function_arn: elsewhere.function_arn.context("Lambda gave the function no ARN")?,
        event_source_arn: arn(local, "sqs", &local.name(blueprint::EVENT_QUEUE)),
        batch_size: 100,
        maximum_batching_window_in_seconds: 5,
        maximum_concurrency: Some(2),
        function_response_types: BTreeSet::new(),
        filter_patterns: BTreeSet::from([PATTERN.to_owned()]),
        enabled: false,
        // A queue has none; those of the relay's mapping are changed with the other families.
        stream: None,
    };
    let fixed = &[("eventSourceArn", "Lambda has no call that turns a mapping to another source")];
    Changed::new("ingest/event-source-mapping", spec, fixed)
}
