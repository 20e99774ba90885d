//! DynamoDB with one table, as a script: it takes one change at a time, is busy for some calls after each, and fails where
//! the test says so.

use std::sync::{Arc, Mutex};

use aws_env::scripted::{Reply, Request, Script};
use serde_json::{Map, Value, json};

use super::{NAME, arn};

#[derive(Default)]
pub(crate) struct Dynamo {
    /// What DescribeTable says; `None` where there is no table.
    pub(crate) table: Option<Value>,
    pub(crate) recovery: Value,
    pub(crate) time_to_live: Value,
    pub(crate) tags: Map<String, Value>,
    /// For how many calls a change is under way.
    pub(crate) busy_for: u32,
    /// For how many more this one is.
    pub(crate) busy: u32,
    /// Operation and reply: the first of an operation is given in place of the next answer to it.
    pub(crate) faults: Vec<(&'static str, Reply)>,
}

pub(crate) fn not_there() -> Reply {
    Reply::error(400, "ResourceNotFoundException", "Requested resource not found")
}

pub(crate) fn in_use() -> Reply {
    Reply::error(400, "ResourceInUseException", "Attempt to change a resource which is still in use")
}

fn done() -> Reply {
    Reply::json(200, json!({}))
}

/// The operations that change something, in order.
pub(crate) fn mutations(script: &Script) -> Vec<String> {
    let reads = ["Describe", "List", "GetItem", "Query"];
    let mut operations = script.operations();
    operations.retain(|operation| !reads.iter().any(|read| operation.starts_with(read)));
    operations
}

impl Dynamo {
    pub(crate) fn failing(self, faults: impl IntoIterator<Item = (&'static str, Reply)>) -> Self {
        Self { faults: faults.into_iter().collect(), ..self }
    }

    pub(crate) fn script(self) -> (Script, Arc<Mutex<Self>>) {
        let state = Arc::new(Mutex::new(self));
        let script = Script::new({
            let state = Arc::clone(&state);
            move |request| state.lock().unwrap().answer(request)
        });
        (script, state)
    }

    fn answer(&mut self, request: &Request) -> Reply {
        let operation = request.operation.as_str();
        if let Some(at) = self.faults.iter().position(|(of, _)| *of == operation) {
            return self.faults.remove(at).1;
        }
        let body = request.json();
        match (operation, self.table.is_some()) {
            ("ListTables", there) => {
                Reply::json(200, json!({"TableNames": if there { vec![NAME] } else { vec![] }}))
            }
            ("CreateTable", false) => self.create(&body),
            ("CreateTable", true) => in_use(),
            (_, false) => not_there(),
            ("DescribeTable", true) => self.describe(),
            ("DescribeContinuousBackups", true) => Reply::json(
                200,
                json!({"ContinuousBackupsDescription": {
                    "ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": self.recovery
                }}),
            ),
            ("DescribeTimeToLive", true) => {
                Reply::json(200, json!({"TimeToLiveDescription": self.time_to_live}))
            }
            ("ListTagsOfResource", true) => {
                let tags = self.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value}));
                Reply::json(200, json!({"Tags": tags.collect::<Vec<_>>()}))
            }
            ("TagResource", true) => {
                self.tag(&body);
                done()
            }
            ("UpdateContinuousBackups", true) => {
                let wanted = &body["PointInTimeRecoverySpecification"];
                let on = wanted["PointInTimeRecoveryEnabled"] == true;
                let status = if on { "ENABLED" } else { "DISABLED" };
                self.recovery = json!({
                    "PointInTimeRecoveryStatus": status, "RecoveryPeriodInDays": wanted["RecoveryPeriodInDays"]
                });
                done()
            }
            ("UpdateTimeToLive", true) => {
                let wanted = &body["TimeToLiveSpecification"];
                let status = if wanted["Enabled"] == true { "ENABLING" } else { "DISABLED" };
                self.time_to_live =
                    json!({"TimeToLiveStatus": status, "AttributeName": wanted["AttributeName"]});
                done()
            }
            _ if self.busy > 0 => {
                self.busy -= 1;
                in_use()
            }
            ("UpdateTable", true) => self.update(&body),
            ("DeleteTable", true) => self.delete(),
            _ => Reply::error(400, "UnknownOperationException", operation),
        }
    }

    fn create(&mut self, body: &Value) -> Reply {
        self.table = Some(json!({
            "TableName": NAME,
            "TableArn": arn(),
            "TableStatus": "CREATING",
            "CreationDateTime": 1_700_000_000,
            "KeySchema": body["KeySchema"],
            "GlobalSecondaryIndexes": [],
            "AttributeDefinitions": [],
        }));
        self.tag(body);
        self.set(body);
        if let Some(indexes) = body["GlobalSecondaryIndexes"].as_array() {
            indexes.iter().for_each(|index| self.add_index(index));
        }
        self.busy = self.busy_for;
        done()
    }

    fn update(&mut self, body: &Value) -> Reply {
        let changes = body.as_object().map_or(0, |body| {
            body.keys()
                .filter(|member| !["TableName", "AttributeDefinitions"].contains(&member.as_str()))
                .count()
        });
        if changes != 1 {
            return Reply::error(400, "ValidationException", "one change at a time");
        }
        self.set(body);
        match body["GlobalSecondaryIndexUpdates"].as_array().map(Vec::as_slice) {
            Some([update]) if update["Create"].is_object() => self.add_index(&update["Create"]),
            Some([update]) => {
                let name = update["Delete"]["IndexName"].clone();
                for index in self.indexes() {
                    if index["IndexName"] == name {
                        index["IndexStatus"] = "DELETING".into();
                    }
                }
            }
            Some(_) => return Reply::error(400, "LimitExceededException", "one index at a time"),
            None => {}
        }
        self.table()["TableStatus"] = "UPDATING".into();
        self.busy = self.busy_for;
        done()
    }

    /// The members that creating and updating have in common.
    fn set(&mut self, body: &Value) {
        let table = self.table();
        for definition in body["AttributeDefinitions"].as_array().into_iter().flatten() {
            let definitions = table["AttributeDefinitions"].as_array_mut().expect("an array");
            definitions.retain(|there| there["AttributeName"] != definition["AttributeName"]);
            definitions.push(definition.clone());
        }
        if !body["BillingMode"].is_null() {
            table["BillingModeSummary"] = json!({"BillingMode": body["BillingMode"]});
        }
        if !body["TableClass"].is_null() {
            table["TableClassSummary"] = json!({"TableClass": body["TableClass"]});
        }
        if !body["DeletionProtectionEnabled"].is_null() {
            table["DeletionProtectionEnabled"] = body["DeletionProtectionEnabled"].clone();
        }
        if !body["StreamSpecification"].is_null() {
            table["StreamSpecification"] = body["StreamSpecification"].clone();
            table["LatestStreamArn"] = format!("{}/stream/1", arn()).into();
        }
        let sse = &body["SSESpecification"];
        if sse["Enabled"] == true {
            table["SSEDescription"] =
                json!({"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": sse["KMSMasterKeyId"]});
        } else if sse["Enabled"] == false {
            table["SSEDescription"] = Value::Null;
        }
    }

    fn delete(&mut self) -> Reply {
        if self.table()["DeletionProtectionEnabled"] == true {
            return Reply::error(
                400,
                "ValidationException",
                "Resource cannot be deleted as it is currently protected",
            );
        }
        self.table()["TableStatus"] = "DELETING".into();
        self.busy = self.busy_for;
        done()
    }

    fn describe(&mut self) -> Reply {
        if self.busy > 0 {
            self.busy -= 1;
        } else if self.table()["TableStatus"] == "DELETING" {
            self.table = None;
            return not_there();
        } else {
            self.table()["TableStatus"] = "ACTIVE".into();
            let indexes = self.indexes();
            indexes.retain(|index| index["IndexStatus"] != "DELETING");
            indexes.iter_mut().for_each(|index| index["IndexStatus"] = "ACTIVE".into());
        }
        Reply::json(200, json!({"Table": self.table}))
    }

    fn table(&mut self) -> &mut Value {
        self.table.as_mut().expect("a table")
    }

    fn indexes(&mut self) -> &mut Vec<Value> {
        self.table()["GlobalSecondaryIndexes"].as_array_mut().expect("an array")
    }

    fn add_index(&mut self, index: &Value) {
        let mut index = index.clone();
        index["IndexStatus"] = "CREATING".into();
        self.indexes().push(index);
    }

    fn tag(&mut self, body: &Value) {
        for tag in body["Tags"].as_array().into_iter().flatten() {
            self.tags.insert(tag["Key"].as_str().unwrap_or_default().to_owned(), tag["Value"].clone());
        }
    }
}
