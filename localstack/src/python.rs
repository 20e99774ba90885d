//! Finding a Python that is new enough.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::Error;
use crate::error::last_lines;

/// MiniStack's own minimum.
const OLDEST: (u32, u32) = (3, 10);

/// The names that are looked for on `PATH`, in this order.
const NAMES: [&str; 6] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"];

/// Prints the version and where the installation lies, also when asked through a shim or within another environment.
const PROBE: &str = "import sys; print('%d.%d.%d' % sys.version_info[:3]); print(sys.base_prefix)";

/// A Python that MiniStack can run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Python {
    pub(crate) program: PathBuf,
    /// As in `3.12.1`.
    pub(crate) version: String,
    /// The directory of its installation.
    pub(crate) prefix: String,
}

/// The Python at `chosen`, else the first in the directories of `path` that is new enough.
pub(crate) async fn find(chosen: Option<&Path>, path: Option<&OsStr>) -> Result<Python, Error> {
    if let Some(program) = chosen {
        return probe(program).await.map_err(|reason| Error::Python { path: program.to_owned(), reason });
    }
    let directories: Vec<PathBuf> =
        path.map(|path| std::env::split_paths(path).collect()).unwrap_or_default();
    let mut tried = Vec::new();
    for name in NAMES {
        for program in
            directories.iter().map(|directory| directory.join(name)).filter(|program| program.is_file())
        {
            match probe(&program).await {
                Ok(python) => return Ok(python),
                Err(reason) => tried.push(format!("{}: {reason}", program.display())),
            }
        }
    }
    Err(Error::NoPython { tried })
}

/// Asks a program what it is; the reason where it will not do.
async fn probe(program: &Path) -> Result<Python, String> {
    let output = Command::new(program)
        .args(["-I", "-c", PROBE])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| format!("it does not run ({error})"))?;
    if !output.status.success() {
        let last = last_lines(&String::from_utf8_lossy(&output.stderr)).pop().unwrap_or_default();
        return Err(format!("it does not run ({}) {last}", output.status).trim_end().to_owned());
    }
    let answer = String::from_utf8_lossy(&output.stdout);
    let mut lines = answer.lines().map(str::trim);
    let (version, prefix) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    match minor_version(version) {
        Some(found) if found >= OLDEST => {
            Ok(Python { program: program.to_owned(), version: version.to_owned(), prefix: prefix.to_owned() })
        }
        Some(_) => Err(format!("it is Python {version}")),
        None => Err("it does not say which version it is".to_owned()),
    }
}

fn minor_version(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A shell writes it: what this process has open to write, a child that another test just starts has open too, and Linux
    /// runs no file that anybody writes to.
    fn fake(directory: &Path, name: &str, script: &str) {
        let write = r#"printf '#!/bin/sh\n%s\n' "$1" >"$0" && chmod 755 "$0""#;
        let mut shell = std::process::Command::new("sh");
        let status = shell.args(["-c", write]).arg(directory.join(name)).arg(script).status();
        assert!(status.unwrap().success());
    }

    fn message(error: &Error, directory: &Path) -> String {
        let help = error.help().unwrap_or_default();
        format!("{error}\nhelp: {help}").replace(&directory.display().to_string(), "<bin>")
    }

    #[tokio::test]
    async fn the_first_python_that_is_new_enough_is_taken() {
        let bin = tempfile::tempdir().unwrap();
        fake(bin.path(), "python3", "printf '3.9.18\\n/usr\\n'");
        fake(bin.path(), "python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127");
        fake(bin.path(), "python3.11", "printf '3.11.7\\n/opt/python\\n'");
        let found = find(None, Some(bin.path().as_os_str())).await.unwrap();
        assert_eq!((found.version.as_str(), found.prefix.as_str()), ("3.11.7", "/opt/python"));
        assert_eq!(found.program, bin.path().join("python3.11"));
    }

    #[tokio::test]
    async fn pythons_that_are_too_old_or_broken_are_named() {
        let bin = tempfile::tempdir().unwrap();
        fake(bin.path(), "python3", "printf '3.9.18\\n/usr\\n'");
        fake(bin.path(), "python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127");
        fake(bin.path(), "python3.12", "echo hello");
        let error = find(None, Some(bin.path().as_os_str())).await.unwrap_err();
        insta::assert_snapshot!(message(&error, bin.path()));
    }

    #[tokio::test]
    async fn a_machine_without_python_is_told_how_to_get_it() {
        let bin = tempfile::tempdir().unwrap();
        let error = find(None, Some(bin.path().as_os_str())).await.unwrap_err();
        insta::assert_snapshot!(message(&error, bin.path()));
    }

    #[tokio::test]
    async fn a_python_that_was_named_and_is_too_old_is_not_replaced_by_another() {
        let bin = tempfile::tempdir().unwrap();
        fake(bin.path(), "old", "printf '3.8.1\\n/usr\\n'");
        fake(bin.path(), "python3", "printf '3.12.1\\n/usr\\n'");
        let error = find(Some(&bin.path().join("old")), Some(bin.path().as_os_str())).await.unwrap_err();
        insta::assert_snapshot!(message(&error, bin.path()));
        let error = find(Some(&bin.path().join("none")), None).await.unwrap_err();
        insta::assert_snapshot!(message(&error, bin.path()));
    }
}
