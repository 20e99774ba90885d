//! The program: what a container of it does from its start to its end.
#![allow(missing_docs, clippy::expect_used, clippy::panic, reason = "a test that fails panics")]
#![cfg(unix)]

mod support;

use std::{
    path::Path,
    process::{ExitStatus, Stdio},
};

use kurrentdb::{AppendToStreamOptions, StreamState};
use rustix::process::{Pid, Signal, kill_process};
use support::{client_with, event, events, numbers_of, soon};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
};

fn program(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_eventstore-embedded"));
    command
        .env_clear()
        .env("EVENTSTORE_INSECURE", "true")
        .env("EVENTSTORE_NODE_PORT", "0")
        .env("EVENTSTORE_DB", directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Starts it and waits until it says that it is ready, and where it listens.
async fn ready(directory: &Path) -> (Child, String) {
    let mut child = program(directory).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    loop {
        let line = soon(lines.next_line()).await.expect("it is text").expect("it goes on");
        if let Some(before) = line.strip_suffix("] IS LEADER... SPARTA!") {
            let address = before.rsplit_once('[').expect("an address").1.to_owned();
            // Whoever reads no more must not make it wait.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return (child, address);
        }
    }
}

async fn end(mut child: Child, signal: Signal) -> ExitStatus {
    let pid = child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)).expect("it runs");
    kill_process(pid, signal).expect("it is told");
    soon(child.wait()).await.expect("it ends")
}

#[tokio::test]
async fn what_was_answered_outlives_a_kill_and_a_signal_ends_it_in_order() -> kurrentdb::Result<()> {
    let directory = tempfile::tempdir().expect("a directory");
    let no_stream = AppendToStreamOptions::default().stream_state(StreamState::NoStream);
    let batch = events(0..5);
    let (child, address) = ready(directory.path()).await;
    client_with(&format!("esdb://{address}?tls=false"))
        .append_to_stream("s", &no_stream, batch.clone())
        .await?;

    // The directory belongs to this process, until that dies, however it does.
    let mut other = program(directory.path()).spawn().expect("it starts");
    let mut said = String::new();
    let mut errors = other.stderr.take().expect("a pipe");
    soon(errors.read_to_string(&mut said)).await.expect("it is text");
    assert_eq!(soon(other.wait()).await.expect("it ends").code(), Some(1));
    assert!(said.contains("is in use by another server"), "{said}");
    assert!(!end(child, Signal::KILL).await.success());

    let (child, address) = ready(directory.path()).await;
    let client = client_with(&format!("esdb://{address}?tls=false"));
    client.append_to_stream("s", &no_stream, batch).await?;
    client.append_to_stream("s", &Default::default(), event(5)).await?;
    let read = numbers_of(client.read_stream("s", &Default::default()).await?).await?;
    assert_eq!(read, [0, 1, 2, 3, 4, 5]);
    assert_eq!(end(child, Signal::TERM).await.code(), Some(0));
    Ok(())
}

#[tokio::test]
async fn an_option_that_is_not_known_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let output = program(directory.path()).env("EVENTSTORE_RUN_PROJECTION", "All").output();
    let output = soon(output).await.expect("it ends");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said, "eventstore-embedded: these options are not known here: RUN_PROJECTION\n");
}
