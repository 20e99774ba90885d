//! Reading event source mappings.

use std::collections::BTreeMap;

use aws_env::At;
use aws_sdk_lambda::{Client, types::EventSourceMappingConfiguration};
use aws_smithy_types::date_time::Format;
use resource::{Observed, Owner, Result, Scope};

use crate::{EventSourceMappingSpec, StreamOptions, read};

pub(super) const GET: &str = "lambda:GetEventSourceMapping";
const LIST: &str = "lambda:ListEventSourceMappings";

/// The mappings that feed from or to something whose name begins with `prefix`, but for those being deleted. A mapping
/// outlives both, and one of ours may have been turned to another function.
pub(super) async fn list(client: &Client, prefix: &str) -> Result<Vec<EventSourceMappingConfiguration>> {
    let names_ours =
        |arn: Option<&str>| arn.is_some_and(|arn| arn.split([':', '/']).any(|part| part.starts_with(prefix)));
    let mut pages = client.list_event_source_mappings().into_paginator().send();
    let mut mappings = Vec::new();
    while let Some(page) = pages.next().await {
        mappings.extend(page.at(LIST, prefix)?.event_source_mappings.unwrap_or_default());
    }
    mappings.retain(|mapping| {
        let ours = names_ours(mapping.function_arn()) || names_ours(mapping.event_source_arn());
        ours && mapping.state() != Some("Deleting")
    });
    Ok(mappings)
}

/// The mapping with that UUID, in whatever state.
pub(super) async fn get(client: &Client, uuid: &str) -> Result<Option<EventSourceMappingConfiguration>> {
    let found = client.get_event_source_mapping().uuid(uuid).send().await.at(GET, uuid);
    // The SDK has a type for each call's answer; we read that of the listing.
    Ok(read::found(found)?.map(|found| {
        EventSourceMappingConfiguration::builder()
            .set_uuid(found.uuid)
            .set_function_arn(found.function_arn)
            .set_event_source_arn(found.event_source_arn)
            .set_starting_position(found.starting_position)
            .set_bisect_batch_on_function_error(found.bisect_batch_on_function_error)
            .set_maximum_record_age_in_seconds(found.maximum_record_age_in_seconds)
            .set_maximum_retry_attempts(found.maximum_retry_attempts)
            .set_parallelization_factor(found.parallelization_factor)
            .set_destination_config(found.destination_config)
            .set_batch_size(found.batch_size)
            .set_maximum_batching_window_in_seconds(found.maximum_batching_window_in_seconds)
            .set_scaling_config(found.scaling_config)
            .set_function_response_types(found.function_response_types)
            .set_filter_criteria(found.filter_criteria)
            .set_state(found.state)
            .set_last_processing_result(found.last_processing_result)
            .set_last_modified(found.last_modified)
            .build()
    }))
}

/// Whose the mapping is, by its tags; `None` where it is deleted meanwhile.
pub(super) async fn owner(
    client: &Client,
    scope: &Scope,
    mapping: &EventSourceMappingConfiguration,
) -> Result<Option<Owner>> {
    let uuid = mapping.uuid().unwrap_or_default();
    let tags = client.list_tags().resource(arn(scope, uuid)).send().await.at("lambda:ListTags", uuid);
    Ok(read::found(tags)?.map(|tags| scope.owner(&tags.tags.unwrap_or_default().into_iter().collect())))
}

/// The ARN of the mapping with that UUID.
pub(super) fn arn(scope: &Scope, uuid: &str) -> String {
    scope.arn("lambda", &format!("event-source-mapping:{uuid}"))
}

/// Whether no change is under way. The other states are Creating, Enabling, Updating, Disabling and Deleting.
pub(super) fn is_settled(state: &str) -> bool {
    matches!(state, "Enabled" | "Disabled")
}

pub(super) fn observed(
    scope: &Scope,
    mapping: &EventSourceMappingConfiguration,
    owner: Owner,
) -> Result<Observed<EventSourceMappingSpec>> {
    let uuid = mapping.uuid().unwrap_or_default();
    let state = mapping.state().unwrap_or_default();
    let filters = mapping.filter_criteria().map(|criteria| criteria.filters()).unwrap_or_default();
    let response_types = mapping.function_response_types().iter();
    let output = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Ok(Observed {
        id: uuid.to_owned(),
        name: None,
        owner,
        spec: EventSourceMappingSpec {
            function_arn: mapping.function_arn().unwrap_or_default().to_owned(),
            event_source_arn: mapping.event_source_arn().unwrap_or_default().to_owned(),
            batch_size: mapping.batch_size().unwrap_or_default(),
            maximum_batching_window_in_seconds: mapping
                .maximum_batching_window_in_seconds()
                .unwrap_or_default(),
            maximum_concurrency: mapping.scaling_config().and_then(|scaling| scaling.maximum_concurrency()),
            function_response_types: response_types
                .map(|kind| read::name(GET, uuid, kind.as_str()))
                .collect::<Result<_>>()?,
            filter_patterns: filters.iter().filter_map(|filter| filter.pattern.clone()).collect(),
            enabled: !matches!(state, "Disabled" | "Disabling"),
            stream: stream(uuid, mapping)?,
        },
        outputs: BTreeMap::from([
            output("arn", &arn(scope, uuid)),
            output("state", state),
            output("lastProcessingResult", mapping.last_processing_result().unwrap_or_default()),
        ]),
        // When it was made is not told.
        created: mapping.last_modified().and_then(|time| time.fmt(Format::DateTime).ok()),
        pending: (!is_settled(state)).then(|| state.to_owned()),
    })
}

/// A queue's mapping has no starting position, and whatever else Lambda tells of it there is no setting of ours. What a
/// stream's leaves out is at Lambda's default:
/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html>
fn stream(uuid: &str, mapping: &EventSourceMappingConfiguration) -> Result<Option<StreamOptions>> {
    let Some(starting_position) = mapping.starting_position() else { return Ok(None) };
    let on_failure = mapping.destination_config().and_then(|destinations| destinations.on_failure());
    Ok(Some(StreamOptions {
        starting_position: read::name(GET, uuid, starting_position.as_str())?,
        bisect_batch_on_function_error: mapping.bisect_batch_on_function_error().unwrap_or(false),
        maximum_record_age_in_seconds: mapping.maximum_record_age_in_seconds().unwrap_or(-1),
        maximum_retry_attempts: mapping.maximum_retry_attempts().unwrap_or(-1),
        parallelization_factor: mapping.parallelization_factor().unwrap_or(1),
        on_failure_destination_arn: on_failure
            .and_then(|on_failure| on_failure.destination())
            .map(str::to_owned),
    }))
}
