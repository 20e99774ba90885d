//! Headwater as its users run it: the zips that `cargo xtask package` makes, and the program.

use std::{
    env,
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, Result, bail, ensure};
use headwater::cli::Target;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStderr, ChildStdout, Command},
    sync::OnceCell,
};

use crate::{DEFAULTS, Local, local::target};

/// A program that has ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Ended {
    /// Its standard output as one JSON document.
    ///
    /// # Errors
    /// It is none.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.stdout).with_context(|| format!("no JSON came:\n{self}"))
    }

    /// The same, if it ended with that code.
    ///
    /// # Errors
    /// It ended with another: the error shows what it wrote.
    pub fn expect(self, code: i32) -> Result<Self> {
        ensure!(self.code == Some(code), "exit code {:?}, not {code}:\n{self}", self.code);
        Ok(self)
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.stdout, self.stderr)
    }
}

/// A program that runs. It is killed when this value is dropped.
#[derive(Debug)]
pub struct Started {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: Lines<BufReader<ChildStderr>>,
    said: String,
}

impl Started {
    fn new(mut child: Child) -> Result<Self> {
        let stdout = child.stdout.take().context("the program has no standard output")?;
        let stderr = child.stderr.take().context("the program has no standard error")?;
        let (stdout, stderr) = (BufReader::new(stdout), BufReader::new(stderr).lines());
        Ok(Self { child, stdout, stderr, said: String::new() })
    }

    /// Its process id.
    ///
    /// # Errors
    /// It has ended.
    pub fn id(&self) -> Result<u32> {
        self.child.id().context("the program has ended")
    }

    /// The next line of its standard error; none when it has closed it.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn next_line(&mut self) -> Result<Option<String>> {
        let line = self.stderr.next_line().await?;
        self.said.extend(line.iter().flat_map(|line| [line, "\n"]));
        Ok(line)
    }

    /// The next line of its standard output; none when it has closed it.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn next_output_line(&mut self) -> Result<Option<String>> {
        let mut line = String::new();
        let count = self.stdout.read_line(&mut line).await?;
        Ok((count > 0).then(|| line.trim_end_matches('\n').to_owned()))
    }

    /// Tells it to end, as Ctrl-C does.
    ///
    /// # Errors
    /// It has ended.
    pub fn interrupt(&self) -> Result<()> {
        let pid = Pid::from_raw(self.id()?.try_into()?).context("the program has no process id")?;
        Ok(kill_process(pid, Signal::INT)?)
    }

    /// Kills it, as the machine under it may.
    ///
    /// # Errors
    /// It cannot be.
    pub async fn kill(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub async fn end(mut self) -> Result<Ended> {
        let mut stdout = String::new();
        // Both at once: it waits where one of them is full.
        let read = self.stdout.read_to_string(&mut stdout);
        let said = async {
            while let Some(line) = self.stderr.next_line().await? {
                self.said.extend([line.as_str(), "\n"]);
            }
            anyhow::Ok(())
        };
        tokio::try_join!(async { Ok(read.await?) }, said)?;
        let code = self.child.wait().await?.code();
        Ok(Ended { code, stdout, stderr: self.said })
    }
}

impl Local {
    /// Runs `headwater` to its end, without a terminal. Meanwhile EventStoreDB's stand-in follows its service, as where `up`
    /// runs beside it.
    ///
    /// # Errors
    /// It cannot be built or run.
    pub async fn headwater(&self, arguments: &[&str]) -> Result<Ended> {
        self.headwater_with(arguments, "").await
    }

    /// The same, with something on its standard input.
    ///
    /// # Errors
    /// It cannot be built or run.
    pub async fn headwater_with(&self, arguments: &[&str], input: &str) -> Result<Ended> {
        let mut started = self.spawn_headwater(arguments).await?;
        let mut stdin = started.child.stdin.take().context("the program has no standard input")?;
        // One that does not read its input may have ended before it is written.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        tokio::select! {
            ended = started.end() => ended,
            never = self.task.keep_following(&self.bench) => match never {},
        }
    }

    /// Starts `headwater`, without a terminal.
    ///
    /// # Errors
    /// It cannot be built or run.
    pub async fn spawn_headwater(&self, arguments: &[&str]) -> Result<Started> {
        spawn_headwater(&self.target, self.directory(), arguments).await
    }
}

/// The program where no local AWS is yet, in a directory of its own.
#[derive(Debug)]
pub struct Headwater {
    target: Target,
    directory: TempDir,
}

impl Headwater {
    /// With a configuration in which every knob has its default.
    ///
    /// # Errors
    /// The functions cannot be packaged.
    pub async fn alone() -> Result<Self> {
        let (directory, target) = target(DEFAULTS).await?;
        Ok(Self { target, directory })
    }

    /// Starts it, without a terminal.
    ///
    /// # Errors
    /// It cannot be built or run.
    pub async fn start(&self, arguments: &[&str]) -> Result<Started> {
        spawn_headwater(&self.target, self.directory.path(), arguments).await
    }

    /// Runs it to its end, without a terminal.
    ///
    /// # Errors
    /// It cannot be built or run.
    pub async fn run(&self, arguments: &[&str]) -> Result<Ended> {
        self.start(arguments).await?.end().await
    }
}

async fn spawn_headwater(target: &Target, directory: &Path, arguments: &[&str]) -> Result<Started> {
    let child = command("headwater")
        .await?
        .args(arguments)
        .env("HEADWATER_CONFIG", &target.config)
        .envs(target.packages.iter().map(|packages| ("HEADWATER_PACKAGES", packages)))
        .envs(target.endpoint_url.iter().map(|url| ("AWS_ENDPOINT_URL", url)))
        .envs(target.eventstore.iter().map(|address| ("HEADWATER_EVENTSTORE", address.to_string())))
        .current_dir(directory)
        .spawn()?;
    Started::new(child)
}

/// The directory of the functions' zips, made once a run: that of `HEADWATER_PACKAGES` where it is set.
///
/// # Errors
/// They cannot be made: the error shows what cargo said.
pub(crate) async fn packages() -> Result<PathBuf> {
    static MADE: OnceCell<PathBuf> = OnceCell::const_new();
    let made = MADE.get_or_try_init(|| async {
        if let Some(set) = env::var_os("HEADWATER_PACKAGES") {
            return Ok(std::path::absolute(set)?);
        }
        cargo(&["xtask", "package", "--host"]).await?;
        anyhow::Ok(localstack::home().join("packages").join("host"))
    });
    made.await.cloned()
}

/// One of the programs, to be run without a terminal, and with nothing of this one's environment that says how.
pub(crate) async fn command(name: &str) -> Result<Command> {
    let mut command = Command::new(built(name).await?);
    command
        .env_clear()
        .envs(["PATH", "HOME", "LANG"].iter().filter_map(|name| Some((name, env::var_os(name)?))))
        .kill_on_drop(true)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Ok(command)
}

/// The program of that name. All are built once a run, as `cargo xtask` builds them: for the whole workspace, which has its
/// dependencies built already.
async fn built(name: &str) -> Result<PathBuf> {
    static BUILT: OnceCell<Vec<PathBuf>> = OnceCell::const_new();
    let built = BUILT.get_or_try_init(|| async {
        let bins = ["--bin", "headwater", "--bin", "gateway"];
        let said = cargo(&[&["build", "--workspace", "--message-format=json"][..], &bins].concat()).await?;
        let artifacts = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let executables = artifacts.filter_map(|artifact| Some(artifact["executable"].as_str()?.into()));
        anyhow::Ok(executables.collect())
    });
    let mut programs = built.await?.iter();
    programs.find(|path| path.ends_with(name)).cloned().with_context(|| format!("cargo built no `{name}`"))
}

/// Runs cargo in the workspace, on the target directory that this program lies in, and returns what it wrote. Cargo's
/// lock keeps it from disturbing another that builds there.
async fn cargo(arguments: &[&str]) -> Result<String> {
    let program = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let home = localstack::home();
    let output = Command::new(program)
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .envs(home.parent().map(|target| ("CARGO_TARGET_DIR", target)))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("could not run cargo")?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        bail!("`cargo {}` failed ({}):\n{words}", arguments.join(" "), output.status);
    }
    Ok(String::from_utf8(output.stdout)?)
}
