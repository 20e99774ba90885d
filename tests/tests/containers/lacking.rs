//! An emulator that lacks a part of what the blueprint names.

use std::collections::BTreeSet;

use anyhow::Result;
use resource::Key;

use crate::{here, start};

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
