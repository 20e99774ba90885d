//! The gateway's tasks, where the emulator runs tasks of ECS as containers.

use std::fs;

use anyhow::{Context, Result, bail, ensure};
use end_to_end::Local;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{EVENTSTORE, docker, ecs::container, here, variable};

/// What `cargo xtask image gateway` makes.
const GATEWAY: &str = "headwater/gateway:dev";
const ADMIN_PORT: u16 = 9090;

#[tokio::test]
async fn the_gateways_task_runs_as_its_definition_says_and_answers() -> Result<()> {
    let named = variable("HEADWATER_LOCALSTACK_IMAGE");
    let emulator = here(&[named, Some("headwater/ministack:1.5.33".to_owned())]);
    let eventstore = here(&[variable("HEADWATER_EVENTSTORE_IMAGE"), Some(EVENTSTORE.to_owned())]);
    let gateway = here(&[variable("HEADWATER_GATEWAY_IMAGE"), Some(GATEWAY.to_owned())]);
    let (Some(emulator), Some(eventstore), Some(gateway)) = (emulator, eventstore, gateway) else {
        // What a user is told where an image is missing is shown in `lacking`.
        return Ok(());
    };
    let routes = tempfile::NamedTempFile::new()?;
    fs::write(
        routes.path(),
        "[[routes]]\nprefix = \"/\"\nservice = \"none\"\nupstreams = [\"http://127.0.0.1:9\"]\n",
    )?;
    let knobs = format!(
        "[environments.local.gateway]\nenabled = true\nimage = {gateway:?}\ndesired_count = 1\ndurability = \"spool\"\n\
         routes_file = {:?}\n",
        routes.path()
    );
    let local = Local::start_in_containers(&emulator, &eventstore, &knobs).await?;
    if !local.bench.left_out.is_empty() {
        return Ok(());
    }
    // It returns when the task's health check passes.
    local.deploy().await?;
    assert!(local.plan().await?.is_converged());

    let made = container(&local, "gateway")?;
    assert_eq!(made["Config"]["User"], "1000:1000");
    assert_eq!(made["HostConfig"]["ReadonlyRootfs"], true);
    assert_eq!(made["HostConfig"]["CapDrop"], serde_json::json!(["ALL"]));
    let id = made["Id"].as_str().context("it has no id")?;
    docker(&["exec", id, "touch", "/var/lib/headwater/spool/written"])
        .context("the spool cannot be written")?;
    ensure!(docker(&["exec", id, "touch", "/usr/local/bin/written"]).is_none(), "more can be written");

    let stack = local.emulator.containers().context("the emulator is in no container")?;
    let task = stack.task("gateway", ADMIN_PORT).await?.context("its port is not published")?;
    let mut stream = TcpStream::connect(task.address).await?;
    stream.write_all(b"GET /health/live HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    if !answer.starts_with("HTTP/1.1 200 ") {
        bail!("it is not well: {answer}");
    }
    Ok(())
}
