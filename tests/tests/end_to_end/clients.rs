//! Whoever wants EventStoreDB opens the way to it in a stack of its own.

use anyhow::Result;
use aws_network::{Port, SecurityGroup, SecurityGroupSpec, SecurityGroups, Vpc};
use blueprint::stack::node;
use end_to_end::Local;
use resource::{Action, Key, Node, Scope};

use crate::DEFAULTS;

/// The stack `billing`: a security group, and the way from it to EventStoreDB.
fn billing(scope: &Scope) -> Result<Vec<Node>> {
    let group = SecurityGroup::new(scope, &Key::new("billing", "security-group")?, "billing");
    let server = SecurityGroup::new(scope, &Key::new(blueprint::EVENTSTORE, "security-group")?, "eventstore");
    let vpc = Vpc::new(&Key::new(Key::STATEFUL, "vpc")?);
    let spec = SecurityGroupSpec::new(vpc.id(), "Bills what was asked for.");
    let mut nodes = vec![node::<SecurityGroups>(group.key(), Some(group.name()), &spec)?];
    for rule in group.connections().allow_to(&server.connections(), Port::tcp(2113), "billing")? {
        nodes.push(rule.node()?);
    }
    Ok(nodes)
}

#[tokio::test]
async fn another_client_of_eventstoredb_changes_nothing_in_eventstoredbs_own_stack() -> Result<()> {
    let mut local = Local::start(DEFAULTS).await?;
    local.deploy().await?;
    let blueprint = local.bench.graph.clone();
    let client = billing(&blueprint.scope)?;
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
    assert!(plan.steps.iter().all(|step| step.action == Action::Delete && step.key.stack() == "billing"));
    assert_eq!(plan.steps.len(), keys.len());
    local.deploy().await?;
    assert!(local.plan().await?.is_converged());
    Ok(())
}
