//! What deploys and the pipeline survive: runs all parts, prints the table, and writes it to a page of the documents.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    thread::available_parallelism,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use clap::Parser;
use end_to_end::chaos::{
    Only, Part, Row, Settings, Size, Slice,
    report::{self, Made},
};
use headwater::{
    commands::plan::write_whole,
    failure,
    progress::Spinner,
    terminal::{self, FAINT, STRONG, counted, duration, paint, say},
};
use time::OffsetDateTime;

/// Wrong usage, as `cargo xtask` has it.
const USAGE: u8 = 64;

/// Harm deploys and the pipeline in every way, and see that they survive it.
#[derive(Debug, Parser)]
#[command(name = "chaos", max_term_width = 110)]
struct Arguments {
    /// What chance depends on; another one each time unless it is given.
    #[arg(long)]
    seed: Option<u64>,
    /// Harm runs at every call that changes something: about half an hour on two cores. What a run leaves depends on those alone.
    #[arg(long, conflicts_with = "full")]
    changes: bool,
    /// Every call, many seeds and 100,000 events instead of a few: some hours.
    #[arg(long)]
    full: bool,
    /// Of all the calls that runs are harmed at one part, spread over all commands: for a sweep in several sittings.
    #[arg(long, value_name = "N/M", default_value_t = Slice::WHOLE)]
    slice: Slice,
    /// Of the runs that are harmed at their calls those whose rows have this in their names, and no page: `update, killed`.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// At which call or change, from 0, instead of as many as the size says.
    #[arg(long, value_name = "K", requires = "only")]
    at: Option<usize>,
    /// Print JSON for machines instead of the table.
    #[arg(long)]
    json: bool,
    /// Where to write the table as a page.
    #[arg(long, value_name = "FILE", default_value = "docs/chaos.md")]
    page: PathBuf,
    /// What to harm; all of it unless parts are named, and then the page is not written.
    #[arg(value_enum, value_name = "PART")]
    parts: Vec<Part>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(usage) => {
            // A closed terminal is all that can go wrong here, and then nobody reads it.
            let _ = usage.print();
            return ExitCode::from(if usage.use_stderr() { USAGE } else { 0 });
        }
    };
    match run(&arguments).await {
        Ok(rows) if report::holds(&rows) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            failure::print(&error, arguments.json);
            failure::exit(&error).into()
        }
    }
}

async fn run(arguments: &Arguments) -> Result<Vec<Row>> {
    let seed = arguments.seed.unwrap_or_else(another);
    let size = match (arguments.changes, arguments.full) {
        (true, _) => Size::Changes,
        (_, true) => Size::Full,
        _ => Size::Smoke,
    };
    let only = arguments.only.clone().map(|what| Only { what, at: arguments.at });
    let parts = match (&only, &arguments.parts[..]) {
        (Some(_), _) => &[Part::Crash],
        (None, []) => &Part::ALL[..],
        (None, parts) => parts,
    };
    let made = made(arguments, seed)?;
    say(format!("{} {}", paint(STRONG, &made.command), paint(FAINT, &made.machine)));
    let mut rows = Vec::new();
    for part in parts {
        let spinner = Spinner::live("starting");
        let settings = Settings {
            size,
            seed,
            only: only.as_ref(),
            slice: arguments.slice,
            progress: &|text| spinner.say(text),
        };
        let found = part.run(&settings).await?;
        drop(spinner);
        let took = found.iter().map(|row| row.took).sum();
        let name = clap::ValueEnum::to_possible_value(part).map(|value| value.get_name().to_owned());
        let cases = counted(found.len() as u64, "row");
        say(format!(
            "  {} {}",
            name.unwrap_or_default(),
            paint(FAINT, format!("{cases}, {}", duration(took)))
        ));
        rows.extend(found);
    }
    let mut out = terminal::out();
    if arguments.json {
        writeln!(out, "{:#}", report::json(&rows, &made))?;
    } else {
        write!(out, "\n{}", report::text(&rows))?;
    }
    if arguments.parts.is_empty() && only.is_none() {
        write_whole(&arguments.page, &report::page(&rows, &made))?;
        say(paint(FAINT, format!("Written to {}.", arguments.page.display())));
    }
    Ok(rows)
}

/// A seed that is another one each time, short enough to be typed.
fn another() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs() % 1_000_000)
}

fn made(arguments: &Arguments, seed: u64) -> Result<Made> {
    let mut command = format!("cargo xtask chaos --seed {seed}");
    if arguments.changes {
        command.push_str(" --changes");
    }
    if arguments.full {
        command.push_str(" --full");
    }
    if arguments.slice != Slice::WHOLE {
        command.push_str(&format!(" --slice {}", arguments.slice));
    }
    let processors = available_parallelism().map_or(0, std::num::NonZero::get) as u64;
    Ok(Made {
        command,
        on: OffsetDateTime::now_utc().date().to_string(),
        commit: commit().context("cannot tell the commit")?,
        machine: format!(
            "{} {}, {}",
            std::env::consts::OS,
            std::env::consts::ARCH,
            counted(processors, "processor")
        ),
    })
}

/// The commit that the sources are at; where they are no repository, nobody knows.
fn commit() -> io::Result<String> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
    let said =
        Command::new("git").arg("-C").arg(sources).args(["describe", "--always", "--dirty"]).output()?;
    Ok(if said.status.success() {
        String::from_utf8_lossy(&said.stdout).trim().to_owned()
    } else {
        "?".into()
    })
}
