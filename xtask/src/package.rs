//! `package`: the functions' zips and the list of them.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};
use base64::prelude::{BASE64_STANDARD, Engine};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::architecture::Architecture;
use crate::cargo::Workspace;
use crate::failure::Failure;
use crate::{archive, glibc};

/// The functions: each a binary of the crate of its name.
const FUNCTIONS: [&str; 2] = ["ingest", "relay"];

/// The list of what is packaged, beside the zips.
const LIST: &str = "packages.json";

/// Arguments of `package`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// For this machine, as the local emulator runs it, whatever glibc it needs.
    #[arg(long, conflicts_with = "arch")]
    host: bool,
    /// For Lambda on this processor; this machine's own unless given.
    #[arg(long, value_enum)]
    arch: Option<Architecture>,
}

/// What the functions are built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    /// This machine.
    Host,
    /// Lambda.
    Lambda(Architecture),
}

/// The packages of a platform.
#[derive(Debug)]
pub(crate) struct Made {
    /// Where the list and the zips are.
    pub(crate) directory: PathBuf,
    packages: Vec<Package>,
}

/// A function, packed.
#[derive(Debug)]
pub(crate) struct Package {
    entry: Entry,
    /// The binary in it.
    pub(crate) binary: PathBuf,
    /// The zip.
    pub(crate) zip: PathBuf,
}

/// A function in the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    name: String,
    /// The zip, relative to the list.
    file: PathBuf,
    /// As Lambda's `CodeSha256`: the zip's SHA-256 in base64.
    sha256: String,
    architecture: String,
    bytes: u64,
}

/// Packages every function and prints what was made.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let platform = match (arguments.host, arguments.arch.or_else(Architecture::of_host)) {
        (true, _) => Platform::Host,
        (false, Some(architecture)) => Platform::Lambda(architecture),
        (false, None) => {
            let message = format!("Lambda has no `{}` processors", std::env::consts::ARCH);
            return Err(Failure::new(message, "choose one with --arch").into());
        }
    };
    for Package { entry, zip, .. } in make(workspace, platform)?.packages {
        println!(
            "{:<10} {:<8} {:>9} bytes  sha256 {}",
            entry.name, entry.architecture, entry.bytes, entry.sha256
        );
        println!("{:<10} {}", "", zip.display());
    }
    Ok(())
}

/// Builds and packs every function.
pub(crate) fn make(workspace: &Workspace, platform: Platform) -> Result<Made> {
    let directory = workspace.target.join("headwater").join("packages").join(platform.name());
    fs::create_dir_all(&directory).with_context(|| format!("could not create {}", directory.display()))?;
    let list = directory.join(LIST);
    let listed = read_list(&list);
    let packages: Vec<Package> = FUNCTIONS
        .iter()
        .map(|name| {
            let binary =
                build(workspace, platform, name).with_context(|| format!("could not build `{name}`"))?;
            let known = listed.iter().find(|entry| entry.name == *name);
            pack(&directory, name, binary, platform, known)
                .with_context(|| format!("could not package `{name}`"))
        })
        .collect::<Result<_>>()?;
    let entries: Vec<&Entry> = packages.iter().map(|package| &package.entry).collect();
    if !entries.iter().copied().eq(listed.iter()) {
        write_at_once(&list, &serde_json::to_vec_pretty(&entries)?)?;
    }
    Ok(Made { directory, packages })
}

impl Made {
    /// The package of a function.
    pub(crate) fn find(self, name: &str) -> Result<Package> {
        let found = self.packages.into_iter().find(|package| package.entry.name == name);
        found.with_context(|| format!("there is no function `{name}`"))
    }
}

impl Platform {
    fn name(self) -> String {
        match self {
            Self::Host => "host".into(),
            Self::Lambda(architecture) => architecture.to_string(),
        }
    }

    fn architecture(self) -> String {
        match self {
            Self::Lambda(architecture) => architecture.to_string(),
            Self::Host => {
                Architecture::of_host().map_or(std::env::consts::ARCH.into(), |host| host.to_string())
            }
        }
    }
}

/// Builds a function's binary. For Lambda it needs no newer glibc than Lambda has.
fn build(workspace: &Workspace, platform: Platform, name: &str) -> Result<PathBuf> {
    let architecture = match platform {
        Platform::Host => return build_here(workspace, name),
        Platform::Lambda(architecture) if !architecture.is_native() => {
            return cross_build(workspace, architecture, name);
        }
        Platform::Lambda(architecture) => architecture,
    };
    let binary = build_here(workspace, name)?;
    match check_glibc(&binary) {
        // This machine's glibc is newer than Lambda's; cargo-lambda links against an older one.
        Err(_) if cargo_lambda_is_installed() => cross_build(workspace, architecture, name),
        checked => checked.map(|()| binary),
    }
}

fn build_here(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let arguments = ["build", "--profile", "lambda", "--package", name, "--bin", name];
    workspace.build(arguments, Some(rust_flags(workspace)))?.context("cargo built no binary")
}

fn cross_build(workspace: &Workspace, architecture: Architecture, name: &str) -> Result<PathBuf> {
    if !cargo_lambda_is_installed() {
        return Err(Failure::new(
            format!("building for Lambda on {architecture} on this machine needs cargo-lambda, which is not installed"),
            "install it with `cargo install cargo-lambda`, `pip install cargo-lambda` or `brew install cargo-lambda`; \
             or, where the machine is Linux, choose its own processor (--arch, `ingest.architecture` in headwater.toml)",
        )
        .into());
    }
    // Not in its own `target/lambda`, where cargo keeps what it builds with the profile of that name.
    let directory = workspace.target.join("headwater").join("cargo-lambda").join(architecture.to_string());
    let option = format!("--{architecture}");
    let arguments = ["lambda", "build", "--profile", "lambda", &option, "--package", name, "--bin", name];
    let arguments =
        arguments.map(OsStr::new).into_iter().chain([OsStr::new("--lambda-dir"), directory.as_os_str()]);
    workspace.build(arguments, Some(rust_flags(workspace)))?;
    let binary = directory.join(name).join("bootstrap");
    check_glibc(&binary)?;
    Ok(binary)
}

fn cargo_lambda_is_installed() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join("cargo-lambda").is_file())
}

/// Takes this machine's directories out of the binary: panics name source files, and identical sources are to make
/// identical binaries wherever they lie. A user's own flags are left out for the same reason.
fn rust_flags(workspace: &Workspace) -> OsString {
    let home = std::env::var_os("CARGO_HOME")
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo").into()));
    let renamed = [
        (home.unwrap_or_default(), "/cargo"),
        (workspace.root.clone().into(), "/headwater"),
        (workspace.target.clone().into(), "/target"),
    ];
    let mut flags = OsString::new();
    for (directory, name) in renamed.iter().filter(|(directory, _)| !directory.is_empty()) {
        // Flags are separated by this byte in CARGO_ENCODED_RUSTFLAGS. The last that matches a path wins.
        if !flags.is_empty() {
            flags.push("\x1f");
        }
        flags.push("--remap-path-prefix=");
        flags.push(directory);
        flags.push(format!("={name}"));
    }
    flags
}

fn check_glibc(binary: &Path) -> Result<()> {
    let content = fs::read(binary).with_context(|| format!("could not read {}", binary.display()))?;
    let newer = glibc::newer_than(glibc::Version::OF_LAMBDA, &content)?;
    if newer.is_empty() { Ok(()) } else { Err(too_new(newer.iter().map(String::as_str)).into()) }
}

fn too_new<'a>(symbols: impl Iterator<Item = &'a str>) -> Failure {
    let list: String = symbols.map(|symbol| format!("\n    {symbol}")).collect();
    Failure::new(
        format!("the binary needs a newer glibc than Lambda's {}{list}", glibc::Version::OF_LAMBDA),
        "install cargo-lambda, which links against an older glibc (`cargo install cargo-lambda`, \
         `pip install cargo-lambda` or `brew install cargo-lambda`), or build on a system with glibc 2.34 or older",
    )
}

/// Packs a binary, unless the zip that is there is younger than the binary and than this program.
fn pack(
    directory: &Path,
    name: &str,
    binary: PathBuf,
    platform: Platform,
    known: Option<&Entry>,
) -> Result<Package> {
    let file = PathBuf::from(format!("{name}.zip"));
    let zip = directory.join(&file);
    if let Some(entry) = known
        && is_younger(&zip, &[&binary, &std::env::current_exe()?])
    {
        return Ok(Package { entry: entry.clone(), binary, zip });
    }
    let content = fs::read(&binary).with_context(|| format!("could not read {}", binary.display()))?;
    let packed = archive::pack(&content)?;
    write_at_once(&zip, &packed)?;
    let entry = Entry {
        name: name.to_owned(),
        file,
        sha256: BASE64_STANDARD.encode(Sha256::digest(&packed)),
        architecture: platform.architecture(),
        bytes: packed.len() as u64,
    };
    Ok(Package { entry, binary, zip })
}

fn is_younger(file: &Path, than: &[&Path]) -> bool {
    let changed = |path: &Path| -> Option<SystemTime> { fs::metadata(path).ok()?.modified().ok() };
    let Some(time) = changed(file) else { return false };
    than.iter().all(|other| changed(other).is_some_and(|other| other < time))
}

/// The list as an earlier run left it; one that is missing or damaged lists nothing.
fn read_list(list: &Path) -> Vec<Entry> {
    fs::read(list).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// Puts a file in its place whole: a run beside this one reads the old or the new.
fn write_at_once(path: &Path, content: &[u8]) -> Result<()> {
    let beside = path.with_extension(format!("{}.part", std::process::id()));
    fs::write(&beside, content).with_context(|| format!("could not write {}", beside.display()))?;
    fs::rename(&beside, path).with_context(|| format!("could not write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_is_packed_once_and_again_when_it_changes() {
        let directory = tempfile::tempdir().unwrap();
        let binary = directory.path().join("ingest");
        fs::write(&binary, "one").unwrap();
        let pack = |known: Option<&Entry>| {
            pack(directory.path(), "ingest", binary.clone(), Platform::Lambda(Architecture::Arm64), known)
                .unwrap()
        };
        let first = pack(None);
        assert_eq!((first.entry.name.as_str(), first.entry.architecture.as_str()), ("ingest", "arm64"));
        let content = fs::read(&first.zip).unwrap();
        assert_eq!(first.entry.bytes, content.len() as u64);
        assert_eq!(BASE64_STANDARD.decode(&first.entry.sha256).unwrap(), Sha256::digest(&content)[..]);
        assert_eq!(pack(Some(&first.entry)).entry, first.entry);
        fs::write(&binary, "two").unwrap();
        fs::File::open(&binary).unwrap().set_modified(SystemTime::now()).unwrap();
        assert_ne!(pack(Some(&first.entry)).entry.sha256, first.entry.sha256);
    }

    #[test]
    fn a_damaged_list_is_made_anew() {
        let directory = tempfile::tempdir().unwrap();
        let list = directory.path().join(LIST);
        assert_eq!(read_list(&list), []);
        fs::write(&list, "[{").unwrap();
        assert_eq!(read_list(&list), []);
    }

    #[test]
    fn a_binary_for_a_newer_glibc_is_refused_with_its_symbols() {
        let failure = too_new(["pidfd_getpid@GLIBC_2.39", "pidfd_spawnp@GLIBC_2.39"].into_iter());
        insta::assert_snapshot!(crate::failure::in_words(&failure.into()));
    }
}
