//! The bootstrap: made twice, beside an environment that neither sees it nor touches it.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use blueprint::bootstrap::{self, Repository};
use end_to_end::Local;
use engine::{Approved, Mode};
use headwater::{
    Run,
    commands::{bootstrap::workbench, deploy},
    progress::Silent,
    workbench::Workbench,
};
use resource::{Action, Key};
use tokio_util::sync::CancellationToken;

use crate::DEFAULTS;

fn repository() -> Repository {
    let (owner, name, branch) = ("octo-org".to_owned(), "events".to_owned(), "main".to_owned());
    Repository { owner, owner_id: 65, name, id: 123_456, branch }
}

async fn apply(local: &Local, bench: &Workbench, mode: Mode) -> Result<usize> {
    let approved = Approved::Proposed(bench.propose(mode).await?);
    let run = Run { target: local.target.clone(), json: false, stop: CancellationToken::new() };
    let report = deploy::execute_with(bench, &run, approved, Arc::new(Silent)).await?;
    if let Some((step, error)) = report.failures().next() {
        bail!("{}: {}", step.key, deploy::chain(error));
    }
    Ok(report.steps.len())
}

/// Each role of the environment with its boundary, as IAM tells them.
async fn boundaries(local: &Local) -> Result<Vec<(String, Option<String>)>> {
    let iam = aws_sdk_iam::Client::new(&local.bench.session.sdk);
    let listed = iam.list_roles().path_prefix(local.bench.session.scope.path()).send().await?.roles;
    let mut found = Vec::new();
    for role in listed {
        let role = iam.get_role().role_name(role.role_name).send().await?.role.context("no role came")?;
        let boundary = role.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn);
        found.push((role.role_name, boundary));
    }
    Ok(found)
}

#[tokio::test]
async fn a_bootstrap_converges_bounds_the_environments_roles_and_outlives_it() -> Result<()> {
    let mut local = Local::start(DEFAULTS).await?;
    let bench = workbench(local.bench.session.clone(), &repository())?;
    assert_eq!(apply(&local, &bench, Mode::Deploy).await?, bench.graph.nodes().count());
    assert!(bench.plan(Mode::Deploy).await?.is_converged());
    assert_eq!(local.keys().await?, [""; 0], "the environment sees the bootstrap");

    local.reconfigure(DEFAULTS).await?;
    let boundary = bootstrap::boundary(&local.bench.session.scope).arn();
    assert_eq!(local.bench.session.environment.permissions_boundary.as_ref(), Some(&boundary));
    local.deploy().await?;
    let carried = boundaries(&local).await?;
    assert_eq!(carried.len(), 5);
    assert!(carried.iter().all(|(_, carries)| carries.as_ref() == Some(&boundary)), "{carried:?}");
    assert!(local.plan().await?.is_converged());

    local.destroy(true).await?;
    assert_eq!(local.keys().await?, [""; 0]);
    assert!(bench.plan(Mode::Deploy).await?.is_converged(), "a destroy reached the bootstrap");

    apply(&local, &bench, Mode::Destroy { include_stateful: false }).await?;
    let survey = bench.survey().await?;
    let left: Vec<_> = survey.ours().map(|(_, key, _)| key.as_str()).collect();
    assert_eq!(left, ["bootstrap/oidc-provider"]);
    Ok(())
}

#[tokio::test]
async fn a_bootstrap_after_a_deploy_bounds_what_is_there_in_place() -> Result<()> {
    let keep = |key: &Key| {
        let stateful = ["stateful/journal", "stateful/queue", "stateful/dead-letter-queue"];
        [Key::DEPLOYMENTS, blueprint::INGEST].contains(&key.stack()) || stateful.contains(&key.as_str())
    };
    let mut local = Local::start_ingest(DEFAULTS).await?;
    local.deploy().await?;
    assert!(boundaries(&local).await?.iter().all(|(_, carries)| carries.is_none()));

    let arguments =
        ["bootstrap", "--repo", "octo-org/events", "--owner-id", "65", "--repository-id", "123456"];
    let made = local.headwater(&[&arguments[..], &["--yes", "--json"]].concat()).await?.expect(0)?.json()?;
    let roles = bootstrap::roles(&local.bench.session.scope);
    assert_eq!(made["roles"]["deploy"], roles.deploy.arn());
    assert!(made["steps"].as_array().is_some_and(|steps| steps.len() >= 6), "{made}");
    let again = local.headwater(&arguments).await?.expect(0)?;
    assert!(again.stdout.contains("Nothing to do") && again.stdout.contains(&roles.plan.arn()), "{again}");

    local.reconfigure(DEFAULTS).await?;
    local.keep_only(keep)?;
    let plan = local.plan().await?;
    let steps: Vec<_> = plan.steps.iter().map(|step| (step.key.as_str(), step.action)).collect();
    assert_eq!(steps, [("ingest/role", Action::Update)]);
    let fields: Vec<_> = plan.steps[0].changes.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(fields, ["permissionsBoundary"]);
    local.deploy().await?;
    assert!(boundaries(&local).await?.iter().all(|(_, carries)| carries.is_some()));
    assert!(local.plan().await?.is_converged());
    Ok(())
}
