//! Whoever wants EventStoreDB opens the way to it in a stack of its own.

use anyhow::Result;
use end_to_end::Local;
use resource::Action;

use crate::DEFAULTS;

#[path = "../../../crates/blueprint/examples/other_service.rs"]
mod other_service;

#[tokio::test]
async fn another_service_that_uses_eventstoredb_changes_nothing_in_eventstoredbs_own_stack() -> Result<()> {
    let mut local = Local::start(DEFAULTS).await?;
    local.deploy().await?;
    let blueprint = local.bench.graph.clone();
    let client = other_service::stack(&blueprint.scope)?;
    let mut keys: Vec<_> = client.iter().map(|node| node.key.to_string()).collect();
    keys.sort();
    local.redraw(|nodes| nodes.extend(client))?;

    let plan = local.plan().await?;
    let mut planned: Vec<_> = plan.steps.iter().map(|step| step.key.to_string()).collect();
    planned.sort();
    assert_eq!(planned, keys);
    assert!(plan.steps.iter().all(|step| step.action == Action::Create));
    local.deploy().await?;
    assert!(local.plan().await?.is_converged());

    // It goes as it came.
    local.bench.graph = blueprint;
    let plan = local.plan().await?;
    assert!(plan.steps.iter().all(|step| step.action == Action::Delete && step.key.stack() == "reports"));
    assert_eq!(plan.steps.len(), keys.len());
    local.deploy().await?;
    assert!(local.plan().await?.is_converged());
    Ok(())
}

#[test]
fn the_example_of_another_service_holds_what_it_says() {
    assert!(other_service::main().is_ok());
}
