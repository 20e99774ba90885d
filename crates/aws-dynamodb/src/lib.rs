//! DynamoDB tables: the family `AWS::DynamoDB::Table`, the permissions to use one, and the environment's own
//! `deployments` table.

mod changes;
mod delete;
mod deployments;
mod ensure;
mod family;
mod item;
mod scopes;
mod spec;
mod table;
#[cfg(test)]
mod tests;
mod wire;

pub use deployments::Deployments;
pub use family::Tables;
pub use spec::{
    AttributeType, BillingMode, IndexSpec, KeyAttribute, KeySchema, PointInTimeRecovery, Projection,
    SseSpecification, StreamViewType, TableClass, TableSpec,
};
pub use table::Table;
