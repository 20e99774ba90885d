//! The environment's `deployments` table: who may change the environment now, and what was done to it.

use std::collections::HashMap;

use aws_env::{At, SdkConfig};
use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::{delete_item::DeleteItemError, put_item::PutItemError},
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};
use futures::{FutureExt, future::BoxFuture};
use resource::{Class, Deployment, DeploymentStore, Error, IamAction, Lease, Result, Scope, Swap};

use crate::scopes::DEPLOYMENTS;
use crate::{
    KeySchema, Table, TableSpec,
    item::{self, Item},
};

/// The partition key: what sort of row it is.
const RECORD_TYPE: &str = "recordType";
/// The sort key: `current` of the lease, start and id of a deployment.
const RECORD_KEY: &str = "recordKey";
const LEASE: &str = "lease";
const CURRENT: &str = "current";
const DEPLOYMENT: &str = "deployment";

/// How many characters a step's error keeps: the first of these with which the run is an item that DynamoDB takes.
const ERROR_LENGTHS: [usize; 4] = [8_000, 1_000, 100, 0];

/// DynamoDB's bound is 400 KB an item. The JSON form by which we measure is a little longer than the item.
const ITEM_BYTES: usize = 390_000;

const GET: &str = "dynamodb:GetItem";
const PUT: &str = "dynamodb:PutItem";
const DELETE: &str = "dynamodb:DeleteItem";
const QUERY: &str = "dynamodb:Query";

/// Lease and history in the table `headwater-<env>-deployments`.
///
/// While the table is not there, there is no lease and no history; writing either is an error of
/// [`Class::NotFound`].
#[derive(Clone, Debug)]
pub struct Deployments {
    client: Client,
    table: String,
}

impl Deployments {
    /// What the callers of the methods need besides the family's own actions.
    pub const ACTIONS: &'static [IamAction] = &[
        IamAction::read(GET).within(DEPLOYMENTS),
        IamAction::read(QUERY).within(DEPLOYMENTS),
        IamAction::write(PUT).within(DEPLOYMENTS),
        IamAction::write(DELETE).within(DEPLOYMENTS),
    ];

    /// The table, as others speak of it.
    pub fn table(scope: &Scope) -> Table {
        Table::new(scope, "deployments")
    }

    /// The table's spec. It is protected: it is deleted last, and only with all that is stateful.
    pub fn spec() -> TableSpec {
        TableSpec {
            deletion_protection_enabled: true,
            ..TableSpec::new(KeySchema::strings(RECORD_TYPE, RECORD_KEY))
        }
    }

    /// The store of this environment.
    pub fn new(config: &SdkConfig, scope: &Scope) -> Self {
        Self { client: Client::new(config), table: Self::table(scope).name().to_owned() }
    }

    async fn read_lease(&self) -> Result<Option<Lease>> {
        let get = self.client.get_item().table_name(&self.table).consistent_read(true);
        let row = get.set_key(Some(key(LEASE, CURRENT))).send().await.at(GET, &self.table);
        match row {
            Ok(row) => row.item.map(|item| self.row(GET, &item)).transpose(),
            Err(error) if error.class == Class::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn put_lease(&self, expected: Option<&Lease>, new: &Lease) -> Result<Swap> {
        let mut row = item::write(new).map_err(|e| self.fatal(PUT, e))?;
        row.extend(key(LEASE, CURRENT));
        let condition = Condition::is(expected);
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row))
            .condition_expression(condition.expression)
            .set_expression_attribute_names(condition.names)
            .set_expression_attribute_values(condition.values)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let put = put.send().await;
        match put.as_ref().err().and_then(SdkError::as_service_error) {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => self.lost(PUT, failed.item()),
            _ => put.at(PUT, &self.table).map(|_| Swap::Done),
        }
    }

    async fn delete_lease(&self, expected: &Lease) -> Result<Swap> {
        let condition = Condition::is(Some(expected));
        let delete = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key(LEASE, CURRENT)))
            .condition_expression(condition.expression)
            .set_expression_attribute_names(condition.names)
            .set_expression_attribute_values(condition.values)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let delete = delete.send().await;
        match delete.as_ref().err().and_then(SdkError::as_service_error) {
            Some(DeleteItemError::ConditionalCheckFailedException(failed)) => {
                self.lost(DELETE, failed.item())
            }
            _ => delete.at(DELETE, &self.table).map(|_| Swap::Done),
        }
    }

    fn lost(&self, operation: &'static str, row: Option<&Item>) -> Result<Swap> {
        row.map(|row| self.row(operation, row)).transpose().map(Swap::Lost)
    }

    async fn write(&self, deployment: &Deployment) -> Result<()> {
        let sort = format!("{:016}#{}", deployment.started_at_millis, deployment.id);
        let mut row = fit(deployment).map_err(|e| self.fatal(PUT, e))?;
        row.extend(key(DEPLOYMENT, &sort));
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row))
            .send()
            .await
            .at(PUT, &self.table)?;
        Ok(())
    }

    async fn read_history(&self, limit: usize) -> Result<Vec<Deployment>> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .scan_index_forward(false)
            .limit(limit.clamp(1, 1000).try_into().unwrap_or(1000))
            .key_condition_expression("#type = :type")
            .expression_attribute_names("#type", RECORD_TYPE)
            .expression_attribute_values(":type", text(DEPLOYMENT));
        let mut rows = query.into_paginator().items().send();
        let mut history = Vec::new();
        while history.len() < limit {
            match rows.try_next().await.at(QUERY, &self.table) {
                Ok(Some(row)) => history.push(self.row(QUERY, &row)?),
                Ok(None) => break,
                Err(error) if error.class == Class::NotFound => break,
                Err(error) => return Err(error),
            }
        }
        Ok(history)
    }

    fn row<T: serde::de::DeserializeOwned>(&self, operation: &'static str, item: &Item) -> Result<T> {
        item::read(item).map_err(|e| self.fatal(operation, e))
    }

    fn fatal(
        &self,
        operation: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Error {
        Error::new(operation, &self.table, Class::Fatal, source)
    }
}

impl DeploymentStore for Deployments {
    fn lease(&self) -> BoxFuture<'_, Result<Option<Lease>>> {
        self.read_lease().boxed()
    }

    fn swap_lease<'a>(
        &'a self,
        expected: Option<&'a Lease>,
        new: Option<&'a Lease>,
    ) -> BoxFuture<'a, Result<Swap>> {
        async move {
            match (expected, new) {
                (expected, Some(new)) => self.put_lease(expected, new).await,
                (Some(expected), None) => self.delete_lease(expected).await,
                (None, None) => Ok(match self.read_lease().await? {
                    None => Swap::Done,
                    there => Swap::Lost(there),
                }),
            }
        }
        .boxed()
    }

    fn record<'a>(&'a self, deployment: &'a Deployment) -> BoxFuture<'a, Result<()>> {
        self.write(deployment).boxed()
    }

    fn history(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Deployment>>> {
        self.read_history(limit).boxed()
    }
}

/// The condition that the lease row is still the expected one.
struct Condition {
    expression: &'static str,
    names: Option<HashMap<String, String>>,
    values: Option<Item>,
}

impl Condition {
    fn is(expected: Option<&Lease>) -> Self {
        let name = |placeholder: &str, name: &str| (placeholder.to_owned(), name.to_owned());
        match expected {
            None => Self {
                expression: "attribute_not_exists(#type)",
                names: Some([name("#type", RECORD_TYPE)].into()),
                values: None,
            },
            Some(lease) => Self {
                expression: "#owner = :owner AND #heartbeat = :heartbeat",
                names: Some([name("#owner", "owner"), name("#heartbeat", "heartbeat")].into()),
                values: Some(Item::from([
                    (":owner".to_owned(), text(&lease.owner)),
                    (":heartbeat".to_owned(), AttributeValue::N(lease.heartbeat.to_string())),
                ])),
            },
        }
    }
}

fn key(record_type: &str, record_key: &str) -> Item {
    Item::from([(RECORD_TYPE.to_owned(), text(record_type)), (RECORD_KEY.to_owned(), text(record_key))])
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

/// The run as an item that DynamoDB takes: where its steps' errors are too long for one, they are cut, and end in `…`.
fn fit(deployment: &Deployment) -> serde_json::Result<Item> {
    for length in ERROR_LENGTHS {
        let mut deployment = deployment.clone();
        for step in &mut deployment.steps {
            step.error = step.error.take().map(|error| cut(error, length));
        }
        if serde_json::to_vec(&deployment)?.len() <= ITEM_BYTES {
            return item::write(&deployment);
        }
    }
    // More steps than an item holds, some thousands: DynamoDB refuses it, and says so.
    item::write(deployment)
}

fn cut(error: String, length: usize) -> String {
    match error.char_indices().nth(length) {
        None => error,
        Some((at, _)) => format!("{}…", &error[..at]),
    }
}
