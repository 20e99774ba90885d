//! Task definitions against scripted responses.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use aws_env::scripted::{Reply, Request, Script, assert_actions};
use aws_sdk_ecs::config::retry::RetryConfig;
use resource::{Desired, Family, Observed, Owner, Progress, Result, Scope};
use serde_json::{Value, json};

use super::write::in_order;
use crate::{
    ContainerCondition, ContainerDefinition, CpuArchitecture, HealthCheck, LinuxParameters, LogConfiguration,
    LogMode, MountPoint, PortMapping, RestartPolicy, TaskDefinition, TaskDefinitionSpec, TaskDefinitions,
    Ulimit, Volume,
};

const KEY: &str = "eventstore/task-definition";
const FAMILY: &str = "headwater-dev-eventstore";

fn scope() -> Scope {
    Scope {
        project: "headwater".into(),
        environment: "dev".into(),
        account: "111111111111".into(),
        region: "eu-west-1".into(),
    }
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).into()
}

fn logs() -> LogConfiguration {
    LogConfiguration::awslogs("/headwater/dev/eventstore", "eu-west-1", "eventstore", LogMode::NonBlocking)
}

fn server() -> ContainerDefinition {
    ContainerDefinition {
        user: Some("1000:1000".into()),
        entry_point: texts(["/bin/sh", "-c"]),
        command: texts(["exec flock /var/lib/eventstore/lock eventstored"]),
        working_directory: Some("/var/lib/eventstore".into()),
        environment: [("EVENTSTORE_NODE_PORT".into(), "2113".into()), ("A".into(), String::new())].into(),
        secrets: [("EVENTSTORE_DEFAULT_ADMIN_PASSWORD".into(), "arn:secret".into())].into(),
        port_mappings: [PortMapping::tcp(2113)].into(),
        mount_points: [
            MountPoint { container_path: "/tls".into(), source_volume: "tls".into(), read_only: true },
            MountPoint { container_path: "/data".into(), source_volume: "data".into(), read_only: false },
        ]
        .into(),
        depends_on: [("write-key".into(), ContainerCondition::Success)].into(),
        health_check: Some(HealthCheck {
            command: texts(["CMD-SHELL", "true"]),
            interval_seconds: 15,
            timeout_seconds: 5,
            retries: 3,
            start_period_seconds: 60,
        }),
        readonly_root_filesystem: true,
        linux_parameters: LinuxParameters { init_process_enabled: true, ..LinuxParameters::default() }
            .dropping_all_but(&[]),
        log_configuration: Some(logs()),
        stop_timeout_seconds: Some(120),
        restart_policy: Some(RestartPolicy { restart_attempt_period_seconds: 60 }),
        ulimits: [("nofile".into(), Ulimit { soft_limit: 65_535, hard_limit: 65_535 })].into(),
        ..ContainerDefinition::new("docker.io/eventstore/eventstore@sha256:1")
    }
}

fn spec() -> TaskDefinitionSpec {
    let init = ContainerDefinition {
        essential: false,
        linux_parameters: LinuxParameters::default().dropping_all_but(&["CHOWN"]),
        ..ContainerDefinition::new("busybox@sha256:2")
    };
    TaskDefinitionSpec {
        cpu_units: 1024,
        memory_mib: 4096,
        cpu_architecture: CpuArchitecture::X86_64,
        execution_role_arn: "arn:execution".into(),
        task_role_arn: "arn:task".into(),
        volumes: [("data".into(), Volume::efs("fs-1", "fsap-1")), ("tls".into(), Volume::task_local())]
            .into(),
        container_definitions: [("server".into(), server()), ("write-key".into(), init)].into(),
    }
}

fn desired(spec: TaskDefinitionSpec) -> Desired<TaskDefinitionSpec> {
    Desired { key: KEY.parse().unwrap(), name: Some(FAMILY.into()), spec }
}

/// A family's revisions as ECS has them: what was registered, and what ECS adds to it.
#[derive(Default)]
struct Ecs {
    revisions: Vec<Value>,
    faults: Vec<(&'static str, Reply)>,
    /// Whether the answer to the next registration is lost.
    loses: bool,
}

fn script(ecs: Ecs) -> (Script, Arc<Mutex<Ecs>>) {
    let state = Arc::new(Mutex::new(ecs));
    let ecs = Arc::clone(&state);
    (Script::new(move |request| ecs.lock().unwrap().answer(request)), state)
}

impl Ecs {
    fn answer(&mut self, request: &Request) -> Reply {
        let operation = request.operation.as_str();
        if let Some(at) = self.faults.iter().position(|(of, _)| *of == operation) {
            return self.faults.remove(at).1;
        }
        let body = request.json();
        let active = self.revisions.iter().rev().filter(|one| one["status"] == "ACTIVE");
        let active: Vec<_> = active.cloned().collect();
        let other = scope().arn("ecs", &format!("task-definition/{FAMILY}-2:1"));
        match operation {
            "ListTaskDefinitionFamilies" if body["nextToken"].is_null() => {
                assert_eq!(
                    (&body["familyPrefix"], &body["status"]),
                    (&json!("headwater-dev-"), &json!("ACTIVE"))
                );
                Reply::json(200, json!({"families": [], "nextToken": "2"}))
            }
            "ListTaskDefinitionFamilies" => {
                let families: Vec<_> = active.iter().take(1).map(|one| &one["family"]).collect();
                Reply::json(200, json!({"families": families}))
            }
            "ListTaskDefinitions" => {
                assert_eq!((&body["familyPrefix"], &body["sort"]), (&json!(FAMILY), &json!("DESC")));
                let mut arns: Vec<_> = active.iter().map(|one| one["taskDefinitionArn"].clone()).collect();
                arns.push(other.into());
                Reply::json(200, json!({"taskDefinitionArns": arns}))
            }
            "DescribeTaskDefinition" => match active.first() {
                Some(newest) => {
                    let tags = &newest["tags"];
                    Reply::json(200, json!({"taskDefinition": newest, "tags": tags}))
                }
                None => Reply::error(400, "ClientException", "Unable to describe task definition."),
            },
            "RegisterTaskDefinition" => {
                self.revisions.push(stored(body, self.revisions.len() + 1));
                if std::mem::take(&mut self.loses) {
                    return Reply::reset();
                }
                Reply::json(200, json!({"taskDefinition": self.revisions.last()}))
            }
            "DeregisterTaskDefinition" => {
                let revision = self.revisions.iter_mut();
                let revision = revision.filter(|one| one["taskDefinitionArn"] == body["taskDefinition"]);
                revision.for_each(|one| one["status"] = "INACTIVE".into());
                Reply::json(200, json!({}))
            }
            _ => Reply::error(400, "UnknownOperationException", operation),
        }
    }
}

/// What ECS makes of a registration: everything that it says by default.
fn stored(mut body: Value, revision: usize) -> Value {
    body["taskDefinitionArn"] = scope().arn("ecs", &format!("task-definition/{FAMILY}:{revision}")).into();
    body["revision"] = revision.into();
    body["status"] = "ACTIVE".into();
    body["registeredAt"] = 1_790_000_000.into();
    body["registeredBy"] = "arn:aws:iam::111111111111:root".into();
    body["compatibilities"] = json!(["EC2", "FARGATE", "MANAGED_INSTANCES"]);
    body["requiresAttributes"] = json!([{"name": "ecs.capability.task-eni"}]);
    body["placementConstraints"] = json!([]);
    body["enableFaultInjection"] = false.into();
    for volume in body["volumes"].as_array_mut().into_iter().flatten() {
        if volume["efsVolumeConfiguration"].is_object() {
            volume["efsVolumeConfiguration"]["rootDirectory"] = "/".into();
        } else {
            volume["host"] = json!({});
        }
    }
    for container in body["containerDefinitions"].as_array_mut().into_iter().flatten() {
        container["cpu"] = 0.into();
        for list in ["environment", "mountPoints", "volumesFrom", "portMappings", "systemControls"] {
            if container[list].is_null() {
                container[list] = json!([]);
            }
        }
        // ECS keeps no order of its own.
        for list in ["environment", "mountPoints", "secrets"] {
            container[list].as_array_mut().into_iter().for_each(|list| list.reverse());
        }
        for port in container["portMappings"].as_array_mut().into_iter().flatten() {
            port["name"] = "server-2113-tcp".into();
        }
        for list in ["devices", "tmpfs"] {
            if container["linuxParameters"].is_object() {
                container["linuxParameters"][list] = json!([]);
            }
        }
        if container["logConfiguration"].is_object() {
            container["logConfiguration"]["secretOptions"] = json!([]);
        }
    }
    body
}

async fn ensure(
    script: &Script,
    spec: TaskDefinitionSpec,
    observed: Option<&Observed<TaskDefinitionSpec>>,
) -> Result<Observed<TaskDefinitionSpec>> {
    TaskDefinitions::new(&script.config())
        .ensure(&scope(), &desired(spec), observed, &Progress::silent())
        .await
}

async fn survey(script: &Script) -> Vec<Observed<TaskDefinitionSpec>> {
    TaskDefinitions::new(&script.config()).survey(&scope()).await.unwrap()
}

fn registrations(script: &Script) -> usize {
    script.operations().iter().filter(|one| *one == "RegisterTaskDefinition").count()
}

#[tokio::test(start_paused = true)]
async fn a_definition_is_registered_with_its_tags_and_read_back_as_it_was() {
    let (script, _) = script(Ecs::default());
    let made = ensure(&script, spec(), None).await.unwrap();
    assert_eq!((&made.spec, &made.owner), (&spec(), &Owner::Us(KEY.parse().unwrap())));
    assert_eq!(script.operations(), ["RegisterTaskDefinition"]);
    insta::assert_snapshot!(format!("{:#}", script.requests()[0].json()));

    let found = survey(&script).await;
    assert_eq!(found, [made]);
    assert_eq!(
        (found[0].id.as_str(), &found[0].outputs["arn"]),
        (FAMILY, &scope().arn("ecs", &format!("task-definition/{FAMILY}:1")))
    );
    ensure(&script, spec(), Some(&found[0])).await.unwrap();
    assert_eq!(registrations(&script), 1);
}

#[tokio::test(start_paused = true)]
async fn the_least_that_can_be_said_is_read_back_as_it_was() {
    let bare = TaskDefinitionSpec {
        volumes: BTreeMap::new(),
        container_definitions: [("server".into(), ContainerDefinition::new("busybox"))].into(),
        cpu_architecture: CpuArchitecture::Arm64,
        ..spec()
    };
    let (script, _) = script(Ecs::default());
    ensure(&script, bare.clone(), None).await.unwrap();
    assert_eq!(survey(&script).await[0].spec, bare);
}

#[tokio::test(start_paused = true)]
async fn every_change_is_a_new_revision_and_the_old_one_stays() {
    let (script, state) = script(Ecs::default());
    let made = ensure(&script, spec(), None).await.unwrap();
    let mut want = spec();
    want.container_definitions.get_mut("server").unwrap().environment.insert("B".into(), "1".into());
    let next = ensure(&script, want.clone(), Some(&made)).await.unwrap();
    assert_eq!((&next.spec, &next.id), (&want, &made.id));
    assert_ne!(next.outputs["arn"], made.outputs["arn"]);
    assert!(TaskDefinitions::RENEWED.contains(&"arn"));
    assert_eq!(state.lock().unwrap().revisions.iter().filter(|one| one["status"] == "ACTIVE").count(), 2);
    assert_eq!(survey(&script).await, [next]);
}

#[tokio::test(start_paused = true)]
async fn a_revision_whose_answer_was_lost_is_found_and_one_that_was_not_made_is_made() {
    let made = Ecs { loses: true, ..Ecs::default() };
    let not_made = Ecs { faults: vec![("RegisterTaskDefinition", Reply::reset())], ..Ecs::default() };
    for (ecs, attempts) in [(made, 1), (not_made, 2)] {
        let (script, state) = script(ecs);
        // As in a deploy, the SDK makes a call again whose answer is lost.
        let retrying = script.config().to_builder().retry_config(RetryConfig::standard()).build();
        let family = TaskDefinitions::new(&retrying);
        let ensured = family.ensure(&scope(), &desired(spec()), None, &Progress::silent()).await.unwrap();
        assert_eq!(registrations(&script), attempts);
        assert_eq!(state.lock().unwrap().revisions.len(), 1);
        assert_eq!(survey(&script).await, [ensured]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_that_is_fresh_and_another_registration_are_waited_out() {
    let client = |message: &str| ("RegisterTaskDefinition", Reply::error(400, "ClientException", message));
    let faults = vec![
        client("Role is not valid"),
        client("Too many concurrent attempts to create a new revision of the specified family."),
        ("RegisterTaskDefinition", Reply::reset()),
    ];
    let (first, _) = script(Ecs { faults, ..Ecs::default() });
    assert_eq!(ensure(&first, spec(), None).await.unwrap().spec, spec());
    let (second, _) =
        script(Ecs { faults: vec![client("No Fargate configuration exists")], ..Ecs::default() });
    assert!(ensure(&second, spec(), None).await.unwrap_err().says("No Fargate configuration"));
    assert_eq!(registrations(&second), 1);
}

#[tokio::test(start_paused = true)]
async fn a_delete_deregisters_every_active_revision_of_this_family_alone() {
    let (script, state) = script(Ecs::default());
    let made = ensure(&script, spec(), None).await.unwrap();
    ensure(&script, TaskDefinitionSpec { cpu_units: 2048, ..spec() }, Some(&made)).await.unwrap();
    let throttled = Reply::error(400, "ThrottlingException", "Rate exceeded");
    let inactive = Reply::error(400, "ClientException", "The specified task definition is inactive.");
    state.lock().unwrap().faults = vec![("DeregisterTaskDefinition", throttled)];
    let definitions = TaskDefinitions::new(&script.config());
    definitions.delete(&made, &Progress::silent()).await.unwrap();
    assert_eq!(survey(&script).await, []);
    let calls = script.operations().iter().filter(|one| *one == "DeregisterTaskDefinition").count();
    assert_eq!(calls, 3);
    // Again: nothing is left to do. And what somebody else deregistered first is no error.
    definitions.delete(&made, &Progress::silent()).await.unwrap();
    ensure(&script, spec(), None).await.unwrap();
    state.lock().unwrap().faults = vec![("DeregisterTaskDefinition", inactive)];
    definitions.delete(&made, &Progress::silent()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_definition_is_found_by_family_or_revision_and_adopted_by_tags() {
    let (script, _) = script(Ecs::default());
    let made = ensure(&script, spec(), None).await.unwrap();
    let definitions = TaskDefinitions::new(&script.config());
    for id in [FAMILY, &made.outputs["arn"]] {
        assert_eq!(definitions.find(&scope(), id).await.unwrap().as_ref(), Some(&made));
    }
    let elsewhere = "arn:aws:ecs:us-east-1:111111111111:task-definition/a:1";
    assert_eq!(definitions.find(&scope(), elsewhere).await.unwrap(), None);

    let script = Script::new(|_| Reply::json(200, json!({})));
    let definitions = TaskDefinitions::new(&script.config());
    definitions.adopt(&scope(), &KEY.parse().unwrap(), &made).await.unwrap();
    assert_eq!(script.requests()[0].json()["resourceArn"], made.outputs["arn"].as_str());
}

#[test]
fn each_container_is_registered_after_those_that_it_depends_on() {
    let after = |others: &[&str]| ContainerDefinition {
        depends_on: others.iter().map(|one| ((*one).to_owned(), ContainerCondition::Success)).collect(),
        ..ContainerDefinition::default()
    };
    let names = |containers: &[(&str, &[&str])]| {
        let containers =
            containers.iter().map(|(name, others)| ((*name).to_owned(), after(others))).collect();
        in_order(&containers).into_iter().map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&[("a", &["c", "b"]), ("b", &["c"]), ("c", &[]), ("d", &[])]), ["c", "b", "a", "d"]);
    assert_eq!(names(&[("a", &["b"]), ("b", &["a"]), ("c", &["elsewhere"])]), ["c", "a", "b"]);
}

#[test]
fn what_is_kept_of_the_capabilities_is_said_by_dropping_the_others() {
    let chown = LinuxParameters::default().dropping_all_but(&["CHOWN"]).capabilities.drop;
    assert!(chown.len() == 13 && !chown.contains("CHOWN") && !chown.contains("ALL"));
}

#[test]
fn a_handle_knows_its_family_and_refers_to_its_revision() {
    let definition = TaskDefinition::new(&scope(), &KEY.parse().unwrap(), "eventstore");
    assert_eq!(
        (definition.family(), definition.arn().as_str()),
        (FAMILY, "${eventstore/task-definition.arn}")
    );
    assert_eq!(
        definition.revisions_arn(),
        "arn:aws:ecs:eu-west-1:111111111111:task-definition/headwater-dev-eventstore:*"
    );
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    assert_actions::<TaskDefinitions>(&[include_str!("../task_definitions.rs")], &[]);
}
