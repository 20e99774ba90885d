//! Secrets Manager as a script: it keeps what it is told, and fails where the test says so.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use aws_env::scripted::{Reply, Request, Script};
use serde_json::{Map, Value, json};

use super::scope;

#[derive(Clone, Default)]
pub(crate) struct Stored {
    pub(crate) description: Option<String>,
    pub(crate) kms_key_id: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
    /// Version id and value; the last is the current one.
    pub(crate) versions: Vec<(String, String)>,
    pub(crate) deleted: bool,
}

#[derive(Default)]
pub(crate) struct Cloud {
    pub(crate) secrets: BTreeMap<String, Stored>,
    /// Operation and reply: the first of an operation is given in place of the next answer to it.
    pub(crate) faults: Vec<(&'static str, Reply)>,
    /// Whether a creation makes up a version id, as an emulator does, in place of taking the token for it.
    pub(crate) own_version_ids: bool,
}

pub(crate) fn not_there() -> Reply {
    Reply::error(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

pub(crate) fn leaving() -> Reply {
    let text =
        "You can't create this secret because a secret with this name is already scheduled for deletion.";
    Reply::error(400, "InvalidRequestException", text)
}

pub(crate) fn arn(name: &str) -> String {
    scope().arn("secretsmanager", &format!("secret:{name}-AbCdEf"))
}

impl Cloud {
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
        let body = request.json();
        let text = |member: &str| body[member].as_str().map(str::to_owned);
        let fault = self.faults.iter().position(|(of, _)| *of == operation);
        // A fault comes in place of the answer, and the call does nothing.
        if let Some(at) = fault {
            return self.faults.remove(at).1;
        }
        if operation == "ListSecrets" {
            let listed = self.secrets.iter().filter(|(_, secret)| !secret.deleted);
            let listed: Vec<_> = listed.map(|(name, _)| json!({"Name": name, "ARN": arn(name)})).collect();
            return Reply::json(200, json!({"SecretList": listed}));
        }
        if operation == "CreateSecret" {
            let name = text("Name").unwrap();
            match self.secrets.get(&name) {
                Some(secret) if secret.deleted => return leaving(),
                Some(_) => return Reply::error(400, "ResourceExistsException", "It exists."),
                None => {}
            }
            let version = text("ClientRequestToken").filter(|_| !self.own_version_ids);
            let version = version.unwrap_or_else(|| "made-up".to_owned());
            let secret = Stored {
                description: text("Description"),
                kms_key_id: text("KmsKeyId"),
                tags: tags(&body),
                versions: text("SecretString").map(|value| (version.clone(), value)).into_iter().collect(),
                deleted: false,
            };
            self.secrets.insert(name.clone(), secret);
            return Reply::json(200, json!({"ARN": arn(&name), "Name": name, "VersionId": version}));
        }
        let id = text("SecretId").unwrap();
        let name = self.secrets.keys().find(|name| **name == id || arn(name) == id).cloned();
        let Some(name) = name else { return not_there() };
        if operation == "DeleteSecret" && body["ForceDeleteWithoutRecovery"] == true {
            self.secrets.remove(&name);
            return Reply::json(200, json!({}));
        }
        let secret = self.secrets.get_mut(&name).unwrap();
        if secret.deleted && !["DescribeSecret", "RestoreSecret"].contains(&operation) {
            let text = "You can't perform this operation on the secret because it was marked for deletion.";
            return Reply::error(400, "InvalidRequestException", text);
        }
        match operation {
            "DescribeSecret" => Reply::json(200, secret.described(&name)),
            "GetSecretValue" => secret.value(&name, text("VersionId")),
            "PutSecretValue" => {
                let version = text("ClientRequestToken").unwrap();
                secret.versions.push((version.clone(), text("SecretString").unwrap()));
                Reply::json(200, json!({"ARN": arn(&name), "VersionId": version}))
            }
            "UpdateSecret" => {
                secret.description = text("Description").or(secret.description.take());
                secret.kms_key_id =
                    text("KmsKeyId").or(secret.kms_key_id.take()).filter(|key| !key.is_empty());
                Reply::json(200, json!({"ARN": arn(&name)}))
            }
            "TagResource" => {
                secret.tags.extend(tags(&body));
                Reply::json(200, json!({}))
            }
            "DeleteSecret" => {
                secret.deleted = true;
                Reply::json(200, json!({}))
            }
            "RestoreSecret" => {
                secret.deleted = false;
                Reply::json(200, json!({"ARN": arn(&name)}))
            }
            _ => Reply::error(400, "UnsupportedOperation", operation),
        }
    }
}

impl Stored {
    fn described(&self, name: &str) -> Value {
        let last = self.versions.len().wrapping_sub(1);
        let stage = |at: usize| if at == last { json!(["AWSCURRENT"]) } else { json!(["AWSPREVIOUS"]) };
        let versions: Map<_, _> =
            self.versions.iter().enumerate().map(|(at, (id, _))| (id.clone(), stage(at))).collect();
        let tags: Vec<_> = self.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
        let mut described = json!({"ARN": arn(name), "Name": name, "Description": self.description, "Tags": tags,
            "KmsKeyId": self.kms_key_id, "VersionIdsToStages": versions, "CreatedDate": 1_790_000_000});
        if self.deleted {
            described["DeletedDate"] = json!(1_790_000_000);
        }
        described
    }

    fn value(&self, name: &str, version: Option<String>) -> Reply {
        let version = version.or_else(|| self.versions.last().map(|(id, _)| id.clone()));
        match self.versions.iter().find(|(id, _)| Some(id) == version.as_ref()) {
            Some((id, value)) => {
                Reply::json(200, json!({"ARN": arn(name), "VersionId": id, "SecretString": value}))
            }
            None => not_there(),
        }
    }
}

fn tags(body: &Value) -> BTreeMap<String, String> {
    let tags = body["Tags"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    tags.iter().map(|tag| (text(&tag["Key"]), text(&tag["Value"]))).collect()
}
