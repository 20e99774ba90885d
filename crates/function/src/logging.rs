//! Structured JSON logs on standard output, where Lambda takes them to CloudWatch.
//!
//! Ids are logged, never anything of an event's data: a panic is logged by its place, not its message (which may quote
//! the data), and libraries are heard from WARN on (lambda_runtime prints payloads at TRACE).

use std::error::Error;
use std::str::FromStr;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

/// Starts the logs of the function whose crate is `function`, at the level of Lambda's `AWS_LAMBDA_LOG_LEVEL` (INFO where it is not set). A second call does nothing.
pub fn start(function: &'static str) {
    let ours = match std::env::var("AWS_LAMBDA_LOG_LEVEL").as_deref() {
        Ok("FATAL") => LevelFilter::ERROR,
        Ok(level) => LevelFilter::from_str(level).unwrap_or(LevelFilter::INFO),
        Err(_) => LevelFilter::INFO,
    };
    let levels = Targets::new().with_default(LevelFilter::WARN.min(ours)).with_targets([
        (function, ours),
        ("function", ours),
        ("journal", ours),
    ]);
    let format = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_filter(levels);
    if tracing_subscriber::registry().with(format).try_init().is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string);
            tracing::error!(place, "panicked");
        }));
    }
}

/// The error and what caused it, on one line.
pub fn with_causes(error: &dyn Error) -> String {
    let chain = std::iter::successors(Some(error), |error| (*error).source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
