//! DynamoDB tables: the family `AWS::DynamoDB::Table`, the permissions to use one, and the environment's own
//! `deployments` table.

mod spec;
mod table;

pub use spec::{
    AttributeType, BillingMode, IndexSpec, KeyAttribute, KeySchema, PointInTimeRecovery, Projection,
    SseSpecification, StreamViewType, TableClass, TableSpec,
};
pub use table::Table;
