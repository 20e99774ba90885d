//! The container that runs EventStoreDB where local AWS has no ECS: what the blueprint's task definition says of the server, with
//! what ECS and the containers beside it would have put in place.

use anyhow::{Context, Result, bail, ensure};
use aws_ecs::{ContainerDefinition, TaskDefinitionSpec};
use aws_secrets::{DeletePolicy, Secrets};
use engine::Survey;
use localstack::{Definition, File};
use resource::{Key, Node, resolve};
use serde_json::Value;

use super::{CONTAINER, PORT};
use crate::workbench::Workbench;

const TASK_DEFINITION: &str = "eventstore/task-definition";
/// What writes the certificate of [`TlsMode::Managed`](blueprint::configuration::TlsMode), and the secrets that it is given.
const CERTIFICATE: &str = "certificate";

/// How many parts an ARN has: what a secret's name is followed by in a task definition comes after them.
const PARTS_OF_ARN: usize = 7;

/// What to run.
///
/// # Errors
/// The configuration asks for what only the containers of a task can do, or a secret cannot be read.
pub(super) async fn definition(bench: &Workbench, survey: &Survey) -> Result<Definition> {
    let mut spec = spec(bench, survey)?;
    let server = spec.container_definitions.remove(CONTAINER).context("the task definition has no server")?;
    let secrets = Secrets::new(&bench.session.sdk, DeletePolicy::Force);
    let mut files = Vec::new();
    for (name, container) in &spec.container_definitions {
        let knows = name == CERTIFICATE && !container.secrets.is_empty();
        ensure!(
            knows,
            "EventStoreDB's container `{name}` needs ECS, which local AWS lacks; for the environment `local` choose `tls = \
             \"managed\"` or \"off\" and a `release` of 23.10 or newer"
        );
        files = certificate(&server, container, &secrets).await?;
    }
    let mut environment = server.environment.clone();
    for (name, from) in &server.secrets {
        environment.insert(name.clone(), value(&secrets, from).await?);
    }
    let certificates: Vec<_> =
        spec.volumes.iter().filter(|(_, volume)| **volume == aws_ecs::Volume::task_local()).collect();
    let is_kept = |name: &str| !certificates.iter().any(|(local, _)| *local == name);
    let volumes = server.mount_points.iter().filter(|mount| is_kept(&mount.source_volume));
    let volumes = volumes.map(|mount| (mount.source_volume.clone(), mount.container_path.clone())).collect();
    Ok(Definition {
        volumes,
        environment,
        files,
        image: server.image,
        entry_point: server.entry_point,
        command: server.command,
        alias: Some(blueprint::host_name(&bench.session.scope)?),
        port: PORT,
        user: server.user,
        ready: None,
        health: server.health_check.map(|check| check.command).unwrap_or_default(),
    })
}

/// The task definition with what is known of what it refers to. It is one of those that are left out.
pub(super) fn spec(bench: &Workbench, survey: &Survey) -> Result<TaskDefinitionSpec> {
    let key: Key = TASK_DEFINITION.parse()?;
    let left_out = || bench.left_out.iter().map(|one| &one.node).find(|node| node.key == key);
    let node: &Node =
        bench.graph.get(&key).or_else(left_out).context("the blueprint has no task definition")?;
    let known = resolve(&node.spec, &mut |reference| {
        let observed = bench.observed(survey, &reference.key)?;
        reference.value(observed).map(str::to_owned)
    });
    serde_json::from_value(known).context("the blueprint's task definition cannot be read")
}

/// The files that the container `certificate` would have written, where the server looks for them.
async fn certificate(
    server: &ContainerDefinition,
    container: &ContainerDefinition,
    secrets: &Secrets,
) -> Result<Vec<File>> {
    let path = |option: &str| {
        let found = server.environment.iter().find(|(name, _)| name.ends_with(option));
        found.map(|(_, path)| path.clone()).with_context(|| format!("the server is not told its {option}"))
    };
    let authorities = path("_TRUSTED_ROOT_CERTIFICATES_PATH")?;
    let places = [
        ("CA_CERTIFICATE", format!("{authorities}/ca.crt")),
        ("CERTIFICATE", path("_CERTIFICATE_FILE")?),
        ("PRIVATE_KEY", path("_CERTIFICATE_PRIVATE_KEY_FILE")?),
    ];
    let mut files = Vec::new();
    for (secret, path) in places {
        let from =
            container.secrets.get(secret).with_context(|| format!("the task definition has no {secret}"))?;
        let content = value(secrets, from).await?.into_bytes();
        // What is copied into a container belongs to root, and the server is somebody else: all of the container may read it.
        files.push(File { path, content, mode: 0o444 });
    }
    Ok(files)
}

/// The value that ECS would give a container: that of the secret, or of a member of it, `arn:member::version`.
async fn value(secrets: &Secrets, from: &str) -> Result<String> {
    let parts: Vec<&str> = from.split(':').collect();
    let Some((arn, rest)) = parts.split_at_checked(PARTS_OF_ARN) else { bail!("`{from}` is no secret") };
    let text = secrets.value(&arn.join(":")).await?.expose().to_owned();
    match rest.first() {
        None => Ok(text),
        Some(member) => {
            let json: Value = serde_json::from_str(&text).with_context(|| format!("{from} is no JSON"))?;
            let value = json[member].as_str();
            value.map(str::to_owned).with_context(|| format!("{from} has no member {member}"))
        }
    }
}
