//! `adopt`: resources that exist already become ours, after showing what the next deploy would change in them.

use std::io::Write;

use anyhow::{Context, Result, bail, ensure};
use engine::{Mode, Survey};
use resource::{Key, Node, Observed, Owner, Plan};
use serde_json::json;

use crate::{
    cli,
    commands::{Exit, Run},
    terminal::{self, GOOD, STRONG, paint},
    workbench::Workbench,
};

/// Runs `adopt`. Writes tags and nothing else.
///
/// # Errors
/// A key or id means nothing, the resource is another one, or somebody else's, or its tags cannot be written.
pub async fn run(args: &cli::Adopt, run: &Run) -> Result<Exit> {
    let bench = Workbench::open(&run.target).await?;
    let mut found = Vec::new();
    for pair in &args.resources {
        let (key, id) = pair.split_once('=').with_context(|| {
            format!("`{pair}` is not KEY=ID; write it like stateful/queue=headwater-dev-event-queue")
        })?;
        found.push(find(&bench, key, id).await?);
    }
    let mut out = terminal::out();
    let plan = preview(&bench, &found)?;
    if !run.json {
        write!(out, "{}", engine::text::render(&plan))?;
    }
    if !args.yes && !run.confirm("Write Headwater's tags to them?").await? {
        return Ok(Exit::Done);
    }
    for (node, observed) in &found {
        let family =
            bench.families.get(&node.kind).context("the blueprint has a kind that no family is for")?;
        family.adopt(&bench.session.scope, &node.key, observed).await?;
        if !run.json {
            writeln!(out, "{} {} is {}", paint(GOOD, "adopted:"), observed.id, node.key)?;
        }
    }
    if run.json {
        let adopted = found.iter().map(|(node, observed)| json!({"key": node.key, "id": observed.id}));
        writeln!(out, "{}", json!({"adopted": adopted.collect::<Vec<_>>(), "plan": plan}))?;
        return Ok(Exit::Done);
    }
    let next = format!("cargo xtask deploy --env {}", run.target.env);
    writeln!(out, "\nThe next deploy makes them as the code says: {}", paint(STRONG, next))?;
    Ok(Exit::Done)
}

async fn find<'a>(bench: &'a Workbench, key: &str, id: &str) -> Result<(&'a Node, Observed)> {
    let key: Key = key.parse()?;
    let node = bench.graph.get(&key).with_context(|| {
        let keys: Vec<_> = bench.graph.nodes().map(|node| node.key.as_str()).collect();
        format!("the blueprint has no resource `{key}`; it has {}", keys.join(", "))
    })?;
    let family = bench.families.get(&node.kind).context("the blueprint has a kind that no family is for")?;
    let observed = family.find(&bench.session.scope, id).await?.with_context(|| {
        format!("there is no {} called {id} in {}", node.kind, bench.session.scope.region)
    })?;
    ensure!(
        node.name.is_none() || node.name == observed.name,
        "`{key}` must be called {}, but {id} is called {}; a physical name cannot be changed by adopting it",
        node.name.as_deref().unwrap_or_default(),
        observed.name.as_deref().unwrap_or("nothing"),
    );
    if let Owner::Us(owner) = &observed.owner
        && *owner != key
    {
        bail!("{id} is ours already, as `{owner}`");
    }
    Ok((node, observed))
}

/// What the next deploy would change in them, once they are ours.
///
/// # Errors
/// A deploy would refuse to change them so.
fn preview(bench: &Workbench, found: &[(&Node, Observed)]) -> Result<Plan> {
    let ours = found.iter().map(|(node, observed)| {
        let observed = Observed { owner: Owner::Us(node.key.clone()), ..observed.clone() };
        (node.kind.clone(), vec![observed])
    });
    let mut plan = engine::plan(&bench.graph, &Survey::new(ours), &bench.families, Mode::Deploy)?;
    // All else counts as absent in this survey, so of its plan only these steps mean anything.
    plan.steps.retain(|step| found.iter().any(|(node, _)| node.key == step.key));
    plan.steps.iter_mut().for_each(|step| step.after.clear());
    plan.notes = found.iter().map(|(node, observed)| note(node, observed)).collect();
    Ok(plan)
}

fn note(node: &Node, observed: &Observed) -> String {
    match &observed.owner {
        Owner::Us(_) => format!("{} is `{}` already.", observed.id, node.key),
        Owner::Other(whose) => format!("{} ({whose}) becomes `{}`.", observed.id, node.key),
    }
}
