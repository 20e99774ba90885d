//! Programs from PyPI, pinned by hash, in a private virtual environment under `target/`.

use std::fs::{self, File};
use std::path::PathBuf;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use xshell::{Shell, cmd};

use crate::cargo::Workspace;
use crate::failure::Failure;

/// Written last: the environment is whole.
const MARKER: &str = "complete";

/// The directory with the programs of `requirements`, the path of a file in the workspace. They are installed where they
/// are not yet; other pins make another environment. Runs beside each other wait for one another.
pub(crate) fn programs(workspace: &Workspace, name: &str, requirements: &str) -> Result<PathBuf> {
    let requirements = workspace.root.join(requirements);
    let pins =
        fs::read(&requirements).with_context(|| format!("could not read {}", requirements.display()))?;
    let hash: String = Sha256::digest(&pins).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let home = workspace.target.join("headwater");
    let venv = home.join(format!("{name}-{hash}"));
    fs::create_dir_all(&home).with_context(|| format!("could not create {}", home.display()))?;
    let lock = home.join(format!("{name}.lock"));
    let lock = File::create(&lock).with_context(|| format!("could not open {}", lock.display()))?;
    lock.lock().context("could not wait for another run that installs the same")?;
    let bin = venv.join("bin");
    if !venv.join(MARKER).is_file() {
        eprintln!("installing {name} from PyPI into {}", venv.display());
        install(&venv, &requirements).map_err(|error| {
            let help = "install Python 3.10 or newer with its module venv (on Debian and Ubuntu python3-venv), and look \
                        whether pip reaches PyPI or the mirror in PIP_INDEX_URL";
            Failure::new(format!("could not install {name}: {error:#}"), help)
        })?;
    }
    Ok(bin)
}

fn install(venv: &PathBuf, requirements: &PathBuf) -> Result<()> {
    let shell = Shell::new().context("could not find the current directory")?;
    let python = venv.join("bin").join("python");
    cmd!(shell, "python3 -m venv --clear {venv}").quiet().run()?;
    // Straight into the environment, whatever a user's own configuration says of the place.
    let options = ["--quiet", "--no-input", "--disable-pip-version-check", "--require-hashes", "--no-deps"];
    cmd!(shell, "{python} -m pip install {options...} --requirement {requirements}")
        .env_remove("PIP_TARGET")
        .env_remove("PIP_PREFIX")
        .env("PIP_USER", "0")
        .quiet()
        .run()?;
    let marker = venv.join(MARKER);
    fs::write(&marker, "").with_context(|| format!("could not write {}", marker.display()))
}
