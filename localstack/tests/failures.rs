//! What keeps an emulator from running, as a person reads it. The Python is a shell script that plays each part.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "these are tests")]

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use localstack::{Backend, Embedded, Emulator, Error};
use tempfile::TempDir;

/// A Python whose `venv`, `pip` and run do what the given pieces of shell do.
struct FakePython {
    directory: TempDir,
    venv: &'static str,
    pip: &'static str,
    run: &'static str,
}

impl FakePython {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), venv: "true", pip: "true", run: "true" }
    }

    /// Writes the script; the one in the environment is a copy of it. A shell does: what this process has open to write, a child
    /// that another test just starts has open too, and Linux runs no file that anybody writes to.
    fn program(&self) -> PathBuf {
        let Self { venv, pip, run, .. } = self;
        let script = format!(
            r#"#!/bin/sh
case "$1 $2" in
"-I -c") printf '3.12.1\n/fake\n' ;;
"-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && {venv} ;;
"-m pip") {pip} ;;
*) {run} ;;
esac
"#
        );
        let program = self.directory.path().join("python");
        let write = r#"printf %s "$1" >"$0" && chmod 755 "$0""#;
        let written = Command::new("sh").args(["-c", write]).arg(&program).arg(script).status();
        assert!(written.unwrap().success());
        program
    }

    fn embedded(&self) -> Embedded {
        let mut embedded = Embedded::new(self.directory.path().join("home"));
        embedded.python = Some(self.program());
        embedded.answer_within = Duration::from_secs(5);
        embedded
    }

    async fn error(&self, embedded: Embedded) -> String {
        let error = Emulator::start(Backend::Embedded(embedded), &|_| ()).await.expect_err("it cannot run");
        in_words(&error, self.directory.path())
    }
}

/// The chain of an error and its help, without what differs from run to run.
fn in_words(error: &Error, directory: &Path) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text += &format!("\ncaused by: {cause}");
        source = cause.source();
    }
    text += &format!("\nhelp: {}", error.help().unwrap_or_default());
    let text = text.replace(&directory.display().to_string(), "<directory>");
    mask(&mask(&mask(&text, "venv-"), "logs/ministack-"), "os error ")
}

/// Replaces the word that follows `prefix` by `…`.
fn mask(text: &str, prefix: &str) -> String {
    let mut pieces = text.split(prefix);
    let mut masked = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let rest = piece.trim_start_matches(|letter: char| letter.is_ascii_alphanumeric() || letter == '-');
        masked += &format!("{prefix}…{rest}");
    }
    masked
}

#[tokio::test]
async fn a_python_without_venv_is_named_with_what_to_install() {
    let python = FakePython {
        venv: "{ echo 'The virtual environment was not created successfully because ensurepip is not'; \
               echo 'available.'; exit 1; }",
        ..FakePython::new()
    };
    insta::assert_snapshot!(python.error(python.embedded()).await);
}

#[tokio::test]
async fn no_network_shows_what_pip_said_and_how_to_go_on() {
    let python = FakePython {
        pip: "echo 'WARNING: Retrying after connection broken by NewConnectionError' >&2; \
              echo 'ERROR: No matching distribution found for botocore==1.43.106' >&2; exit 1",
        ..FakePython::new()
    };
    insta::assert_snapshot!(python.error(python.embedded()).await);
}

#[tokio::test]
async fn an_installation_that_failed_is_made_again() {
    let mut python = FakePython { pip: "exit 1", ..FakePython::new() };
    python.error(python.embedded()).await;
    python.pip = "exit 0";
    python.run = "echo 'now it runs' >&2; exit 3";
    let error = python.error(python.embedded()).await;
    assert!(error.contains("now it runs"), "{error}");
}

#[tokio::test]
async fn one_that_dies_at_its_start_shows_the_end_of_its_log() {
    let python = FakePython {
        run: "echo 'Traceback (most recent call last):' >&2; echo 'ImportError: no module' >&2; exit 1",
        ..FakePython::new()
    };
    insta::assert_snapshot!(python.error(python.embedded()).await);
}

#[tokio::test]
async fn one_that_never_answers_is_given_up_on_and_ended() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = silent.local_addr().unwrap().port();
    let python = FakePython { run: "echo \"$HOME\" >&2; cat \"$HOME/../../port\"; cat", ..FakePython::new() };
    let mut embedded = python.embedded();
    embedded.answer_within = Duration::from_millis(500);
    fs::create_dir_all(&embedded.home).unwrap();
    fs::write(embedded.home.join("port"), format!("{port}\n")).unwrap();
    let error =
        Emulator::start(Backend::Embedded(embedded.clone()), &|_| ()).await.expect_err("it is silent");
    assert!(matches!(error, Error::NotReady { .. }), "{error}");
    assert!(
        error
            .to_string()
            .starts_with("MiniStack did not answer within 0.5 s of its start; the end of its log:\n")
    );
    assert_eq!(fs::read_dir(embedded.home.join("runs")).unwrap().count(), 0, "its scratch directory is gone");
}

#[tokio::test]
async fn a_port_that_is_taken_is_said_before_anything_is_installed() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let python = FakePython::new();
    let mut embedded = python.embedded();
    embedded.port = Some(port);
    let home = embedded.home.clone();
    let error = python.error(embedded).await;
    insta::assert_snapshot!(error.replace(&port.to_string(), "<port>"));
    assert!(!home.exists());
}

#[tokio::test]
async fn nothing_at_an_endpoint_is_said_with_the_url() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let url = format!("http://127.0.0.1:{port}").parse().unwrap();
    let error = Emulator::start(Backend::Endpoint(url), &|_| ()).await.expect_err("nothing listens");
    insta::assert_snapshot!(in_words(&error, Path::new("/none")).replace(&port.to_string(), "<port>"));
}

#[tokio::test]
async fn whatever_listens_at_an_endpoint_is_used() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://127.0.0.1:{}/", listener.local_addr().unwrap().port());
    let emulator = Emulator::start(Backend::Endpoint(url.parse().unwrap()), &|_| ()).await.unwrap();
    assert_eq!(emulator.endpoint().as_str(), url.trim_end_matches('/'));
    assert_eq!(emulator.function_processes().unwrap(), []);
    emulator.check().unwrap();
}

#[tokio::test]
async fn runs_beside_each_other_install_once() {
    let python = FakePython {
        pip: "echo installed >> \"$(dirname \"$0\")/../../installs\"",
        run: "exit 7",
        ..FakePython::new()
    };
    let steps = Mutex::new(Vec::new());
    let progress = |step: &str| steps.lock().unwrap().push(step.to_owned());
    let embedded = python.embedded();
    let runs = (0..4).map(|_| Emulator::start(Backend::Embedded(embedded.clone()), &progress));
    let outcomes = futures::future::join_all(runs).await;
    assert!(outcomes.iter().all(Result::is_err));
    assert_eq!(fs::read_to_string(embedded.home.join("installs")).unwrap(), "installed\n");
    let steps = steps.into_inner().unwrap();
    assert_eq!(steps.iter().filter(|step| step.starts_with("installing")).count(), 1, "{steps:?}");
    assert_eq!(steps.iter().filter(|step| step.starts_with("waiting for another")).count(), 3, "{steps:?}");
}
