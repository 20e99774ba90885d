//! Runs that do not come to their end, and the next one.

use anyhow::{Context, Result};
use end_to_end::{Local, Started};
use serde_json::json;

use crate::DEFAULTS;

/// A lease that outlives every bound of these tests: a run that waited for its end would fail them.
const LONG_LEASE: &str = "[environments.local]\nlease_seconds = 900\n";

/// Starts a deploy and waits until it has told of that many steps.
async fn deploy_until(local: &Local, steps: usize) -> Result<Started> {
    let mut deploy = local.spawn_headwater(&["deploy", "--yes"]).await?;
    for _ in 0..steps {
        deploy.next_line().await?.context("the deploy ended too soon")?;
    }
    Ok(deploy)
}

#[tokio::test]
async fn an_interrupted_deploy_ends_cleanly_and_the_next_converges() -> Result<()> {
    let local = Local::start(DEFAULTS).await?;
    // The second step is the first under the lease, which the history is kept under as well.
    let deploy = deploy_until(&local, 2).await?;
    deploy.interrupt()?;
    let ended = deploy.end().await?.expect(130)?;
    assert!(ended.stderr.contains("not begun: the run was told to stop"), "{ended}");

    let status = local.headwater(&["status", "--json"]).await?.expect(0)?.json()?;
    assert_eq!(status["lease"], json!(null));
    assert_eq!(status["lastDeployment"]["outcome"], "interrupted");
    local.headwater(&["deploy", "--yes"]).await?.expect(0)?;
    local.headwater(&["drift"]).await?.expect(0)?;
    Ok(())
}

#[tokio::test]
async fn after_a_deploy_that_was_killed_at_any_step_the_next_converges_at_once() -> Result<()> {
    let local = Local::start(LONG_LEASE).await?;
    for steps in [0, 2, 40] {
        deploy_until(&local, steps).await?.kill().await?;
        local
            .headwater(&["deploy", "--yes"])
            .await?
            .expect(0)
            .with_context(|| format!("killed after {steps}"))?;
        local.headwater(&["drift"]).await?.expect(0)?;
        local.destroy(true).await?;
    }
    Ok(())
}
