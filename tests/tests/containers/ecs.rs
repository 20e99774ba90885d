//! EventStoreDB's task, where the emulator runs tasks of ECS as containers, and what takes its place where it does not.

use anyhow::{Context, Result, ensure};
use end_to_end::{Local, SEED, message, until};
use headwater::{
    capabilities::Lacking,
    commands::replay,
    streams::{Recorded, Streams},
    task::Task,
};
use journal::ReadOptions;
use resource::Kind;
use serde_json::{Value, json};

use crate::{docker, here, start, variable};

const STREAM: &str = "request-677afffc-373e-42f0-8363-f24bc675bcf6";

/// The newest container that ECS made of a definition of that name, as Docker tells of it.
pub(crate) fn container(local: &Local, name: &str) -> Result<Value> {
    let network = local.emulator.containers().context("the emulator is in no container")?.network();
    let of_network = format!("label=com.amazonaws.ecs.container-name={name}");
    let ids = docker(&["ps", "-aq", "--filter", &of_network]).unwrap_or_default();
    let all: Vec<Value> = ids
        .lines()
        .filter_map(|id| serde_json::from_str::<Vec<Value>>(&docker(&["inspect", id])?).ok())
        .flatten()
        .collect();
    let ours = |one: &Value| {
        let binds = one["Mounts"].to_string() + &one["HostConfig"]["Mounts"].to_string();
        one["NetworkSettings"]["Networks"].get(network).is_some() || binds.contains(network)
    };
    all.into_iter().find(ours).with_context(|| format!("ECS made no container {name}"))
}

/// An environment on an emulator that has all that the blueprint names; none where there is no such image.
async fn start_complete() -> Result<Option<Local>> {
    let named = variable("HEADWATER_LOCALSTACK_IMAGE");
    let local = start(here(&[named, Some("headwater/ministack:1.5.33".to_owned())])).await?;
    // What it means that an image lacks something is shown in `lacking`.
    Ok(local.filter(|local| local.bench.left_out.is_empty()))
}

/// Sends the source document's message and reads it from its stream.
async fn sent_and_read(local: &Local) -> Result<Vec<Recorded>> {
    local.send(&[message(SEED)]).await?;
    let streams = local.streams().await?;
    until("the event in the container", || async {
        let events = streams.read(STREAM).await?;
        Ok((!events.is_empty()).then_some(events))
    })
    .await
}

#[tokio::test]
async fn an_event_is_read_from_the_container_that_the_task_definition_started() -> Result<()> {
    let Some(local) = start_complete().await? else { return Ok(()) };
    local.deploy().await?;

    let stack = local.emulator.containers().context("the emulator is in no container")?;
    let task = stack.task("eventstore", 2113).await?.context("ECS runs no container of EventStoreDB")?;
    let server = container(&local, "eventstore")?;
    assert_eq!(server["Id"], task.container.as_str());
    assert_eq!(server["Config"]["Image"], local.target.eventstore_image.clone().context("no image")?);
    assert_eq!(server["Config"]["User"], "1001:1001");
    assert_eq!(server["Config"]["Entrypoint"][0], "flock");
    let at_work: Vec<_> = server["Mounts"].as_array().into_iter().flatten().collect();
    let certificates = at_work.iter().find(|mount| mount["Destination"] == "/certificates");
    assert_eq!(certificates.context("no certificates are mounted")?["RW"], false);
    let certificate = container(&local, "certificate")?;
    assert_eq!(certificate["State"]["Status"], "exited");
    assert_eq!(certificate["State"]["ExitCode"], 0);
    assert!(
        Streams::connect(task.address.into(), None).await?.read("any").await.is_err(),
        "it answers without TLS"
    );

    let events = sent_and_read(&local).await?;
    assert_eq!((events.len(), &events[0].data), (1, &json!({ "Name": "Microservice A" })));

    let network = stack.network().to_owned();
    drop(local);
    let left = docker(&["network", "ls", "-q", "--filter", &format!("name={network}")]);
    ensure!(left.as_deref() == Some(""), "the network {network} is left");
    Ok(())
}

#[tokio::test]
async fn where_there_is_no_ecs_one_container_of_the_task_definition_takes_the_place_of_its_task() -> Result<()>
{
    let Some(mut local) = start_complete().await? else { return Ok(()) };
    let ecs = ["AWS::ECS::Cluster", "AWS::ECS::Service", "AWS::ECS::TaskDefinition"];
    let lacking = ecs.map(|kind| (Kind::new(kind), "as without a paid plan".to_owned()));
    local.bench = local.bench.without(&Lacking(lacking.into()))?;
    local.task = Task::in_containers(&local.emulator, local.task.address(), false)?;

    local.deploy().await?;
    assert_eq!(sent_and_read(&local).await?.len(), 1);

    local.task.lose_data(&local.bench).await?;
    local.task.follow(&local.bench).await?;
    assert_eq!(local.streams().await?.read(STREAM).await?, []);
    let replayed = replay::replay(&local.bench.session, &ReadOptions::default(), |_| ()).await?;
    assert_eq!((replayed.missing, local.streams().await?.read(STREAM).await?.len()), (1, 1));

    local.destroy(false).await?;
    assert!(local.streams().await.is_err(), "it runs without its stack");
    Ok(())
}
