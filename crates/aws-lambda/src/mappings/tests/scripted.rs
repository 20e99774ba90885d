//! Lambda's answers about one mapping.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use aws_env::scripted::{Reply, Request, Script};
use serde_json::{Value, json};

use super::super::*;
use crate::{FunctionResponseType, StartingPosition, StreamOptions};

pub(super) const UUID: &str = "677afffc-373e-42f0-8363-f24bc675bcf6";
pub(super) const CREATE: &str = "POST /2015-03-31/event-source-mappings";
pub(super) const LIST: &str = "GET /2015-03-31/event-source-mappings";
pub(super) const GET: &str = "GET /2015-03-31/event-source-mappings/677afffc-373e-42f0-8363-f24bc675bcf6";
pub(super) const UPDATE: &str = "PUT /2015-03-31/event-source-mappings/677afffc-373e-42f0-8363-f24bc675bcf6";
pub(super) const DELETE: &str =
    "DELETE /2015-03-31/event-source-mappings/677afffc-373e-42f0-8363-f24bc675bcf6";

pub(super) fn scope() -> Scope {
    Scope {
        project: "headwater".into(),
        environment: "dev".into(),
        account: "111111111111".into(),
        region: "eu-west-1".into(),
    }
}

pub(super) fn key() -> Key {
    "ingest/mapping".parse().unwrap()
}

pub(super) fn spec() -> EventSourceMappingSpec {
    EventSourceMappingSpec {
        function_arn: "arn:aws:lambda:eu-west-1:111111111111:function:headwater-dev-ingest".into(),
        event_source_arn: "arn:aws:sqs:eu-west-1:111111111111:headwater-dev-event-queue".into(),
        batch_size: 100,
        maximum_batching_window_in_seconds: 1,
        maximum_concurrency: Some(10),
        function_response_types: [FunctionResponseType::ReportBatchItemFailures].into(),
        filter_patterns: BTreeSet::new(),
        enabled: true,
        stream: None,
    }
}

/// The same from a table's stream.
pub(super) fn of_stream() -> EventSourceMappingSpec {
    let stream = "table/headwater-dev-event/stream/2026-11-22T10:00:00.000";
    EventSourceMappingSpec {
        event_source_arn: scope().arn("dynamodb", stream),
        maximum_concurrency: None,
        stream: Some(StreamOptions {
            starting_position: StartingPosition::TrimHorizon,
            bisect_batch_on_function_error: true,
            maximum_record_age_in_seconds: -1,
            maximum_retry_attempts: 10,
            parallelization_factor: 2,
            on_failure_destination_arn: Some(scope().arn("sqs", "headwater-dev-relay-failures")),
        }),
        ..spec()
    }
}

/// A mapping as Lambda tells it.
pub(super) fn mapping(spec: &EventSourceMappingSpec, state: &str) -> Value {
    let filters: Vec<_> = spec.filter_patterns.iter().map(|pattern| json!({"Pattern": pattern})).collect();
    let mut told = json!({
        "UUID": UUID,
        "FunctionArn": spec.function_arn,
        "EventSourceArn": spec.event_source_arn,
        "BatchSize": spec.batch_size,
        "MaximumBatchingWindowInSeconds": spec.maximum_batching_window_in_seconds,
        "ScalingConfig": spec.maximum_concurrency.map(|n| json!({"MaximumConcurrency": n})),
        "FunctionResponseTypes": spec.function_response_types,
        "FilterCriteria": {"Filters": filters},
        "LastModified": 1_790_000_000,
        "State": state,
    });
    if let Some(stream) = &spec.stream {
        let destination = stream.on_failure_destination_arn.as_ref().map(|arn| json!({"Destination": arn}));
        told["StartingPosition"] = json!(stream.starting_position);
        told["BisectBatchOnFunctionError"] = json!(stream.bisect_batch_on_function_error);
        told["MaximumRecordAgeInSeconds"] = json!(stream.maximum_record_age_in_seconds);
        told["MaximumRetryAttempts"] = json!(stream.maximum_retry_attempts);
        told["ParallelizationFactor"] = json!(stream.parallelization_factor);
        told["DestinationConfig"] = json!({"OnFailure": destination});
    }
    told
}

pub(super) fn tags() -> Reply {
    Reply::json(200, json!({"Tags": scope().tags(&key())}))
}

pub(super) fn is_tags(request: &Request) -> bool {
    request.operation.starts_with("GET /2017-03-31/tags/")
}

pub(super) fn error(status: u16, code: &str, message: &str) -> Reply {
    Reply::error(status, code, message)
}

/// The state in which a mapping that is `spec` comes to rest.
pub(super) fn rest(spec: &EventSourceMappingSpec) -> &'static str {
    if spec.enabled { "Enabled" } else { "Disabled" }
}

/// Lambda with the mapping as it is in the cell; an update puts `after` there.
pub(super) fn lambda(before: EventSourceMappingSpec, after: EventSourceMappingSpec) -> Script {
    let cell = Arc::new(Mutex::new(before));
    Script::new(move |request: &Request| {
        let mut spec = cell.lock().unwrap();
        match request.operation.as_str() {
            LIST => Reply::json(200, json!({"EventSourceMappings": [mapping(&spec, rest(&spec))]})),
            GET => Reply::json(200, mapping(&spec, rest(&spec))),
            UPDATE => {
                *spec = after.clone();
                Reply::json(202, mapping(&spec, "Updating"))
            }
            _ => tags(),
        }
    })
}

pub(super) async fn observed(spec: EventSourceMappingSpec) -> Observed<EventSourceMappingSpec> {
    let script = lambda(spec.clone(), spec);
    EventSourceMappings::new(&script.config()).survey(&scope()).await.unwrap().remove(0)
}

pub(super) async fn ensure(
    script: &Script,
    want: EventSourceMappingSpec,
    observed: Option<&Observed<EventSourceMappingSpec>>,
) -> Result<Observed<EventSourceMappingSpec>> {
    let desired = Desired { key: key(), name: None, spec: want };
    let family = EventSourceMappings::new(&script.config());
    family.ensure(&scope(), &desired, observed, &Progress::silent()).await
}
