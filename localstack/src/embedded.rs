//! The embedded backend: MiniStack as a child process, on a free port of 127.0.0.1.
//!
//! What MiniStack 1.5.33 does that matters here, read in its source:
//!
//! - A `provided.*` function runs as a child process in MiniStack's own environment plus its variables. It gets
//!   `AWS_REGION` and credentials (the account's id as access key; with `AUTH`, a session of its role), and
//!   `AWS_ENDPOINT_URL` only where MiniStack's environment has it. So that environment is built from nothing.
//! - Code is unpacked under `TMPDIR`, which is private here: two runs never share it, and an `/tmp` without
//!   permission to execute does no harm.
//! - An event source mapping on SQS runs up to `MaximumConcurrency` batches at once (5 when unset), and never more than
//!   the function's reserved concurrency. Each batch that runs at the same time has a process of its own.
//! - `BIND_HOST` is for the gateway alone. IoT and SFTP listen on every interface unless they are turned off, and the
//!   Docker socket is looked for at start; a run of ours has none of these.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use rustix::process::{WaitId, WaitIdOptions, waitid};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::{Instant, timeout_at};

use crate::error::{IoContext, LogTail};
use crate::venv::Venv;
use crate::{
    ACCOUNT, CREDENTIALS, Error, FunctionProcess, LoopbackUrl, Progress, REGION, health, home, loopback,
    processes, python,
};

/// The program that runs MiniStack and ends it with this process.
const RUNNER: &str = include_str!("../run_ministack.py");
/// What the program mends of MiniStack; it imports it.
const MENDS: &str = include_str!("../ministack_mends.py");

/// What an error calls it.
const NAME: &str = "MiniStack";

/// What of the caller's environment MiniStack and its functions see.
const INHERITED: [&str; 4] = ["PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH"];

/// How long a process that closed its output may take to end.
const EXIT_WITHIN: Duration = Duration::from_secs(5);

/// MiniStack, and how to run it.
#[derive(Clone, Debug)]
pub struct Embedded {
    /// Where packages, logs and scratch files are kept; see [`home`](crate::home).
    pub home: PathBuf,
    /// The port to listen on; a free one when unset.
    pub port: Option<u16>,
    /// Whether IAM policies are evaluated, for functions too.
    pub auth: bool,
    /// Where functions send their calls, if not to MiniStack itself: a proxy that leads there.
    pub functions_endpoint: Option<LoopbackUrl>,
    /// The Python to use; the first on `PATH` that is new enough when unset.
    pub python: Option<PathBuf>,
    /// How long it may take from its start to its first answer. Loading takes about 0.3 s, ten at once on two cores
    /// more than that.
    pub answer_within: Duration,
}

impl Embedded {
    /// The defaults, with the Python that `HEADWATER_PYTHON` names.
    #[must_use]
    pub fn new(home: PathBuf) -> Self {
        let python =
            std::env::var_os("HEADWATER_PYTHON").filter(|value| !value.is_empty()).map(PathBuf::from);
        Self {
            home,
            port: None,
            auth: false,
            functions_endpoint: None,
            python,
            answer_within: Duration::from_secs(60),
        }
    }

    pub(crate) async fn start(&self, progress: Progress<'_>) -> Result<Running, Error> {
        if let Some(port) = self.port {
            loopback::free(port)?;
        }
        let python = python::find(self.python.as_deref(), std::env::var_os("PATH").as_deref()).await?;
        let venv = Venv::ensure(&self.home, &python, progress).await?;
        progress("starting MiniStack");
        self.run(&venv).await
    }

    async fn run(&self, venv: &Venv) -> Result<Running, Error> {
        let by = Instant::now() + self.answer_within;
        let log = home::new_log(&self.home, "ministack")?;
        let scratch = home::new_scratch(&self.home)?;
        let mut child = self.spawn(venv, &log, scratch.path())?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let process = Process { child, _stdin: stdin, log: log.clone() };
        let not_ready =
            || Error::NotReady { what: NAME.into(), within: self.answer_within, log: LogTail::read(&log) };

        // From here on dropping `process` ends the child, whichever way this function is left.
        let port = match stdout {
            Some(stdout) => timeout_at(by, read_port(stdout)).await.map_err(|_| not_ready())?,
            None => None,
        };
        let Some(endpoint) = port.map(LoopbackUrl::of_port) else {
            return Err(process.exit().await.unwrap_or_else(not_ready));
        };
        match timeout_at(by, health::get(&endpoint, "/_ministack/health")).await {
            Ok(Ok(200)) => Ok(Running { endpoint, process, _scratch: scratch }),
            Ok(Ok(_)) | Err(_) => Err(not_ready()),
            Ok(Err(_)) => Err(process.exit().await.unwrap_or_else(not_ready)),
        }
    }

    fn spawn(&self, venv: &Venv, log: &Path, scratch: &Path) -> Result<Child, Error> {
        let runner = scratch.join("run_ministack.py");
        fs::write(&runner, RUNNER).context("write", &runner)?;
        let mends = scratch.join("ministack_mends.py");
        fs::write(&mends, MENDS).context("write", &mends)?;
        let stderr = File::options().append(true).open(log).context("open", log)?;
        let python = venv.python();
        let mut command = Command::new(&python);
        command
            .args(["-I", "-u"])
            .arg(&runner)
            .arg(scratch)
            .arg(self.port.unwrap_or(0).to_string())
            .env_clear()
            .envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
            .envs(self.settings(scratch))
            .envs(self.functions_endpoint.iter().map(|url| ("AWS_ENDPOINT_URL", url.as_str())))
            .current_dir(scratch)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr);
        command.spawn().context("run", &python)
    }

    /// MiniStack's settings, and what functions inherit with them.
    fn settings(&self, scratch: &Path) -> Vec<(&'static str, String)> {
        let path = |name: &str| scratch.join(name).display().to_string();
        vec![
            ("AUTH", self.auth.to_string()),
            ("AWS_ACCESS_KEY_ID", CREDENTIALS.access_key_id.into()),
            ("AWS_SECRET_ACCESS_KEY", CREDENTIALS.secret_access_key.into()),
            ("AWS_DEFAULT_REGION", REGION.into()),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
            ("DOCKER_HOST", format!("unix://{}", path("no-docker.sock"))),
            ("HOME", path("")),
            ("IOT_MTLS_ENABLED", "0".into()),
            ("LAMBDA_EXECUTOR", "local".into()),
            ("MINISTACK_ACCOUNT_ID", ACCOUNT.into()),
            ("MINISTACK_REGION", REGION.into()),
            ("PERSIST_STATE", "0".into()),
            ("S3_DATA_DIR", path("s3")),
            ("SFTP_ENABLED", "0".into()),
            ("SFTP_HOST", "127.0.0.1".into()),
            ("STATE_DIR", path("state")),
            ("TMPDIR", path("")),
        ]
    }
}

/// The line that the runner writes once its socket listens; none when it ended before.
async fn read_port(stdout: ChildStdout) -> Option<u16> {
    let stdout = tokio::process::ChildStdout::from_std(stdout).ok()?;
    let line = BufReader::new(stdout).lines().next_line().await.ok()??;
    line.trim().parse().ok()
}

/// MiniStack that answers. Fields are dropped in this order: the process ends before its files go.
#[derive(Debug)]
pub(crate) struct Running {
    endpoint: LoopbackUrl,
    process: Process,
    _scratch: TempDir,
}

impl Running {
    pub(crate) fn endpoint(&self) -> &LoopbackUrl {
        &self.endpoint
    }

    pub(crate) fn log(&self) -> &Path {
        &self.process.log
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.child.id()
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        self.process.ended().map_or(Ok(()), Err)
    }

    pub(crate) async fn died(&self) -> Error {
        loop {
            if let Some(error) = self.process.ended() {
                return error;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    pub(crate) fn function_processes(&self) -> Result<Vec<FunctionProcess>, Error> {
        processes::of_group(self.process_id())
    }
}

/// The child, leader of a process group that holds every function too. Dropping it kills the group. Its standard input
/// is held open for its life: the pipe's end tells the child that this process is gone.
#[derive(Debug)]
struct Process {
    child: Child,
    _stdin: Option<ChildStdin>,
    log: PathBuf,
}

impl Process {
    /// How the child ended, where it has. It is only looked at, not waited for: until it is, its id and its group's
    /// cannot become another's.
    fn ended(&self) -> Option<Error> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let status = waitid(WaitId::Pid(processes::pid(self.child.id())?), options).ok()??;
        let status = match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => return None,
        };
        Some(Error::Died { what: NAME.into(), status, log: LogTail::read(&self.log) })
    }

    /// Waits a moment for a child that is about to end; none when it lives on.
    async fn exit(&self) -> Option<Error> {
        let by = Instant::now() + EXIT_WITHIN;
        while Instant::now() < by {
            if let Some(error) = self.ended() {
                return Some(error);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        None
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = processes::kill_group(self.child.id()) {
            tracing::debug!(%error, "could not end the emulator's process group");
        }
        if let Err(error) = self.child.wait() {
            tracing::debug!(%error, "could not wait for the emulator");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_users_aws_configuration_is_inherited() {
        assert!(INHERITED.iter().all(|name| !name.starts_with("AWS_")));
    }
}
