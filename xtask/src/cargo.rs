//! The workspace as cargo describes it, and building one of its binaries.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// The workspace that this task runner was started in.
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
    #[serde(rename = "target_directory")]
    pub(crate) target: PathBuf,
    /// Its members.
    pub(crate) packages: Vec<Package>,
}

/// A member of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) targets: Vec<Target>,
}

/// A crate that a member names in its manifest, for whatever purpose.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Set for a crate of the workspace.
    pub(crate) path: Option<PathBuf>,
}

/// Something that cargo builds.
#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) kind: Vec<String>,
}

/// What cargo says of what it built, a line of JSON each.
#[derive(Deserialize)]
struct Artifact {
    executable: Option<PathBuf>,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn load() -> Result<Self> {
        // As `cargo run` sets it: the place of the sources now, wherever this program was compiled.
        let xtask = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let output = Command::new(program())
            .args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"])
            .arg(Path::new(&xtask).join("Cargo.toml"))
            .stderr(Stdio::inherit())
            .output()
            .context("could not run cargo")?;
        if !output.status.success() {
            bail!("`cargo metadata` failed ({})", output.status);
        }
        serde_json::from_slice(&output.stdout).context("`cargo metadata` answered something else")
    }

    /// Runs a build command of cargo's and returns the binary that cargo says it made. Its words are shown, but for
    /// those of a build that had nothing to do.
    pub(crate) fn build<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
        rust_flags: Option<OsString>,
    ) -> Result<Option<PathBuf>> {
        let mut command = Command::new(program());
        command
            .args(arguments)
            .arg("--message-format=json-render-diagnostics")
            .current_dir(&self.root)
            .envs(rust_flags.map(|flags| ("CARGO_ENCODED_RUSTFLAGS", flags)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if io::stderr().is_terminal() {
            command.envs([
                ("CARGO_TERM_COLOR", "always"),
                ("CARGO_TERM_PROGRESS_WHEN", "always"),
                ("CARGO_TERM_PROGRESS_WIDTH", "100"),
            ]);
        }
        let mut child = command.spawn().context("could not run cargo")?;
        let words = child.stderr.take().map(|stderr| std::thread::spawn(move || forward(stderr)));
        let mut executable = None;
        if let Some(stdout) = child.stdout.take() {
            for line in BufReader::new(stdout).lines() {
                let artifact = serde_json::from_str(&line.context("cargo broke off")?).ok();
                executable = artifact.and_then(|artifact: Artifact| artifact.executable).or(executable);
            }
        }
        let status = child.wait().context("could not wait for cargo")?;
        // Cargo's words have been shown or its pipe is broken: either way the build's outcome is what counts.
        let _ = words.map(std::thread::JoinHandle::join);
        if !status.success() {
            bail!("the build failed ({status})");
        }
        Ok(executable)
    }
}

/// The cargo that started this program.
pub(crate) fn program() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Shows what cargo writes, unless all that it writes is that it is finished.
fn forward(mut cargo: ChildStderr) -> io::Result<()> {
    let mut stderr = io::stderr();
    let mut first = Vec::new();
    let mut byte = [0];
    while !first.ends_with(b"\n") && !first.ends_with(b"\r") && cargo.read(&mut byte)? > 0 {
        first.push(byte[0]);
    }
    if !is_finished(&first) {
        stderr.write_all(&first)?;
    }
    io::copy(&mut cargo, &mut stderr)?;
    stderr.flush()
}

/// Whether a line says that nothing is left to do, in colour or not.
fn is_finished(line: &[u8]) -> bool {
    let text = String::from_utf8_lossy(line);
    let plain = text.trim_start_matches(|letter: char| !letter.is_ascii_uppercase());
    plain.starts_with("Finished")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_build_without_work_is_silent() {
        assert!(is_finished(b"    Finished `dev` profile [unoptimized] target(s) in 0.21s\n"));
        assert!(is_finished(b"\x1b[1m\x1b[92m    Finished\x1b[0m `lambda` profile\n"));
        assert!(!is_finished(b"   Compiling ingest v0.1.0\n"));
        assert!(!is_finished(b"    Blocking waiting for file lock on build directory\n"));
        assert!(!is_finished(b""));
    }

    #[test]
    fn this_workspace_is_described() {
        let workspace = Workspace::load().unwrap();
        assert!(workspace.packages.iter().any(|package| package.name == "xtask"));
        assert!(workspace.root.join("Cargo.lock").is_file());
    }
}
