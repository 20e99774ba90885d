//! How long deploys take beside how long they have to: the `prod` environment of `headwater.toml`, all of it, on emulators
//! behind a proxy that lets every call take as long as calls to AWS do.
//!
//! `cargo xtask bench deploy` builds and runs it, in the profile in which it builds `headwater`. A command may take as long as
//! its longest chain of calls each of which needs the one before, see [`chain`]: that times what a call takes is the bound.
//! `--path` prints the chains as well, `--json` everything.
#![allow(unreachable_pub, reason = "modules of a program")]

mod chain;
mod environment;
mod figures;
mod flow;
mod report;

use std::{env, io::Write, time::Duration};

use anyhow::{Context, Result};
use headwater::terminal::{self, FAINT, paint, say};

use environment::{Command, Environment};
use figures::Figures;

/// What a call takes, the emulator's own time within it; the longest last. Within a region most calls of AWS's control planes
/// take 20 to 200 ms.
const LATENCIES: [Duration; 3] = [Duration::ZERO, Duration::from_millis(20), Duration::from_millis(100)];

#[tokio::main]
async fn main() -> Result<()> {
    let has = |option: &str| env::args().any(|argument| argument == option);
    let packages = env::var_os("HEADWATER_PACKAGES").context("run this by `cargo xtask bench deploy`")?;
    let mut figures = Command::ALL.map(Figures::new);
    for latency in LATENCIES {
        // An emulator of its own: what was there once leaves traces, as secrets that are scheduled for deletion.
        let environment = Environment::start(packages.as_ref(), latency).await?;
        for of_command in &mut figures {
            let (command, millis) = (of_command.command, latency.as_millis());
            let run = environment.measure(command).await;
            let run = run.with_context(|| format!("{command} at {millis} ms a call"))?;
            let took = terminal::duration(run.wall);
            say(paint(FAINT, format!("{command} at {millis} ms a call: {took}")));
            of_command.runs.push(run);
        }
    }
    let mut out = terminal::out();
    if has("--json") {
        writeln!(out, "{:#}", report::json(&figures))?;
        return Ok(());
    }
    writeln!(out, "{}", report::table(&figures))?;
    if has("--path") {
        writeln!(out, "\n{}", report::paths(&figures))?;
    }
    Ok(())
}
