//! What a deploy has made needs no other: no step, no call that changes anything, few that look.

use anyhow::Result;
use end_to_end::Local;
use resource::Action;

use crate::DEFAULTS;

#[tokio::test]
async fn a_first_deploy_makes_everything_and_a_second_makes_no_mutating_call() -> Result<()> {
    let local = Local::start(DEFAULTS).await?;
    let report = local.deploy().await?;
    let wanted = local.bench.graph.nodes().count();
    assert_eq!(report.steps.iter().filter(|step| step.step.action == Action::Create).count(), wanted);
    assert_eq!(local.keys().await?.len(), local.own_nodes().count());

    local.calls.clear();
    let report = local.deploy().await?;
    assert!(report.steps.is_empty());
    assert_eq!(local.calls.mutating(), [""; 0]);
    Ok(())
}

#[tokio::test]
async fn a_plan_of_what_is_converged_is_empty_and_takes_at_most_four_describing_calls_a_resource()
-> Result<()> {
    let local = Local::start(DEFAULTS).await?;
    local.deploy().await?;
    local.calls.clear();
    assert!(local.plan().await?.is_converged());
    let calls = local.calls.all();
    let most = 4 * local.bench.graph.nodes().count() + local.bench.families.len();
    assert!(calls.len() <= most, "{} calls where {most} are allowed: {calls:#?}", calls.len());
    assert_eq!(local.calls.mutating(), [""; 0]);
    Ok(())
}
