//! Headwater on local AWS in containers, on the Docker of this machine. Where that or an image is missing, what a user is told is
//! what is tested.
#![allow(missing_docs, reason = "tests say what they show by their names")]

mod ecs;
mod gateway;
mod lacking;

use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use end_to_end::{DEFAULTS, Local};

/// What runs for EventStoreDB, where no other image is named: `cargo xtask image` makes it.
const EVENTSTORE: &str = "headwater/eventstore:dev";
/// An image that nobody has.
const NOBODYS: &str = "headwater.invalid/none:1";

/// What Docker's program wrote; none where it is not there, or Docker refuses.
fn docker(arguments: &[&str]) -> Option<String> {
    let output = Command::new("docker").args(arguments).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The first of these images that is on this machine.
fn here(images: &[Option<String>]) -> Option<String> {
    let images = images.iter().flatten().filter(|image| !image.is_empty());
    images.into_iter().find(|image| docker(&["image", "inspect", image]).is_some()).cloned()
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// An environment on that emulator; none where an image is missing, and then it was said.
async fn start(emulator: Option<String>) -> Result<Option<Local>> {
    let eventstore = here(&[variable("HEADWATER_EVENTSTORE_IMAGE"), Some(EVENTSTORE.to_owned())]);
    if let (Some(emulator), Some(eventstore)) = (&emulator, &eventstore) {
        return Local::start_in_containers(emulator, eventstore, DEFAULTS).await.map(Some);
    }
    let Err(error) = Local::start_in_containers(NOBODYS, NOBODYS, DEFAULTS).await else {
        bail!("an image that nobody has was started")
    };
    let said = headwater::failure::render(&error);
    assert!(said.contains("help:"), "{said}");
    assert!(said.contains(NOBODYS) || said.contains("Docker does not answer"), "{said}");
    Ok(None)
}
