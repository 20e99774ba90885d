//! `bootstrap`: what has to be in the account before GitHub Actions can plan and deploy an environment.

mod repository;

use std::{io::Write, sync::Arc, time::Instant};

use anyhow::Result;
use blueprint::bootstrap::{
    self, BootstrapRoles, Documents, Repository,
    policies::{self, Purpose},
};
use engine::{Approved, InMemory, Mode, Proposal};
use serde_json::json;

use crate::{
    cli,
    commands::{Exit, Run, deploy},
    session::Session,
    terminal::{self, FAINT, STRONG, columns, paint},
    workbench::Workbench,
};

/// Runs `bootstrap`. Nobody holds a lease meanwhile: the table for it is the environment's, and may not be there yet. Two
/// that run at once make the same, each step of which may be done twice.
///
/// # Errors
/// The repository's ids are not to be had, the plan is refused, or it was not agreed to. Steps that failed are printed.
pub async fn run(args: &cli::Bootstrap, run: &Run) -> Result<Exit> {
    let (bench, repository, proposal) = run.until_stopped(proposed(args, run)).await?;
    let roles = bootstrap::roles(&bench.session.environment.scope());
    let plan = &proposal.plan;
    if plan.is_converged() {
        if run.json {
            let told = json!({"outcome": "succeeded", "steps": [], "roles": named(&roles)});
            writeln!(terminal::out(), "{told}")?;
        } else {
            deploy::converged(run, plan)?;
            next(args, &repository, &bench, &roles)?;
        }
        return Ok(Exit::Done);
    }
    deploy::show(run, plan)?;
    if !args.yes && !run.confirm(if args.destroy { "Delete them?" } else { "Apply it?" }).await? {
        return Ok(Exit::Done);
    }
    let begun = Instant::now();
    let report = deploy::execute(&bench, run, Approved::Proposed(proposal)).await?;
    let exit = deploy::exit(&report);
    if run.json {
        let mut told = deploy::as_json(&report);
        told["roles"] = named(&roles);
        writeln!(terminal::out(), "{told}")?;
    } else {
        deploy::print(&mut terminal::out(), &report, begun)?;
        if exit == Exit::Done {
            next(args, &repository, &bench, &roles)?;
        }
    }
    Ok(exit)
}

fn mode(args: &cli::Bootstrap) -> Mode {
    if args.destroy { Mode::Destroy { include_stateful: false } } else { Mode::Deploy }
}

async fn proposed(args: &cli::Bootstrap, run: &Run) -> Result<(Workbench, Repository, Proposal)> {
    let session = Session::open(&run.target).await?;
    let repository = repository::find(args).await?;
    let bench = workbench(session, &repository)?;
    let proposal = bench.propose(mode(args)).await?;
    Ok((bench, repository, proposal))
}

/// The bootstrap of an environment as something to plan and apply, in the bootstrap's own scope.
///
/// # Errors
/// No policies can be made from the families' actions.
pub fn workbench(session: Session, repository: &Repository) -> Result<Workbench> {
    let graph = bootstrap::bootstrap(&session.environment, repository, &documents(&session)?)?;
    let families = session.bootstrap_families();
    let session = Session { scope: graph.scope.clone(), ..session };
    let deployments = Arc::new(InMemory::default());
    Ok(Workbench { session, graph, families, deployments, left_out: Vec::new() })
}

/// What the bootstrap grants, by what the families of the environment call.
///
/// # Errors
/// An action fits into no policy.
pub fn documents(session: &Session) -> Result<Documents> {
    let scope = session.environment.scope();
    let boundary = bootstrap::boundary(&scope).arn();
    let actions = session.actions();
    Ok(Documents {
        boundary: policies::boundary(&scope),
        plan: policies::documents(Purpose::Plan, &actions, &scope, &boundary)?,
        deploy: policies::documents(Purpose::Deploy, &actions, &scope, &boundary)?,
    })
}

fn named(roles: &BootstrapRoles) -> serde_json::Value {
    json!({"plan": roles.plan.arn(), "deploy": roles.deploy.arn()})
}

/// What is left to do by hand.
fn next(
    args: &cli::Bootstrap,
    repository: &Repository,
    bench: &Workbench,
    roles: &BootstrapRoles,
) -> Result<()> {
    if args.destroy {
        return Ok(());
    }
    let Repository { owner, name, branch, .. } = repository;
    let environment = &bench.session.environment.name;
    let mut out = terminal::out();
    writeln!(out, "\nWorkflows of {owner}/{name} assume these roles:")?;
    let role = |purpose: &str, whom: String, arn: String| {
        vec![format!("  {purpose}"), paint(STRONG, arn), paint(FAINT, whom)]
    };
    let rows = [
        role("plan", format!("pull requests and {branch}"), roles.plan.arn()),
        role("deploy", format!("{branch} in the GitHub environment {environment}"), roles.deploy.arn()),
    ];
    write!(out, "{}", columns(&rows))?;
    writeln!(
        out,
        "\nNext:\n  \
         1. On GitHub, under Settings → Environments, make `{environment}`. Give it required reviewers, and let `{branch}` \
         alone deploy to it:\n     who may run a job in it may deploy.\n  \
         2. Deploy once more, which gives the environment's roles their permissions boundary: {}",
        paint(STRONG, format!("cargo xtask deploy --env {environment}"))
    )?;
    Ok(())
}
