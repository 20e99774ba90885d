//! AWS Backup as a script: it keeps what it is told, remembers plans that were deleted, and fails where the test says so.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use aws_env::scripted::{Reply, Request, Script};
use serde_json::{Value, json};

use super::scope;

#[derive(Default)]
pub(crate) struct Backup {
    pub(crate) vaults: BTreeMap<String, Value>,
    pub(crate) plans: BTreeMap<String, Value>,
    pub(crate) selections: Vec<Value>,
    /// By ARN.
    pub(crate) tags: BTreeMap<String, Value>,
    /// Operation and reply: the first of an operation is given in place of the next answer to it.
    pub(crate) faults: Vec<(&'static str, Reply)>,
    made: u32,
}

pub(crate) fn not_there() -> Reply {
    Reply::error(400, "ResourceNotFoundException", "It does not exist.")
}

/// The operations that change something, in order.
pub(crate) fn mutations(script: &Script) -> Vec<String> {
    let mut operations = script.operations();
    operations.retain(|operation| !operation.starts_with("GET "));
    operations
}

fn done() -> Reply {
    Reply::json(200, json!({}))
}

impl Backup {
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
        if let Some(at) = self.faults.iter().position(|(of, _)| operation.trim_end_matches('/') == *of) {
            return self.faults.remove(at).1;
        }
        let (method, path) = operation.split_once(" /").unwrap_or_default();
        let path: Vec<_> = path.trim_end_matches('/').split('/').collect();
        let body = request.json();
        match (method, path.as_slice()) {
            ("GET", ["tags", arn]) => {
                let tags = self.tags.get(&arn.replace("%3A", ":"));
                tags.map_or_else(not_there, |tags| Reply::json(200, json!({"Tags": tags})))
            }
            ("POST", ["tags", arn]) => {
                self.tags.insert(arn.replace("%3A", ":"), body["Tags"].clone());
                done()
            }
            (_, ["backup-vaults", ..]) => self.vaults(method, &path[1..], &body),
            (_, ["backup", "plans"]) => self.plans(method, &body),
            (_, ["backup", "plans", id, path @ ..]) if self.plans.contains_key(*id) => {
                self.plan(method, id, path, &body)
            }
            _ => not_there(),
        }
    }

    fn vaults(&mut self, method: &str, path: &[&str], body: &Value) -> Reply {
        match (method, path) {
            ("GET", []) => {
                let vaults: Vec<_> = self.vaults.values().collect();
                Reply::json(200, json!({"BackupVaultList": vaults}))
            }
            ("PUT", [name]) if self.vaults.contains_key(*name) => {
                Reply::error(400, "AlreadyExistsException", "Backup vault with the same name already exists")
            }
            ("PUT", [name]) => {
                let arn = scope().arn("backup", &format!("backup-vault:{name}"));
                let default = json!("arn:aws:kms:eu-west-1:111111111111:key/aws-backup");
                let key = Some(&body["EncryptionKeyArn"]).filter(|key| !key.is_null()).unwrap_or(&default);
                let vault = json!({"BackupVaultName": name, "BackupVaultArn": arn, "EncryptionKeyArn": key,
                    "CreationDate": 1_700_000_000});
                self.tags.insert(arn, body["BackupVaultTags"].clone());
                self.vaults.insert((*name).to_owned(), vault.clone());
                Reply::json(200, vault)
            }
            ("DELETE", [name]) => self.vaults.remove(*name).map_or_else(not_there, |_| done()),
            _ => not_there(),
        }
    }

    fn plans(&mut self, method: &str, body: &Value) -> Reply {
        let creator = &body["CreatorRequestId"];
        match method {
            "GET" => {
                let live = self.plans.values().filter(|plan| plan["DeletionDate"].is_null());
                let listed = live.map(|plan| {
                    json!({"BackupPlanId": plan["BackupPlanId"], "BackupPlanName": plan["BackupPlan"]["BackupPlanName"]})
                });
                Reply::json(200, json!({"BackupPlansList": listed.collect::<Vec<_>>()}))
            }
            _ => match self
                .plans
                .values()
                .find(|plan| plan["CreatorRequestId"] == *creator && !creator.is_null())
            {
                Some(known) => Reply::json(200, json!({"BackupPlanId": known["BackupPlanId"]})),
                None => {
                    self.made += 1;
                    let id = format!("plan-{}", self.made);
                    let arn = scope().arn("backup", &format!("backup-plan:{id}"));
                    self.tags.insert(arn, body["BackupPlanTags"].clone());
                    let plan = json!({"BackupPlanId": id, "BackupPlan": body["BackupPlan"],
                        "CreatorRequestId": creator, "CreationDate": 1_700_000_000});
                    self.plans.insert(id, plan.clone());
                    Reply::json(200, plan)
                }
            },
        }
    }

    fn plan(&mut self, method: &str, id: &str, path: &[&str], body: &Value) -> Reply {
        let of = |selection: &Value| selection["BackupPlanId"] == id;
        match (method, path) {
            ("GET", []) => Reply::json(200, self.plans[id].clone()),
            ("POST", []) => {
                if let Some(plan) = self.plans.get_mut(id) {
                    plan["BackupPlan"] = body["BackupPlan"].clone();
                }
                done()
            }
            ("DELETE", []) if self.selections.iter().any(of) => Reply::error(
                400,
                "InvalidRequestException",
                "Related backup plan selections must be deleted prior to backup plan deletion",
            ),
            ("DELETE", []) => {
                if let Some(plan) = self.plans.get_mut(id) {
                    plan["DeletionDate"] = json!(1_700_000_001);
                }
                done()
            }
            ("GET", ["selections"]) => {
                let selections: Vec<_> = self.selections.iter().filter(|one| of(one)).collect();
                Reply::json(200, json!({"BackupSelectionsList": selections}))
            }
            ("PUT", ["selections"]) => {
                self.made += 1;
                let selection = json!({"SelectionId": format!("selection-{}", self.made), "BackupPlanId": id,
                    "BackupSelection": body["BackupSelection"], "CreationDate": 1_700_000_000 + self.made});
                self.selections.push(selection.clone());
                Reply::json(200, selection)
            }
            ("GET", ["selections", selection]) => {
                let found = self.selections.iter().find(|one| one["SelectionId"] == *selection);
                found.map_or_else(not_there, |found| Reply::json(200, found.clone()))
            }
            ("DELETE", ["selections", selection]) => {
                self.selections.retain(|one| one["SelectionId"] != *selection);
                done()
            }
            _ => not_there(),
        }
    }
}
