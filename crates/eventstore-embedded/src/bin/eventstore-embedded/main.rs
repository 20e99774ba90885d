//! The server as a program of its own, which stands in for EventStoreDB in a container: the same environment variables, the
//! same line in the log when it is ready, and `SIGTERM` ends it in order.

mod options;

use std::process::ExitCode;

use anyhow::Context;
use eventstore_embedded::Server;
use options::{LogFormat, Options};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "there may be no log yet, and whoever started it looks here")]
fn eprint(error: &anyhow::Error) {
    eprintln!("eventstore-embedded: {error:#}");
}

#[tokio::main]
async fn run() -> anyhow::Result<()> {
    let options = Options::from_environment(std::env::vars_os())?;
    let log = tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::INFO);
    match options.log_format {
        LogFormat::Plain => log.init(),
        LogFormat::Json => log.json().init(),
    }
    // Before it is ready: a signal that comes early ends it in order too.
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let address = options.address;
    let listener =
        TcpListener::bind(address).await.with_context(|| format!("could not listen on {address}"))?;
    let server = Server::with_config(options.config()?);
    let running = tokio::select! {
        started = server.start(listener) => started.context("the server did not start")?,
        _ = terminate.recv() => return Ok(()),
        _ = interrupt.recv() => return Ok(()),
    };
    // Harnesses of EventStoreDB wait for a line with this end.
    tracing::info!("========== [{}] IS LEADER... SPARTA!", running.address());
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    running.stop().await;
    tracing::info!("stopped");
    Ok(())
}
