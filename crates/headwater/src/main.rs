//! The headwater binary: reads the command line, runs the command, prints what went wrong and what to do about it.

use std::{io, process::ExitCode};

use clap::Parser;
use headwater::{Cli, dispatch, failure, signals};
use tracing_subscriber::EnvFilter;

/// Wrong usage, as sysexits.h has it; clap's own 2 means "differs" here.
const USAGE: u8 = 64;

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("HEADWATER_LOG").unwrap_or_else(|_| EnvFilter::new("off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => {
            // A closed terminal is all that can go wrong here, and then nobody reads it.
            let _ = usage.print();
            return ExitCode::from(if usage.use_stderr() { USAGE } else { 0 });
        }
    };
    let json = cli.json;
    let outcome = match signals::stop_on_signals() {
        Ok(stop) => dispatch(cli, stop).await,
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => {
            failure::print(&error, json);
            failure::exit(&error).into()
        }
    }
}
