//! Each field of each spec is changed from outside, by the SDK alone; the plan names every one, and a deploy repairs all.
//!
//! For the families of the pipeline, a module each says in a spec of its type what it made of the resource. The spec is
//! written in full, so that a new field does not compile until somebody has changed it from outside as well. Of all other
//! families the fields that AWS lets be changed are changed, and named.

mod alarms;
mod eventstore;
mod function;
mod log_group;
mod mapping;
mod network;
mod queue;
mod relay;
mod role;
mod storage;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use end_to_end::Local;
use resource::{Action, Spec};
use serde_json::Value;

use crate::DEFAULTS;

/// What somebody made of a resource.
struct Changed {
    key: &'static str,
    /// Its fields now.
    spec: Value,
    /// The fields that are as they were, each with the reason why nobody can change it.
    fixed: &'static [(&'static str, &'static str)],
    /// What it takes to repair it.
    action: Action,
}

impl Changed {
    fn new<S: Spec>(
        key: &'static str,
        spec: S,
        fixed: &'static [(&'static str, &'static str)],
    ) -> Result<Self> {
        Ok(Self { key, spec: serde_json::to_value(spec)?, fixed, action: Action::Update })
    }
}

#[tokio::test]
async fn every_field_that_is_changed_from_outside_is_named_by_the_plan_and_repaired_by_a_deploy() -> Result<()>
{
    let local = Local::start(DEFAULTS).await?;
    local.deploy().await?;
    let changes = [
        queue::change(&local).await?,
        table::change(&local).await?,
        role::change(&local).await?,
        function::change(&local).await?,
        mapping::change(&local).await?,
        log_group::change(&local).await?,
    ];

    let (survey, plan) = (local.bench.survey().await?, local.plan().await?);
    for changed in &changes {
        let key = changed.key.parse()?;
        let node = local.bench.graph.get(&key).context("no such node")?;
        let observed = local.bench.observed(&survey, &key).context("the resource is not there")?;
        assert_eq!(observed.spec, changed.spec, "{key} is not observed as it is");
        let step = plan.steps.iter().find(|step| step.key == key).context("the plan leaves it as it is")?;
        let named: BTreeSet<_> = step.changes.iter().map(|change| change.top().to_owned()).collect();
        let fixed: BTreeSet<_> = changed.fixed.iter().map(|(field, _)| (*field).to_owned()).collect();
        let all: BTreeSet<_> = fields(&changed.spec).chain(fields(&node.spec)).collect();
        assert_eq!(named, &all - &fixed, "the plan does not name every field of {key}");
        assert_eq!(step.action, changed.action, "{key}");
    }
    // The table lost its stream, and the one that it gets has another ARN.
    let besides: Vec<_> = plan.steps.iter().map(|step| step.key.as_str()).collect();
    let besides: Vec<_> =
        besides.into_iter().filter(|key| changes.iter().all(|changed| changed.key != *key)).collect();
    assert_eq!(besides, [blueprint::RELAY_MAPPING]);

    local.deploy().await?;
    let plan = local.plan().await?;
    assert!(plan.is_converged(), "{}", engine::text::render(&plan));
    Ok(())
}

/// A resource of which somebody changed these fields; without fields, it is gone.
type Touched = (&'static str, &'static [&'static str]);

#[tokio::test]
async fn a_change_from_outside_of_any_other_family_is_named_by_the_plan_and_repaired_by_a_deploy()
-> Result<()> {
    let local = Local::start(DEFAULTS).await?;
    local.deploy().await?;
    let touched: Vec<Touched> = [
        network::change(&local).await?,
        storage::change(&local).await?,
        eventstore::change(&local).await?,
        relay::change(&local).await?,
        alarms::change(&local).await?,
    ]
    .concat();

    let plan = local.plan().await?;
    let planned: BTreeMap<String, BTreeSet<String>> = plan
        .steps
        .iter()
        .map(|step| {
            let fields = step.changes.iter().map(|change| change.top().to_owned());
            let fields = if step.action == Action::Create { BTreeSet::new() } else { fields.collect() };
            (step.key.to_string(), fields)
        })
        .collect();
    let wanted: BTreeMap<String, BTreeSet<String>> = touched
        .iter()
        .map(|(key, fields)| ((*key).to_owned(), fields.iter().map(|field| (*field).to_owned()).collect()))
        .collect();
    assert_eq!(planned, wanted);

    local.deploy().await?;
    let plan = local.plan().await?;
    assert!(plan.is_converged(), "{}", engine::text::render(&plan));
    Ok(())
}

fn fields(spec: &Value) -> impl Iterator<Item = String> {
    spec.as_object().into_iter().flat_map(|fields| fields.keys().cloned())
}

/// An ARN of the local account.
fn arn(local: &Local, service: &str, resource: &str) -> String {
    local.bench.session.scope.arn(service, resource)
}
