//! Making an event source mapping, and changing one in place.

use aws_env::At;
use aws_sdk_lambda::{
    Client,
    types::{self, DestinationConfig, EventSourcePosition, Filter, FilterCriteria, OnFailure, ScalingConfig},
};
use resource::{Class, Error, Key, Owner, Result, Scope};

use super::observe;
use crate::{EventSourceMappingSpec, FunctionResponseType, StartingPosition, StreamOptions};

/// Makes the mapping and gives its UUID. One that an earlier attempt made is as good.
pub(super) async fn create(
    client: &Client,
    scope: &Scope,
    key: &Key,
    spec: &EventSourceMappingSpec,
) -> Result<String> {
    const CREATE: &str = "lambda:CreateEventSourceMapping";
    let stream = spec.stream.as_ref();
    let call = client
        .create_event_source_mapping()
        .set_starting_position(stream.map(|stream| stream.starting_position.into()))
        .set_bisect_batch_on_function_error(stream.map(|stream| stream.bisect_batch_on_function_error))
        .set_maximum_record_age_in_seconds(stream.map(|stream| stream.maximum_record_age_in_seconds))
        .set_maximum_retry_attempts(stream.map(|stream| stream.maximum_retry_attempts))
        .set_parallelization_factor(stream.map(|stream| stream.parallelization_factor))
        .set_destination_config(stream.map(destination_config))
        .function_name(&spec.function_arn)
        .event_source_arn(&spec.event_source_arn)
        .batch_size(spec.batch_size)
        .maximum_batching_window_in_seconds(spec.maximum_batching_window_in_seconds)
        .set_scaling_config(spec.maximum_concurrency.map(|_| scaling_config(spec)))
        .set_function_response_types(Some(response_types(spec)))
        .set_filter_criteria((!spec.filter_patterns.is_empty()).then(|| filter_criteria(spec)))
        .enabled(spec.enabled)
        .set_tags(Some(scope.tags(key).into_iter().collect()));
    match call.send().await.at(CREATE, key) {
        Ok(created) => created
            .uuid
            .ok_or_else(|| Error::new(CREATE, key, Class::RetryLater, "Lambda's answer has no UUID")),
        Err(error) if error.class == Class::Conflict => already_there(client, scope, key, error).await,
        Err(error) => Err(error),
    }
}

/// Lambda keeps one mapping between a source and a function, and names it in its refusal of another: ours, made by an
/// attempt whose reply was lost; somebody else's; or one that is being deleted and free soon.
async fn already_there(client: &Client, scope: &Scope, key: &Key, error: Error) -> Result<String> {
    let Some(uuid) = uuid_in(&error) else { return Err(error) };
    let Some(mapping) = observe::get(client, &uuid).await? else { return Err(error) };
    if mapping.state() == Some("Deleting") {
        return Err(error);
    }
    match observe::owner(client, scope, &mapping).await? {
        Some(Owner::Us(owner)) if owner == *key => Ok(uuid),
        Some(_) => Err(Error { class: Class::AlreadyExists, ..error }),
        None => Err(error),
    }
}

/// The UUID that Lambda's message ends in.
fn uuid_in(error: &Error) -> Option<String> {
    let text = error.source.to_string();
    let (_, rest) = text.split_once("UUID ")?;
    let uuid: String = rest.chars().take_while(|c| c.is_ascii_hexdigit() || *c == '-').collect();
    (uuid.len() == 36).then_some(uuid)
}

/// Sets every field. What is absent from an update stays as it is, so the empty filter, scaling and destination are sent
/// as well; but for what Lambda refuses for the kind of source: a stream does not scale, and the rest is for streams.
pub(super) async fn update(
    client: &Client,
    key: &Key,
    uuid: &str,
    spec: &EventSourceMappingSpec,
) -> Result<()> {
    let stream = spec.stream.as_ref();
    let call = client
        .update_event_source_mapping()
        .uuid(uuid)
        .set_bisect_batch_on_function_error(stream.map(|stream| stream.bisect_batch_on_function_error))
        .set_maximum_record_age_in_seconds(stream.map(|stream| stream.maximum_record_age_in_seconds))
        .set_maximum_retry_attempts(stream.map(|stream| stream.maximum_retry_attempts))
        .set_parallelization_factor(stream.map(|stream| stream.parallelization_factor))
        .set_destination_config(stream.map(destination_config))
        .function_name(&spec.function_arn)
        .batch_size(spec.batch_size)
        .maximum_batching_window_in_seconds(spec.maximum_batching_window_in_seconds)
        .set_scaling_config(stream.is_none().then(|| scaling_config(spec)))
        .set_function_response_types(Some(response_types(spec)))
        .filter_criteria(filter_criteria(spec))
        .enabled(spec.enabled);
    call.send().await.at("lambda:UpdateEventSourceMapping", key).map(drop)
}

fn scaling_config(spec: &EventSourceMappingSpec) -> ScalingConfig {
    ScalingConfig::builder().set_maximum_concurrency(spec.maximum_concurrency).build()
}

fn filter_criteria(spec: &EventSourceMappingSpec) -> FilterCriteria {
    let filter = |pattern: &String| Filter::builder().pattern(pattern).build();
    let filters: Vec<_> = spec.filter_patterns.iter().map(filter).collect();
    FilterCriteria::builder().set_filters((!filters.is_empty()).then_some(filters)).build()
}

fn destination_config(stream: &StreamOptions) -> DestinationConfig {
    let on_failure = |arn: &String| OnFailure::builder().destination(arn).build();
    let destination = stream.on_failure_destination_arn.as_ref().map(on_failure);
    DestinationConfig::builder().set_on_failure(destination).build()
}

impl From<StartingPosition> for EventSourcePosition {
    fn from(position: StartingPosition) -> Self {
        match position {
            StartingPosition::TrimHorizon => Self::TrimHorizon,
            StartingPosition::Latest => Self::Latest,
        }
    }
}

fn response_types(spec: &EventSourceMappingSpec) -> Vec<types::FunctionResponseType> {
    let name = |kind: &FunctionResponseType| match kind {
        FunctionResponseType::ReportBatchItemFailures => types::FunctionResponseType::ReportBatchItemFailures,
    };
    spec.function_response_types.iter().map(name).collect()
}
