//! EFS with one file system, as a script: what is made or deleted is under way for some listings, a zone takes one mount
//! target, and calls fail where the test says so.

use std::sync::{Arc, Mutex};

use aws_env::scripted::{Reply, Request, Script};
use serde_json::{Value, json};

use super::{FILE_SYSTEM, file_system_arn, key, scope};

#[derive(Default)]
pub(crate) struct Efs {
    pub(crate) file_systems: Vec<Value>,
    pub(crate) policy: Option<String>,
    pub(crate) lifecycle: Vec<Value>,
    pub(crate) backup: Option<Value>,
    pub(crate) targets: Vec<Value>,
    pub(crate) points: Vec<Value>,
    /// For how many listings what was made or deleted is under way.
    pub(crate) busy_for: u32,
    /// Operation and reply: the first of an operation is given in place of the next answer to it.
    pub(crate) faults: Vec<(&'static str, Reply)>,
    pub(crate) made: u32,
}

pub(crate) fn not_there(what: &str) -> Reply {
    Reply::error(404, &format!("{what}NotFound"), "It does not exist.")
}

pub(crate) fn unsettled() -> Reply {
    Reply::error(409, "IncorrectFileSystemLifeCycleState", "The file system is not in the available state.")
}

/// Our tags, as EFS has them.
pub(crate) fn our_tags(key: &resource::Key) -> Value {
    scope().tags(key).into_iter().map(|(name, value)| json!({"Key": name, "Value": value})).collect()
}

/// The operations that change something, in order, without the version that each path begins with.
pub(crate) fn mutations(script: &Script) -> Vec<String> {
    let mut operations = script.operations();
    operations.retain(|operation| !operation.starts_with("GET "));
    operations.into_iter().map(|operation| operation.replace("/2015-02-01", "")).collect()
}

fn done() -> Reply {
    Reply::json(200, json!({}))
}

/// What is under way comes one step nearer to its end.
fn step(things: &mut Vec<Value>) {
    for thing in things.iter_mut() {
        let left = thing["busy"].as_u64().unwrap_or_default();
        match (left, thing["LifeCycleState"].as_str()) {
            (0, Some("deleting")) => thing["LifeCycleState"] = "gone".into(),
            (0, Some("creating" | "updating")) => thing["LifeCycleState"] = "available".into(),
            (left, _) => thing["busy"] = left.saturating_sub(1).into(),
        }
    }
    things.retain(|thing| thing["LifeCycleState"] != "gone");
}

fn zone(subnet: &Value) -> Option<char> {
    subnet.as_str()?.trim_start_matches("subnet-").chars().next()
}

impl Efs {
    /// A file system that is ours and as EFS makes one.
    pub(crate) fn with_file_system() -> Self {
        Self { file_systems: vec![file_system(FILE_SYSTEM)], ..Self::default() }
    }

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
        let operation = request.operation.replace("/2015-02-01", "");
        if let Some(at) = self.faults.iter().position(|(of, _)| *of == operation) {
            return self.faults.remove(at).1;
        }
        let (method, path) = operation.split_once(" /").unwrap_or_default();
        let path: Vec<_> = path.split('/').collect();
        let (body, query) = (request.json(), request.query.as_str());
        match (method, path.as_slice()) {
            (_, ["file-systems", ..]) => self.file_systems(method, &path[1..], &body, query),
            (_, ["mount-targets", ..]) => self.mount_targets(method, &path[1..], &body, query),
            (_, ["access-points", ..]) => self.access_points(method, &path[1..], &body, query),
            ("POST", ["resource-tags", id]) => {
                let things = self.file_systems.iter_mut().chain(&mut self.points);
                let named =
                    |thing: &&mut Value| thing["FileSystemId"] == *id || thing["AccessPointId"] == *id;
                things.filter(named).for_each(|thing| thing["Tags"] = body["Tags"].clone());
                done()
            }
            _ => Reply::error(400, "BadRequest", &operation),
        }
    }

    fn file_systems(&mut self, method: &str, path: &[&str], body: &Value, query: &str) -> Reply {
        match (method, path) {
            ("GET", []) => {
                step(&mut self.file_systems);
                let asked = |there: &&Value| {
                    let named = |name: &str| {
                        !query.contains(&format!("{name}="))
                            || query.contains(&format!("{name}={}", there[name].as_str().unwrap_or_default()))
                    };
                    named("FileSystemId") && named("CreationToken")
                };
                let found: Vec<_> = self.file_systems.iter().filter(asked).collect();
                match (found.is_empty(), query.contains("FileSystemId=")) {
                    (true, true) => not_there("FileSystem"),
                    _ => Reply::json(200, json!({"FileSystems": found})),
                }
            }
            ("POST", []) => {
                if self.file_systems.iter().any(|there| there["CreationToken"] == body["CreationToken"]) {
                    return Reply::error(409, "FileSystemAlreadyExists", "That token was used.");
                }
                let mut made = file_system(FILE_SYSTEM);
                let sent = ["CreationToken", "Encrypted", "PerformanceMode", "ThroughputMode", "Tags"];
                sent.into_iter().for_each(|member| made[member] = body[member].clone());
                made["LifeCycleState"] = "creating".into();
                made["busy"] = self.busy_for.into();
                self.file_systems.push(made.clone());
                Reply::json(201, made)
            }
            (method, [id, path @ ..])
                if self.file_systems.iter().any(|there| there["FileSystemId"] == *id) =>
            {
                self.file_system(method, path, body)
            }
            _ => not_there("FileSystem"),
        }
    }

    fn file_system(&mut self, method: &str, path: &[&str], body: &Value) -> Reply {
        let busy_for = self.busy_for;
        let Some(there) = self.file_systems.first_mut() else { return not_there("FileSystem") };
        match (method, path) {
            ("PUT", []) => {
                there["ThroughputMode"] = body["ThroughputMode"].clone();
                there["LifeCycleState"] = "updating".into();
                there["busy"] = busy_for.into();
                Reply::json(202, there.clone())
            }
            ("DELETE", []) if !self.targets.is_empty() => {
                Reply::error(409, "FileSystemInUse", "The file system has mount targets.")
            }
            ("DELETE", []) => {
                there["LifeCycleState"] = "deleting".into();
                there["busy"] = busy_for.into();
                Reply::json(204, json!({}))
            }
            _ if there["LifeCycleState"] != "available" => unsettled(),
            ("GET", ["policy"]) => self.policy.as_ref().map_or_else(
                || Reply::error(404, "PolicyNotFound", "There is none."),
                |policy| Reply::json(200, json!({"Policy": policy})),
            ),
            ("PUT", ["policy"]) => {
                self.policy = body["Policy"].as_str().map(str::to_owned);
                done()
            }
            ("DELETE", ["policy"]) => {
                self.policy = None;
                done()
            }
            ("GET", ["lifecycle-configuration"]) => {
                Reply::json(200, json!({"LifecyclePolicies": self.lifecycle}))
            }
            ("PUT", ["lifecycle-configuration"]) => {
                self.lifecycle = body["LifecyclePolicies"].as_array().cloned().unwrap_or_default();
                done()
            }
            ("GET", ["backup-policy"]) => self.backup.as_ref().map_or_else(
                || Reply::error(404, "PolicyNotFound", "There is none."),
                |backup| Reply::json(200, json!({"BackupPolicy": backup})),
            ),
            ("PUT", ["backup-policy"]) => {
                let on = body["BackupPolicy"]["Status"] == "ENABLED";
                self.backup = Some(json!({"Status": if on { "ENABLING" } else { "DISABLING" }}));
                done()
            }
            _ => Reply::error(400, "BadRequest", &path.join("/")),
        }
    }

    fn mount_targets(&mut self, method: &str, path: &[&str], body: &Value, query: &str) -> Reply {
        match (method, path) {
            ("GET", []) => {
                step(&mut self.targets);
                let of = |target: &&Value| {
                    query.contains(&format!(
                        "FileSystemId={}",
                        target["FileSystemId"].as_str().unwrap_or_default()
                    ))
                };
                let found: Vec<_> = self.targets.iter().filter(of).collect();
                Reply::json(200, json!({"MountTargets": found}))
            }
            ("POST", []) => {
                let subnet = &body["SubnetId"];
                if self.targets.iter().any(|there| zone(&there["SubnetId"]) == zone(subnet)) {
                    return Reply::error(409, "MountTargetConflict", "That zone has a mount target.");
                }
                let mut made = self.target(subnet.as_str().unwrap_or_default(), &body["SecurityGroups"]);
                made["LifeCycleState"] = "creating".into();
                made["busy"] = self.busy_for.into();
                self.targets.push(made.clone());
                Reply::json(200, made)
            }
            (_, [id, ..]) => {
                let Some(there) = self.targets.iter_mut().find(|there| there["MountTargetId"] == *id) else {
                    return not_there("MountTarget");
                };
                match method {
                    "DELETE" => {
                        there["LifeCycleState"] = "deleting".into();
                        there["busy"] = self.busy_for.into();
                        Reply::json(204, json!({}))
                    }
                    _ if there["LifeCycleState"] != "available" => {
                        Reply::error(409, "IncorrectMountTargetState", "The mount target is not available.")
                    }
                    "PUT" => {
                        there["SecurityGroups"] = body["SecurityGroups"].clone();
                        Reply::json(204, json!({}))
                    }
                    _ => Reply::json(200, json!({"SecurityGroups": there["SecurityGroups"]})),
                }
            }
            _ => Reply::error(400, "BadRequest", method),
        }
    }

    /// A mount target in that subnet; not there yet.
    pub(crate) fn target(&mut self, subnet: &str, groups: &Value) -> Value {
        self.made += 1;
        json!({"MountTargetId": format!("fsmt-{}", self.made), "FileSystemId": FILE_SYSTEM, "SubnetId": subnet,
            "SecurityGroups": groups, "LifeCycleState": "available"})
    }

    fn access_points(&mut self, method: &str, path: &[&str], body: &Value, query: &str) -> Reply {
        match (method, path) {
            ("GET", []) => {
                step(&mut self.points);
                let asked = query.split('&').find_map(|pair| pair.strip_prefix("AccessPointId="));
                let of = |point: &&Value| asked.is_none_or(|asked| point["AccessPointId"] == asked);
                let found: Vec<_> = self.points.iter().filter(of).collect();
                match (found.is_empty(), asked) {
                    (true, Some(_)) => not_there("AccessPoint"),
                    _ => Reply::json(200, json!({"AccessPoints": found})),
                }
            }
            ("POST", []) => {
                if self.points.iter().any(|there| there["ClientToken"] == body["ClientToken"]) {
                    return Reply::error(409, "AccessPointAlreadyExists", "That token was used.");
                }
                self.made += 1;
                let mut made = body.clone();
                made["AccessPointId"] = format!("fsap-{}", self.made).into();
                made["LifeCycleState"] = "creating".into();
                made["busy"] = self.busy_for.into();
                self.points.push(made.clone());
                Reply::json(200, made)
            }
            ("DELETE", [id]) => match self.points.iter_mut().find(|there| there["AccessPointId"] == *id) {
                Some(there) => {
                    there["LifeCycleState"] = "deleting".into();
                    there["busy"] = self.busy_for.into();
                    Reply::json(204, json!({}))
                }
                None => not_there("AccessPoint"),
            },
            _ => Reply::error(400, "BadRequest", method),
        }
    }
}

fn file_system(id: &str) -> Value {
    json!({"FileSystemId": id, "FileSystemArn": file_system_arn(id), "OwnerId": "111111111111", "CreationToken": "",
        "CreationTime": 1_700_000_000, "LifeCycleState": "available", "NumberOfMountTargets": 0, "Encrypted": true,
        "SizeInBytes": {"Value": 6144}, "PerformanceMode": "generalPurpose", "ThroughputMode": "bursting",
        "Tags": our_tags(&key())})
}
