//! The gateway's stack as an emulator has it that runs no task: it comes, is changed, drifts and goes, and no other stack moves.

use std::{collections::BTreeSet, fs};

use anyhow::Result;
use end_to_end::Local;
use headwater::commands::status;
use resource::Action;

use crate::DEFAULTS;

const ROUTES: &str = "[[routes]]\nprefix = \"/orders\"\nservice = \"orders\"\n";

/// Turns the gateway on, with these routes and other knobs.
async fn with(local: &mut Local, routes: &str, knobs: &str) -> Result<()> {
    fs::write(local.directory().join("gateway.toml"), routes)?;
    let on = "[environments.local.gateway]\nenabled = true\nimage = \"headwater/gateway:dev\"\n";
    local.reconfigure(&format!("{on}{knobs}")).await
}

/// The keys of the plan's steps, with what is done.
async fn planned(local: &Local) -> Result<BTreeSet<(String, Action)>> {
    let plan = local.plan().await?;
    Ok(plan.steps.iter().map(|step| (step.key.to_string(), step.action)).collect())
}

fn steps<const N: usize>(steps: [(&str, Action); N]) -> BTreeSet<(String, Action)> {
    steps.map(|(key, action)| (key.to_owned(), action)).into()
}

#[tokio::test]
async fn a_gateway_comes_is_changed_and_goes_and_the_stacks_beside_it_stay() -> Result<()> {
    let mut local = Local::start(DEFAULTS).await?;
    local.deploy().await?;
    let without = local.keys().await?;

    with(&mut local, ROUTES, "client_cidrs = [\"10.20.0.0/16\"]\n").await?;
    let plan = planned(&local).await?;
    let besides: BTreeSet<_> = plan.iter().filter(|(key, _)| !key.starts_with("gateway/")).cloned().collect();
    assert_eq!(
        besides,
        steps([("alarms/dashboard", Action::Update), ("alarms/gateway-down-alarm", Action::Create)])
    );
    assert!(plan.difference(&besides).all(|(_, action)| *action == Action::Create));
    local.deploy().await?;
    assert!(local.plan().await?.is_converged());

    // Its text is in the task definition, so another route is a change of that, and of the service by it.
    let routes = format!("{ROUTES}[[routes]]\nprefix = \"/bills\"\nservice = \"bills\"\n");
    with(&mut local, &routes, "client_cidrs = [\"10.20.0.0/16\"]\n").await?;
    let plan = planned(&local).await?;
    assert_eq!(
        plan,
        steps([("gateway/service", Action::Update), ("gateway/task-definition", Action::Update)])
    );
    let text = engine::text::render(&local.plan().await?);
    assert!(text.contains("/bills"), "{text}");
    local.deploy().await?;
    assert!(local.plan().await?.is_converged());

    // Scaled by hand.
    let ecs = aws_sdk_ecs::Client::new(&local.bench.session.sdk);
    let (cluster, service) = (local.name(blueprint::EVENTSTORE), local.name(blueprint::GATEWAY));
    ecs.update_service().cluster(&cluster).service(&service).desired_count(1).send().await?;
    assert_eq!(planned(&local).await?, steps([("gateway/service", Action::Update)]));
    local.deploy().await?;
    assert!(local.plan().await?.is_converged());

    local.reconfigure(DEFAULTS).await?;
    let plan = local.plan().await?;
    let deleted = plan.steps.iter().filter(|step| step.action == Action::Delete);
    assert!(deleted.clone().all(|step| step.key.as_str().contains("gateway")) && deleted.count() > 5);
    local.deploy().await?;
    assert!(local.plan().await?.is_converged());
    assert_eq!(local.keys().await?, without);
    Ok(())
}

#[tokio::test]
async fn a_gateway_in_a_cluster_of_its_own_with_a_spool_converges_moves_and_is_destroyed() -> Result<()> {
    let mut local = Local::start(DEFAULTS).await?;
    let knobs = "cluster = \"own\"\ndurability = \"spool\"\nupstreams = [\"10.20.0.0/16:8080\"]\nexecute_command = true\n";
    with(&mut local, ROUTES, knobs).await?;
    local.deploy().await?;
    assert!(local.plan().await?.is_converged());
    let outputs = status::outputs(&local.bench, &local.bench.survey().await?);
    let address = ("gateway's address", Some("http://gateway.headwater-local.internal:8080".to_owned()));
    assert!(outputs.contains(&address), "{outputs:?}");

    // A service cannot be moved: there is another in the shared cluster, and the cluster goes after the first.
    with(&mut local, ROUTES, &knobs.replace("own", "shared")).await?;
    let plan = planned(&local).await?;
    assert!(plan.contains(&("gateway/cluster".to_owned(), Action::Delete)), "{plan:?}");
    local.deploy().await?;
    assert!(local.plan().await?.is_converged());

    local.destroy(true).await?;
    assert_eq!(local.keys().await?, [""; 0]);
    Ok(())
}
