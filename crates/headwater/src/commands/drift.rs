//! `drift`: how AWS differs from the code.

use std::io::Write;

use anyhow::Result;
use engine::Mode;
use serde_json::json;

use crate::{
    actions::{Actions, diff, folded},
    cli::{self, Target},
    commands::{Exit, Run, plan::write_whole},
    terminal::{self, GOOD, STRONG, WARNING, paint},
    workbench::Workbench,
};

/// Runs `drift`. Makes no mutating call.
///
/// # Errors
/// A family cannot be observed, or the plan is refused.
pub async fn run(args: &cli::Drift, run: &Run) -> Result<Exit> {
    let target: &Target = &run.target;
    let plan = Workbench::open(target).await?.plan(Mode::Deploy).await?;
    let mut out = terminal::out();
    if run.json {
        writeln!(out, "{}", json!({"drifted": !plan.is_converged(), "plan": plan}))?;
    } else if plan.is_converged() {
        let line =
            format!("No drift: all {} resources of {} are as the code says.", plan.unchanged, target.env);
        writeln!(out, "{}", paint(GOOD, line))?;
    } else {
        let text = format!("{} differs from the code. A deploy would do this:", target.env);
        writeln!(out, "{}\n", paint(WARNING, text))?;
        write!(out, "{}", folded(&plan))?;
        writeln!(
            out,
            "\nTo repair it: {}",
            paint(STRONG, format!("cargo xtask deploy --env {}", target.env))
        )?;
    }
    if let Some(file) = &args.diff {
        write_whole(file, &diff(&plan))?;
    }
    if let Some(actions) = Actions::here() {
        actions.looked(&plan)?;
    }
    Ok(if plan.is_converged() { Exit::Done } else { Exit::Differs })
}
