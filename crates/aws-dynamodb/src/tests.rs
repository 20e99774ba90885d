//! The family and the store against scripted DynamoDB: every race that an emulator does not show, and every field of the
//! spec.

mod cloud;
mod create;
mod delete;
mod deployments;
mod survey;
mod update;

use std::collections::BTreeMap;

use resource::{Desired, Key, Scope};

use crate::{
    BillingMode, IndexSpec, KeyAttribute, KeySchema, PointInTimeRecovery, Projection, SseSpecification,
    StreamViewType, TableClass, TableSpec,
};

pub(crate) const NAME: &str = "headwater-dev-event";

pub(crate) fn scope() -> Scope {
    Scope {
        project: "headwater".into(),
        environment: "dev".into(),
        account: "111111111111".into(),
        region: "eu-west-1".into(),
    }
}

pub(crate) fn key() -> Key {
    "stateful/event".parse().unwrap()
}

pub(crate) fn arn() -> String {
    scope().arn("dynamodb", &format!("table/{NAME}"))
}

pub(crate) fn desired(spec: TableSpec) -> Desired<TableSpec> {
    Desired { key: key(), name: Some(NAME.to_owned()), spec }
}

pub(crate) fn bare_spec() -> TableSpec {
    TableSpec::new(KeySchema::strings("RequestId", "EventKey"))
}

pub(crate) fn index(partition_key: &str, projection: Projection) -> IndexSpec {
    IndexSpec {
        key_schema: KeySchema { partition_key: KeyAttribute::string(partition_key), sort_key: None },
        projection,
    }
}

/// A spec of which every field is set, and none as DynamoDB would set it.
pub(crate) fn full_spec() -> TableSpec {
    let include = Projection::Include { non_key_attributes: vec!["Data".into(), "Id".into()] };
    TableSpec {
        key_schema: KeySchema::strings("RequestId", "EventKey"),
        billing_mode: BillingMode::PayPerRequest,
        global_secondary_indexes: BTreeMap::from([
            ("Source-Index".to_owned(), index("SourceShard", include)),
            ("Type-Index".to_owned(), index("TypeShard", Projection::All)),
        ]),
        stream_view_type: Some(StreamViewType::NewImage),
        point_in_time_recovery: Some(PointInTimeRecovery { recovery_period_in_days: 7 }),
        sse_specification: SseSpecification::Kms {
            kms_master_key_arn: "arn:aws:kms:eu-west-1:111111111111:key/1".to_owned(),
        },
        deletion_protection_enabled: true,
        table_class: TableClass::StandardInfrequentAccess,
        time_to_live_attribute_name: Some("ExpiresAt".to_owned()),
        index_shards: Some(4),
    }
}
