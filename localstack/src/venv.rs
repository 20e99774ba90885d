//! The private virtual environment with MiniStack: made once for each Python and each version of the pins.
//!
//! It is made where it stays, because a virtual environment holds its own path, under a file lock, and is whole once
//! its marker is there. A run that is killed half-way leaves one without the marker; the next run makes it anew. Runs
//! beside each other wait for the lock, which the system takes back from a process that dies.

use std::ffi::OsStr;
use std::fmt::Write;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::process::Command;

use crate::error::{IoContext, last_lines};
use crate::python::Python;
use crate::{Error, Progress};

/// Every package by version and sha256.
const REQUIREMENTS: &str = include_str!("../requirements.txt");

/// Written last: the environment is whole.
const MARKER: &str = "complete";

/// A virtual environment that holds MiniStack.
#[derive(Debug)]
pub(crate) struct Venv {
    directory: PathBuf,
}

impl Venv {
    /// Finds the environment for this Python, or makes it.
    pub(crate) async fn ensure(home: &Path, python: &Python, progress: Progress<'_>) -> Result<Self, Error> {
        let name = name(python);
        let venv = Self { directory: home.join(&name) };
        if venv.is_whole() {
            return Ok(venv);
        }
        fs::create_dir_all(home).context("create", home)?;
        let _lock = lock(&home.join(format!("{name}.lock")), progress).await?;
        if !venv.is_whole() {
            progress("installing MiniStack from PyPI (first run only, about 10 s)");
            venv.make(python).await?;
        }
        Ok(venv)
    }

    /// The environment's Python.
    pub(crate) fn python(&self) -> PathBuf {
        self.directory.join("bin").join("python")
    }

    fn is_whole(&self) -> bool {
        self.directory.join(MARKER).is_file()
    }

    async fn make(&self, python: &Python) -> Result<(), Error> {
        if self.directory.exists() {
            fs::remove_dir_all(&self.directory).context("remove", &self.directory)?;
        }
        let made =
            run(&python.program, [OsStr::new("-m"), OsStr::new("venv"), self.directory.as_os_str()]).await?;
        if !made.status.success() {
            let (python, venv) = (python.program.clone(), self.directory.clone());
            return Err(Error::Venv { python, venv, output: output_lines(&made) });
        }
        let requirements = self.directory.join("requirements.txt");
        fs::write(&requirements, REQUIREMENTS).context("write", &requirements)?;
        let install = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-input",
            "--require-hashes",
            "--no-deps",
            "--requirement",
        ];
        let arguments = install.iter().map(OsStr::new).chain([requirements.as_os_str()]);
        let installed = run(&self.python(), arguments).await?;
        if !installed.status.success() {
            return Err(Error::Install { venv: self.directory.clone(), output: output_lines(&installed) });
        }
        let marker = self.directory.join(MARKER);
        fs::write(&marker, "").context("write", &marker)
    }
}

/// Another Python, or other pins, make another environment.
fn name(python: &Python) -> String {
    let digest = Sha256::new()
        .chain_update(REQUIREMENTS)
        .chain_update(&python.version)
        .chain_update(&python.prefix)
        .finalize();
    digest[..6].iter().fold(String::from("venv-"), |mut name, byte| {
        // Writing to a String does not fail.
        let _ = write!(name, "{byte:02x}");
        name
    })
}

/// Runs a Python with the user's own pip configuration (index, mirror, certificates, proxy), but for what would take
/// the packages elsewhere than into the environment.
async fn run(program: &Path, arguments: impl IntoIterator<Item = &OsStr>) -> Result<Output, Error> {
    Command::new(program)
        .args(arguments)
        .env_remove("PYTHONHOME")
        .env_remove("PYTHONPATH")
        .env_remove("PIP_TARGET")
        .env_remove("PIP_PREFIX")
        .env("PIP_USER", "0")
        .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("run", program)
}

fn output_lines(output: &Output) -> Vec<String> {
    let text = [output.stdout.as_slice(), b"\n", &output.stderr].concat();
    last_lines(&String::from_utf8_lossy(&text))
}

/// Takes the lock, waiting while another run holds it. It is let go when the file is dropped.
async fn lock(path: &Path, progress: Progress<'_>) -> Result<File, Error> {
    let file = File::options().create(true).append(true).open(path).context("open", path)?;
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {
                if !told {
                    progress("waiting for another run that installs MiniStack");
                    told = true;
                }
                // Asked for again and again, not waited for in a thread: so that dropping the future ends the wait.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(TryLockError::Error(source)) => {
                return Err(Error::Io { action: "lock", path: path.to_owned(), source });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn python(version: &str, prefix: &str) -> Python {
        Python { program: "python3".into(), version: version.into(), prefix: prefix.into() }
    }

    #[test]
    fn every_python_has_an_environment_of_its_own() {
        let one = name(&python("3.11.7", "/usr"));
        assert_eq!(one, name(&python("3.11.7", "/usr")));
        assert_ne!(one, name(&python("3.12.1", "/usr")));
        assert_ne!(one, name(&python("3.11.7", "/opt")));
    }

    #[test]
    fn every_requirement_is_pinned_by_version_and_hash() {
        let entries: Vec<String> = REQUIREMENTS.replace("\\\n", " ").lines().map(str::to_owned).collect();
        let packages: Vec<&String> = entries.iter().filter(|line| !line.starts_with('#')).collect();
        assert!(packages.iter().any(|line| line.starts_with("ministack==1.5.33 ")));
        assert!(packages.iter().any(|line| line.starts_with("cbor2==6.2.1 ")));
        for package in packages {
            assert!(package.contains("==") && package.contains("--hash=sha256:"), "{package}");
        }
    }
}
