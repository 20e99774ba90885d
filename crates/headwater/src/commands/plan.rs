//! `plan`: what a deploy or destroy would do.

use std::{fs, io::Write, path::Path};

use anyhow::{Context, Result};
use engine::Mode;
use resource::Plan;

use crate::{
    actions::{Actions, diff, folded},
    cli,
    commands::{Exit, Run},
    terminal::{self, FAINT, STRONG, paint, write_json},
    workbench::Workbench,
};

/// Runs `plan`. Makes no mutating call.
///
/// # Errors
/// A family cannot be observed, the plan is refused, or the file cannot be written.
pub async fn run(args: &cli::Plan, run: &Run) -> Result<Exit> {
    let mode = match args.destroy {
        true => Mode::Destroy { include_stateful: args.include_stateful },
        false => Mode::Deploy,
    };
    let plan = Workbench::open(&run.target).await?.propose_with_estimate(mode).await?.plan;
    let mut out = terminal::out();
    if run.json {
        write_json(&mut out, &plan)?;
    } else {
        write!(out, "{}", folded(&plan))?;
    }
    if let Some(file) = &args.diff {
        write_whole(file, &diff(&plan))?;
    }
    if let Some(actions) = Actions::here() {
        actions.planned(&plan)?;
    }
    if let Some(file) = &args.out {
        save(&plan, file)?;
        if !run.json {
            let command = format!("cargo xtask deploy --env {} --plan {}", run.target.env, file.display());
            writeln!(out, "\n{} {}", paint(FAINT, "Saved. To apply it:"), paint(STRONG, command))?;
        }
    }
    Ok(if args.detailed_exit_code && !plan.is_converged() { Exit::Differs } else { Exit::Done })
}

fn save(plan: &Plan, file: &Path) -> Result<()> {
    let mut json = serde_json::to_string_pretty(plan)?;
    json.push('\n');
    write_whole(file, &json)
}

/// Writes a file beside its place and then moves it there, so that no reader finds half of it. Its directory is made.
///
/// # Errors
/// It cannot be written.
pub fn write_whole(file: &Path, text: &str) -> Result<()> {
    let part = file.with_added_extension("part");
    let directory = file.parent().filter(|directory| !directory.as_os_str().is_empty());
    directory
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(&part, text))
        .and_then(|()| fs::rename(&part, file))
        .with_context(|| format!("cannot write {}", file.display()))
}
