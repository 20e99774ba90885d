//! `status`: the environment's outputs, the health of each part, and who is changing it.

use std::io::Write;

use anyhow::Result;
use resource::{Class, Deployment, Lease, Node, Observed};
use serde_json::{Value, json};

use crate::{
    commands::{Exit, Run, history},
    queue::{Depth, Queue},
    terminal::{self, BAD, FAINT, GOOD, STRONG, WARNING, columns, paint, write_json},
    workbench::Workbench,
};

/// What there is to say.
struct Status {
    outputs: Vec<(&'static str, Option<String>)>,
    resources: Vec<(Node, Option<Observed>)>,
    queues: Vec<(&'static str, Option<Depth>)>,
    lease: Option<Lease>,
    last: Option<Deployment>,
}

/// Runs `status`. Changes nothing.
///
/// # Errors
/// A part cannot be observed.
pub async fn run(run: &Run) -> Result<Exit> {
    let bench = Workbench::open_unpackaged(&run.target).await?;
    let status = look(&bench).await?;
    let mut out = terminal::out();
    if run.json {
        write_json(&mut out, &as_json(&status))?;
    } else {
        print(&mut out, &bench, &status)?;
    }
    Ok(Exit::Done)
}

async fn look(bench: &Workbench) -> Result<Status> {
    let store = &bench.deployments;
    let (survey, lease, last, waiting, dead, failures) = futures::try_join!(
        bench.survey(),
        async { Ok(store.lease().await?) },
        async { Ok(store.history(1).await?.into_iter().next()) },
        depth(bench, blueprint::EVENT_QUEUE),
        depth(bench, blueprint::DEAD_LETTER_QUEUE),
        depth(bench, blueprint::RELAY_FAILURE_QUEUE),
    )?;
    let observed = |node: &Node| bench.observed(&survey, &node.key).cloned();
    Ok(Status {
        outputs: outputs(bench, &survey),
        resources: bench.graph.nodes().map(|node| (node.clone(), observed(node))).collect(),
        queues: vec![("queue", waiting), ("dead-letter queue", dead), ("relay's failure queue", failures)],
        lease,
        last,
    })
}

/// What the environment has to offer: title and value, where it is there.
pub fn outputs(bench: &Workbench, survey: &engine::Survey) -> Vec<(&'static str, Option<String>)> {
    let value = |output: &blueprint::Output| {
        let observed = bench.observed(survey, &output.key.parse().ok()?)?;
        match output.output {
            Some(name) => observed.outputs.get(name).cloned(),
            None => observed.name.clone(),
        }
    };
    let outputs = blueprint::OUTPUTS.iter().map(|output| (output.title, value(output)));
    let outputs = outputs.chain([("EventStoreDB's address", eventstore(bench, survey))]);
    outputs.chain(gateway(bench, survey)).collect()
}

/// Where the gateway's clients connect, in an environment that is to have one.
fn gateway(bench: &Workbench, survey: &engine::Survey) -> Option<(&'static str, Option<String>)> {
    let gateway = bench.session.environment.gateway.as_ref()?;
    let is_there = bench.observed(survey, &"gateway/service".parse().ok()?).is_some();
    let address = blueprint::gateway_address(&bench.session.scope, gateway).ok();
    Some(("gateway's address", address.filter(|_| is_there)))
}

/// What clients of EventStoreDB connect to: a name in the VPC, or the stand-in on this machine.
fn eventstore(bench: &Workbench, survey: &engine::Survey) -> Option<String> {
    bench.observed(survey, &"eventstore/service".parse().ok()?)?;
    match &bench.session.environment.local_eventstore {
        Some(address) => Some(address.clone()),
        None => blueprint::address(&bench.session.scope).ok(),
    }
}

/// None where the queue is not there yet.
async fn depth(bench: &Workbench, queue: &str) -> Result<Option<Depth>> {
    let name = bench.session.scope.physical_name(queue);
    let depth = async { Queue::named(&bench.session.sdk, &name).await?.depth().await };
    match depth.await {
        Ok(depth) => Ok(Some(depth)),
        Err(error) if is_not_found(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_not_found(error: &anyhow::Error) -> bool {
    error.downcast_ref::<resource::Error>().is_some_and(|error| error.class == Class::NotFound)
}

fn print(out: &mut impl Write, bench: &Workbench, status: &Status) -> Result<()> {
    let scope = &bench.session.scope;
    writeln!(out, "{} in account {}, {}\n", paint(STRONG, &scope.environment), scope.account, scope.region)?;
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| paint(FAINT, "not there"));
    let rows: Vec<_> =
        status.outputs.iter().map(|(title, output)| vec![format!("  {title}"), value(output)]).collect();
    writeln!(out, "{}", columns(&rows))?;
    let rows: Vec<_> =
        status.resources.iter().map(|(node, observed)| health(node, observed.as_ref())).collect();
    writeln!(out, "{}", columns(&rows))?;
    let rows: Vec<_> = status.queues.iter().map(|(title, depth)| fill(title, depth.as_ref())).collect();
    writeln!(out, "{}", columns(&rows))?;
    if let Some(lease) = status.lease.as_ref().filter(|lease| history::holder(Some(lease)).is_some()) {
        let since = history::at(lease.taken_at_millis);
        let until = history::at(lease.expires_at_millis);
        let line = format!("{} by {} since {since}, lease until {until}", lease.command, lease.holder);
        writeln!(out, "  {} {line}", paint(WARNING, "under way:"))?;
    }
    match &status.last {
        Some(last) => {
            let row = history::row(last, history::holder(status.lease.as_ref()));
            writeln!(out, "  last run: {}", row.join("  ").trim_end())?;
        }
        None => writeln!(out, "  {}", paint(FAINT, "nothing was ever deployed"))?,
    }
    Ok(())
}

fn health(node: &Node, observed: Option<&Observed>) -> Vec<String> {
    let (mark, state) = match observed {
        None => (paint(BAD, "✗"), paint(BAD, "not there")),
        Some(Observed { pending: Some(pending), .. }) => (paint(WARNING, "!"), paint(WARNING, pending)),
        Some(_) => (paint(GOOD, "✓"), "ok".to_owned()),
    };
    let version = observed.and_then(version).unwrap_or_default();
    vec![format!("  {mark} {}", node.key), node.kind.to_string(), state, paint(FAINT, version)]
}

/// The code that a function runs, as the first characters of its hash.
fn version(observed: &Observed) -> Option<String> {
    let hash = observed.spec.get("codeSha256")?.as_str()?;
    Some(format!("code {}", hash.chars().take(12).collect::<String>()))
}

fn fill(title: &str, depth: Option<&Depth>) -> Vec<String> {
    let text = match depth {
        None => paint(FAINT, "not there"),
        Some(Depth { waiting, in_flight }) => {
            let style = if title != "queue" && *waiting > 0 { WARNING } else { GOOD };
            format!("{} waiting, {in_flight} in flight", paint(style, waiting))
        }
    };
    vec![format!("  {title}"), text]
}

fn as_json(status: &Status) -> Value {
    let resources: Vec<_> = status
        .resources
        .iter()
        .map(|(node, observed)| {
            json!({
                "key": node.key, "kind": node.kind, "present": observed.is_some(),
                "pending": observed.as_ref().and_then(|o| o.pending.clone()),
                "id": observed.as_ref().map(|o| o.id.clone()),
                "outputs": observed.as_ref().map(|o| o.outputs.clone()),
            })
        })
        .collect();
    let outputs: serde_json::Map<_, _> =
        status.outputs.iter().map(|(title, value)| ((*title).to_owned(), json!(value))).collect();
    let queues: serde_json::Map<_, _> =
        status.queues.iter().map(|(title, depth)| ((*title).to_owned(), json!(depth))).collect();
    json!({
        "outputs": outputs, "resources": resources, "queues": queues,
        "lease": status.lease, "lastDeployment": status.last,
    })
}
