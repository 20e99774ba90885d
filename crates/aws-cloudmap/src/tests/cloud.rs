//! Cloud Map as a script: it keeps what it is told, and fails where the test says so.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use aws_env::scripted::{Reply, Request, Script};
use serde_json::{Value, json};

use super::scope;

#[derive(Default)]
pub(crate) struct Cloud {
    /// By id, as Cloud Map gives them.
    pub(crate) namespaces: BTreeMap<String, Value>,
    pub(crate) services: BTreeMap<String, Value>,
    /// By the service's id, their ids and attributes.
    pub(crate) instances: BTreeMap<String, BTreeMap<String, Value>>,
    /// By ARN, as Cloud Map gives them.
    pub(crate) tags: BTreeMap<String, Vec<Value>>,
    /// Operation and reply: the first of an operation is given in place of the next answer to it.
    pub(crate) faults: Vec<(&'static str, Reply)>,
}

pub(crate) fn arn(resource: &str) -> String {
    scope().arn("servicediscovery", resource)
}

pub(crate) fn error(code: &str) -> Reply {
    Reply::error(400, code, "Cloud Map says so.")
}

/// What GetOperation answers.
pub(crate) fn operation(status: &str) -> Reply {
    let failure = (status == "FAIL").then_some(("ACCESS_DENIED", "You may not make a zone."));
    let (code, message) = failure.unzip();
    Reply::json(200, json!({"Operation": {"Status": status, "ErrorCode": code, "ErrorMessage": message}}))
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
        if let Some(at) = self.faults.iter().position(|(of, _)| *of == operation) {
            return self.faults.remove(at).1;
        }
        let body = request.json();
        let text = |member: &str| body[member].as_str().unwrap_or_default().to_owned();
        let done = || Reply::json(200, json!({"OperationId": "operation-1"}));
        match operation {
            "GetOperation" => super::cloud::operation("SUCCESS"),
            "ListNamespaces" => Reply::json(200, json!({"Namespaces": values(&self.namespaces)})),
            "ListServices" => {
                // A listing does not tell the namespace.
                let mut services = values(&self.services);
                services.iter_mut().for_each(|one| drop(one.as_object_mut().unwrap().remove("NamespaceId")));
                Reply::json(200, json!({"Services": services}))
            }
            "ListInstances" => {
                let listed = self.instances.get(&text("ServiceId")).map(BTreeMap::keys).into_iter().flatten();
                let listed: Vec<_> = listed.map(|id| json!({"Id": id})).collect();
                Reply::json(200, json!({"Instances": listed}))
            }
            "ListTagsForResource" => match self.tags.get(&text("ResourceARN")) {
                Some(tags) => Reply::json(200, json!({"Tags": tags})),
                None => error("ResourceNotFoundException"),
            },
            "TagResource" => {
                let tags = self.tags.entry(text("ResourceARN")).or_default();
                tags.extend(body["Tags"].as_array().cloned().unwrap_or_default());
                Reply::json(200, json!({}))
            }
            "CreatePrivateDnsNamespace" => {
                if self.namespaces.values().any(|one| one["Name"] == body["Name"]) {
                    return error("NamespaceAlreadyExists");
                }
                self.add_namespace("ns-1", &body);
                done()
            }
            "GetNamespace" => found(&self.namespaces, &text("Id"), "Namespace"),
            "UpdatePrivateDnsNamespace" => {
                let namespace = self.namespaces.get_mut(&text("Id")).unwrap();
                namespace["Description"] = body["Namespace"]["Description"].clone();
                done()
            }
            "DeleteNamespace" => match self.namespaces.remove(&text("Id")) {
                Some(_) => done(),
                None => error("NamespaceNotFound"),
            },
            "CreateService" => {
                if self.services.values().any(|one| one["Name"] == body["Name"]) {
                    return error("ServiceAlreadyExists");
                }
                self.add_service("srv-1", &body);
                Reply::json(200, json!({"Service": self.services["srv-1"]}))
            }
            "GetService" => found(&self.services, &text("Id"), "Service"),
            "UpdateService" => {
                let service = self.services.get_mut(&text("Id")).unwrap();
                service["Description"] = body["Service"]["Description"].clone();
                service["DnsConfig"]["DnsRecords"] = body["Service"]["DnsConfig"]["DnsRecords"].clone();
                done()
            }
            "DeleteService" => {
                let id = text("Id");
                let used = self.instances.get(&id).is_some_and(|instances| !instances.is_empty());
                match self.services.contains_key(&id) {
                    true if used => error("ResourceInUse"),
                    true => {
                        self.services.remove(&id);
                        Reply::json(200, json!({}))
                    }
                    false => error("ServiceNotFound"),
                }
            }
            "RegisterInstance" => {
                let instances = self.instances.entry(text("ServiceId")).or_default();
                instances.insert(text("InstanceId"), body["Attributes"].clone());
                done()
            }
            "DeregisterInstance" => {
                let instances = self.instances.entry(text("ServiceId")).or_default();
                instances.remove(&text("InstanceId"));
                done()
            }
            "DiscoverInstances" => {
                let all = self.instances.values().flatten();
                let found: Vec<_> =
                    all.map(|(id, attributes)| json!({"InstanceId": id, "Attributes": attributes})).collect();
                Reply::json(200, json!({"Instances": found}))
            }
            _ => Reply::error(400, "UnsupportedOperation", operation),
        }
    }

    pub(crate) fn add_namespace(&mut self, id: &str, create: &Value) {
        let arn = arn(&format!("namespace/{id}"));
        let zone = json!({"DnsProperties": {"HostedZoneId": "Z1", "SOA": {"TTL": 15}}});
        let namespace = json!({"Id": id, "Arn": arn, "Name": create["Name"], "Type": "DNS_PRIVATE",
            "Description": create["Description"], "Properties": zone, "CreateDate": 1_790_000_000});
        self.namespaces.insert(id.to_owned(), namespace);
        self.tags.insert(arn, create["Tags"].as_array().cloned().unwrap_or_default());
    }

    pub(crate) fn add_service(&mut self, id: &str, create: &Value) {
        let arn = arn(&format!("service/{id}"));
        let service = json!({"Id": id, "Arn": arn, "Name": create["Name"], "NamespaceId": create["NamespaceId"],
            "Description": create["Description"], "DnsConfig": create["DnsConfig"],
            "HealthCheckCustomConfig": create["HealthCheckCustomConfig"], "CreateDate": 1_790_000_000});
        self.services.insert(id.to_owned(), service);
        self.tags.insert(arn, create["Tags"].as_array().cloned().unwrap_or_default());
    }
}

fn values(all: &BTreeMap<String, Value>) -> Vec<Value> {
    all.values().cloned().collect()
}

fn found(all: &BTreeMap<String, Value>, id: &str, member: &str) -> Reply {
    match all.get(id) {
        Some(one) => Reply::json(200, json!({member: one})),
        None => error(&format!("{member}NotFound")),
    }
}
