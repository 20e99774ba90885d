//! An emulator that lacks a part of what the blueprint names.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use end_to_end::{DEFAULTS, Local};
use resource::Key;

use crate::{NOBODYS, here, start, variable};

/// What LocalStack has with a paid plan alone, <https://docs.localstack.cloud/aws/licensing/>.
const PAID: [&str; 4] = [
    "AWS::Backup::BackupPlan",
    "AWS::ECS::Service",
    "AWS::EFS::FileSystem",
    "AWS::ServiceDiscovery::Service",
];

#[tokio::test]
async fn what_localstack_lacks_is_named_and_the_rest_is_deployed_and_destroyed() -> Result<()> {
    let free = ["localstack/localstack:4.14.0", "headwater/localstack:4.14.0"];
    let Some(local) = start(here(&free.map(|image| Some(image.to_owned())))).await? else { return Ok(()) };
    let left_out = &local.bench.left_out;
    let lacking: BTreeSet<_> = left_out.iter().flat_map(|one| &one.lacks).map(ToString::to_string).collect();
    assert!(PAID.iter().all(|kind| lacking.contains(*kind)), "{lacking:?}");
    for one in left_out {
        let says_why = one.reason.contains("license plan") || one.reason.contains("left out as well");
        assert!(
            says_why || !PAID.contains(&one.node.kind.to_string().as_str()),
            "{}: {}",
            one.node.key,
            one.reason
        );
    }

    let nodes: BTreeSet<Key> = local.bench.graph.nodes().map(|node| node.key.clone()).collect();
    assert!(left_out.iter().all(|one| !nodes.contains(&one.node.key)));
    local.deploy().await?;
    assert!(local.plan().await?.is_converged());
    // EventStoreDB runs from its task definition all the same, with TLS and its password.
    local.streams().await?.read("any").await?;
    local.destroy(true).await?;
    assert_eq!(local.keys().await?, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn an_image_of_eventstoredb_that_cannot_be_had_is_said_before_anything_is_deployed() -> Result<()> {
    let named = variable("HEADWATER_LOCALSTACK_IMAGE");
    let Some(emulator) = here(&[named, Some("headwater/ministack:1.5.33".to_owned())]) else { return Ok(()) };
    let Err(error) = Local::start_in_containers(&emulator, NOBODYS, DEFAULTS).await else {
        bail!("an image that nobody has was started")
    };
    let said = headwater::failure::render(&error);
    assert!(said.contains(&format!("the image {NOBODYS} cannot be had")), "{said}");
    assert!(said.contains("HEADWATER_EVENTSTORE_IMAGE"), "{said}");
    Ok(())
}
