//! ECS with one service on Fargate, as far as the family can tell it from AWS's. Tasks take their time to stop, and it
//! remembers whether two ever ran at once.

use std::sync::{Arc, Mutex};

use aws_env::scripted::{Reply, Request, Script};
use serde_json::{Value, json};

use super::{NAME, cluster, scope};

/// What becomes of deployments.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Fate {
    /// They are done after some looks.
    #[default]
    Completes,
    /// The circuit breaker gives them up, and there is nothing to go back to.
    Fails,
    /// The circuit breaker gives them up and goes back to the revision before.
    RollsBack,
    /// They never end.
    Hangs,
}

#[derive(Debug, Default)]
pub(super) struct Fargate {
    pub(super) service: Option<Value>,
    pub(super) tasks: Vec<Value>,
    pub(super) fate: Fate,
    /// For how many looks tasks stop, deployments roll out and a service drains.
    pub(super) slowness: u32,
    /// The answers to the next calls of these operations.
    pub(super) faults: Vec<(&'static str, Reply)>,
    /// Whether a task began while another had not ended.
    pub(super) overlapped: bool,
    pub(super) looks: u32,
    pub(super) deployments: u32,
}

/// The operations that change something, in order.
pub(super) fn mutations(script: &Script) -> Vec<String> {
    let mut operations = script.operations();
    operations.retain(|one| !["Describe", "List", "Get"].iter().any(|read| one.starts_with(read)));
    operations
}

/// The bodies of the calls of that operation, in order.
pub(super) fn bodies(script: &Script, operation: &str) -> Vec<Value> {
    let requests = script.requests().into_iter().filter(|request| request.operation == operation);
    requests.map(|request| request.json()).collect()
}

pub(super) fn missing() -> Reply {
    Reply::json(200, json!({"services": [], "failures": [{"arn": NAME, "reason": "MISSING"}]}))
}

impl Fargate {
    pub(super) fn failing(self, faults: impl IntoIterator<Item = (&'static str, Reply)>) -> Self {
        Self { faults: faults.into_iter().collect(), ..self }
    }

    pub(super) fn script(self) -> (Script, Arc<Mutex<Self>>) {
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
        let answer = match operation {
            "ListClusters" => json!({"clusterArns": [cluster().arn(), scope().arn("ecs", "cluster/other")]}),
            "ListServices" => {
                json!({"serviceArns": self.service.iter().map(|one| &one["serviceArn"]).collect::<Vec<_>>()})
            }
            "DescribeServices" => return self.describe(),
            "ListTasks" => self.list_tasks(&body),
            "DescribeTasks" => {
                self.look();
                json!({"tasks": self.tasks})
            }
            "DescribeTaskDefinition" => json!({"taskDefinition": {"containerDefinitions": [
                {"name": "server", "logConfiguration": {"logDriver": "awslogs", "options": {
                    "awslogs-group": "/headwater/dev/eventstore", "awslogs-stream-prefix": "server"
                }}}
            ]}}),
            "GetLogEvents" => {
                json!({"events": [{"message": "reading the key\n"}, {"message": "\u{1b}[31mno such file\n"}]})
            }
            "CreateService" if self.service.as_ref().is_some_and(|one| one["status"] != "INACTIVE") => {
                let text = "Creation of service was not idempotent.";
                return Reply::error(400, "InvalidParameterException", text);
            }
            "CreateService" => self.create(&body),
            "UpdateService" => self.update(&body),
            "DeleteService" => {
                self.looks = self.slowness;
                self.service()["status"] = "DRAINING".into();
                json!({"service": self.service})
            }
            _ => return Reply::error(400, "UnknownOperationException", operation),
        };
        Reply::json(200, answer)
    }

    fn describe(&mut self) -> Reply {
        if self.service.is_none() {
            return missing();
        }
        self.look();
        let running = self.tasks.iter().filter(|task| task["lastStatus"] == "RUNNING").count();
        self.service()["runningCount"] = running.into();
        Reply::json(200, json!({"services": [self.service]}))
    }

    /// Time goes on by one look.
    fn look(&mut self) {
        if self.looks > 0 {
            self.looks -= 1;
            return;
        }
        for task in self.tasks.iter_mut().filter(|task| task["desiredStatus"] == "STOPPED") {
            task["lastStatus"] = "STOPPED".into();
        }
        if self.service.as_ref().is_some_and(|one| one["status"] == "DRAINING") {
            self.service()["status"] = "INACTIVE".into();
        }
        if self.service.as_ref().is_some_and(|one| one["deployments"][0]["rolloutState"] == "IN_PROGRESS") {
            self.roll_out();
        }
    }

    fn roll_out(&mut self) {
        let fate = self.fate;
        let reason = "ECS deployment circuit breaker: tasks failed to start.";
        let deployment = &mut self.service()["deployments"][0];
        match fate {
            Fate::Hangs => {}
            Fate::Completes => {
                deployment["rolloutState"] = "COMPLETED".into();
                deployment["runningCount"] = deployment["desiredCount"].clone();
            }
            Fate::Fails | Fate::RollsBack => {
                deployment["rolloutState"] = "FAILED".into();
                deployment["rolloutStateReason"] = reason.into();
                deployment["failedTasks"] = 3.into();
                if fate == Fate::RollsBack {
                    deployment["status"] = "ACTIVE".into();
                    let before =
                        json!({"id": "ecs-svc/0", "status": "PRIMARY", "rolloutState": "IN_PROGRESS"});
                    self.service()["deployments"].as_array_mut().expect("an array").insert(0, before);
                }
                for task in &mut self.tasks {
                    task["lastStatus"] = "STOPPED".into();
                    task["desiredStatus"] = "STOPPED".into();
                    task["stoppedReason"] = "Essential container in task exited".into();
                    task["containers"] = json!([
                        {"name": "key", "lastStatus": "STOPPED", "exitCode": 0},
                        {"name": "server", "lastStatus": "STOPPED", "exitCode": 139, "reason": "OutOfMemoryError"}
                    ]);
                }
            }
        }
    }

    fn list_tasks(&self, body: &Value) -> Value {
        let wanted = self.tasks.iter().filter(|task| task["desiredStatus"] == body["desiredStatus"]);
        json!({"taskArns": wanted.map(|task| &task["taskArn"]).collect::<Vec<_>>()})
    }

    fn create(&mut self, body: &Value) -> Value {
        let mut service = body.clone();
        service["serviceArn"] = scope().arn("ecs", &format!("service/{NAME}/{NAME}")).into();
        service["clusterArn"] = body["cluster"].clone();
        service["status"] = "ACTIVE".into();
        service["createdAt"] = 1_790_000_000.into();
        service["deployments"] = json!([]);
        // What ECS adds.
        service["deploymentConfiguration"]["strategy"] = "ROLLING".into();
        service["deploymentConfiguration"]["bakeTimeInMinutes"] = 0.into();
        service["schedulingStrategy"] = "REPLICA".into();
        service["events"] = json!([{"message": "(service) has started 1 tasks."}]);
        self.service = Some(service);
        self.deploy();
        json!({"service": self.service})
    }

    fn update(&mut self, body: &Value) -> Value {
        let differs =
            !body["taskDefinition"].is_null() && body["taskDefinition"] != self.service()["taskDefinition"];
        for (name, value) in body.as_object().expect("an object") {
            if !["cluster", "service", "forceNewDeployment"].contains(&name.as_str()) {
                self.service()[name] = value.clone();
            }
        }
        if body["desiredCount"] == 0 {
            self.looks = self.slowness;
            for task in self.tasks.iter_mut().filter(|task| task["lastStatus"] != "STOPPED") {
                task["desiredStatus"] = "STOPPED".into();
                task["lastStatus"] = "DEACTIVATING".into();
                task["stoppedReason"] = "Scaling activity initiated by deployment".into();
            }
        }
        if differs || body["forceNewDeployment"] == true {
            self.deploy();
        } else if let Some(deployment) = self.service().pointer_mut("/deployments/0")
            && !body["desiredCount"].is_null()
        {
            deployment["desiredCount"] = body["desiredCount"].clone();
            deployment["runningCount"] = body["desiredCount"].clone();
        }
        json!({"service": self.service})
    }

    /// A new deployment begins, and with it a task.
    fn deploy(&mut self) {
        self.looks = self.slowness;
        self.deployments += 1;
        let id = format!("ecs-svc/{}", self.deployments);
        let count = self.service()["desiredCount"].clone();
        let definition = self.service()["taskDefinition"].clone();
        self.service()["deployments"] = json!([{
            "id": id, "status": "PRIMARY", "rolloutState": "IN_PROGRESS", "desiredCount": count, "pendingCount": 1,
            "taskDefinition": definition
        }]);
        if count == 0 {
            return;
        }
        self.overlapped |= self.tasks.iter().any(|task| task["lastStatus"] != "STOPPED");
        let arn = scope().arn("ecs", &format!("task/{NAME}/{:04}", self.deployments));
        self.tasks.push(json!({
            "taskArn": arn, "startedBy": id, "desiredStatus": "RUNNING", "lastStatus": "RUNNING",
            "taskDefinitionArn": definition, "createdAt": 1_790_000_000 + self.deployments
        }));
    }

    pub(super) fn service(&mut self) -> &mut Value {
        self.service.as_mut().expect("a service")
    }
}
