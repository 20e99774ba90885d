//! `image`: the container images that stand in for the real ones, of EventStoreDB and of LocalStack, and the gateway's own.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::Subcommand;

use crate::cargo::Workspace;
use crate::failure::Failure;

const EVENTSTORE: &str = "headwater/eventstore:dev";
const GATEWAY: &str = "headwater/gateway:dev";
const BASE: &str = "headwater/base:trixie";
/// What is in the base: what both images need, so that building them asks no mirror of Debian's again.
const PACKAGES: &str = "ca-certificates,curl,python3,python3-venv,util-linux";
const MIRROR: &str = "http://deb.debian.org/debian";

/// Arguments of `image`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    image: Option<Image>,
}

/// An image.
#[derive(Debug, Subcommand)]
enum Image {
    /// headwater/eventstore:dev, EventStoreDB's stand-in. The default.
    Eventstore {
        #[command(flatten)]
        on: On,
        /// The program `eventstore-embedded` for Linux, built elsewhere.
        #[arg(long, value_name = "FILE")]
        binary: Option<PathBuf>,
    },
    /// headwater/ministack, which answers as LocalStack does and runs ECS tasks as containers.
    Ministack {
        #[command(flatten)]
        on: On,
    },
    /// headwater/gateway:dev, the gateway: what its task runs, here and, pushed to a registry, on AWS.
    Gateway {
        #[command(flatten)]
        on: On,
        /// The program `gateway` for Linux, built elsewhere.
        #[arg(long, value_name = "FILE")]
        binary: Option<PathBuf>,
        /// The image's name, as of a repository to push it to.
        #[arg(long, value_name = "NAME:TAG", default_value = GATEWAY)]
        tag: String,
    },
    /// headwater/base:trixie, made of Debian's packages where no registry can be reached: for --base.
    Base,
}

/// What an image is built on.
#[derive(Debug, Default, clap::Args)]
struct On {
    /// An image of Debian 13 that takes the place of debian:trixie-slim.
    #[arg(long, value_name = "IMAGE")]
    base: Option<String>,
}

/// Builds an image and prints its name. What did not change since the last build is taken from Docker's cache.
pub(crate) fn run(workspace: &Workspace, arguments: Arguments) -> Result<()> {
    docker_answers()?;
    let name = match arguments.image.unwrap_or(Image::Eventstore { on: On::default(), binary: None }) {
        Image::Eventstore { on, binary } => eventstore(workspace, &on, binary)?,
        Image::Ministack { on } => ministack(workspace, &on)?,
        Image::Gateway { on, binary, tag } => gateway(workspace, &on, binary, tag)?,
        Image::Base => base(workspace)?,
    };
    println!("{name}");
    Ok(())
}

fn eventstore(workspace: &Workspace, on: &On, binary: Option<PathBuf>) -> Result<String> {
    // For the whole workspace, as `headwater` is built: what both are made of is then the same.
    let binary = program(workspace, "eventstore-embedded", binary, &["--workspace"])?;
    let context = BuildContext::new(workspace, "eventstore")?;
    context.add(&binary, "eventstore-embedded")?;
    context.build(on, EVENTSTORE.to_owned())
}

fn gateway(workspace: &Workspace, on: &On, binary: Option<PathBuf>, tag: String) -> Result<String> {
    // It goes to AWS, so it is built as for users, of nothing but what it needs.
    let binary = program(workspace, "gateway", binary, &["--release", "--package", "gateway"])?;
    let context = BuildContext::new(workspace, "gateway")?;
    context.add(&binary, "gateway")?;
    context.build(on, tag)
}

/// The program for the image: the one that was named, or one that is built here.
fn program(
    workspace: &Workspace,
    name: &'static str,
    binary: Option<PathBuf>,
    options: &[&str],
) -> Result<PathBuf> {
    match binary {
        Some(binary) => Ok(binary),
        None if !cfg!(target_os = "linux") => Err(Failure::new(
            format!("the image needs `{name}` for Linux, and this machine is not one"),
            format!(
                "build the image on Linux; or build the program for the Linux that Docker runs, with `cargo zigbuild --package \
                 {name} --target aarch64-unknown-linux-gnu` (or x86_64-unknown-linux-gnu), and name it with --binary"
            ),
        )
        .into()),
        None => workspace
            .build(["build"].iter().chain(options).chain(&["--bin", name]).copied(), None)
            .and_then(|binary| binary.context("cargo built no binary"))
            .with_context(|| format!("could not build `{name}`")),
    }
}

fn ministack(workspace: &Workspace, on: &On) -> Result<String> {
    let context = BuildContext::new(workspace, "ministack")?;
    let requirements = context.sources.join("requirements.txt");
    context.add(&requirements, "requirements.txt")?;
    context.add(&context.sources.join("requirements-docker.txt"), "requirements-docker.txt")?;
    let authorities = context.directory.join("authorities");
    fs::create_dir_all(&authorities)
        .with_context(|| format!("could not create {}", authorities.display()))?;
    // As pip finds them on this machine.
    let trusted = ["PIP_CERT", "SSL_CERT_FILE"].iter().find_map(std::env::var_os);
    if let Some(trusted) = trusted {
        context.add(Path::new(&trusted), "authorities/ca.crt")?;
    }
    let list = fs::read_to_string(&requirements)
        .with_context(|| format!("could not read {}", requirements.display()))?;
    let version = version("ministack", &list)
        .with_context(|| format!("{} has no line `ministack==…`", requirements.display()))?;
    context.build(on, format!("headwater/ministack:{version}"))
}

/// The version that a list of pip's has for a package.
fn version<'a>(package: &str, requirements: &'a str) -> Option<&'a str> {
    let rest = requirements.lines().find_map(|line| line.strip_prefix(package)?.strip_prefix("=="))?;
    rest.split_whitespace().next()
}

fn base(workspace: &Workspace) -> Result<String> {
    let directory = directory(workspace, "base")?;
    let archive = directory.join("trixie.tar");
    let include = format!("--include={PACKAGES}");
    let arguments = ["--quiet", "--variant=minbase", &include, "trixie"].map(OsStr::new);
    let made = Command::new("mmdebstrap").args(arguments).arg(&archive).arg(MIRROR).status();
    match made {
        Ok(status) if status.success() => {}
        Ok(status) => bail!("mmdebstrap could not make a Debian out of packages of {MIRROR} ({status})"),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Failure::new(
                "there is no `mmdebstrap`, which makes a Debian out of packages",
                "install it (`apt-get install mmdebstrap`), or build on debian:trixie-slim from a registry: no --base",
            )
            .into());
        }
        Err(error) => return Err(error).context("could not run mmdebstrap"),
    }
    docker(
        ["import", "--change", r#"CMD ["/bin/sh"]"#]
            .map(OsStr::new)
            .into_iter()
            .chain([archive.as_os_str(), BASE.as_ref()]),
    )?;
    fs::remove_file(&archive).with_context(|| format!("could not remove {}", archive.display()))?;
    Ok(BASE.to_owned())
}

/// A directory of an image's own under `target`.
fn directory(workspace: &Workspace, image: &str) -> Result<PathBuf> {
    let directory = workspace.target.join("headwater").join("images").join(image);
    fs::create_dir_all(&directory).with_context(|| format!("could not create {}", directory.display()))?;
    Ok(directory)
}

/// All that Docker is given to build an image of.
struct BuildContext {
    directory: PathBuf,
    /// Where its Dockerfile is.
    sources: PathBuf,
    dockerfile: PathBuf,
}

impl BuildContext {
    fn new(workspace: &Workspace, image: &str) -> Result<Self> {
        let sources = workspace.root.join("localstack");
        let directory = directory(workspace, image)?;
        fs::remove_dir_all(&directory)
            .and_then(|()| fs::create_dir(&directory))
            .with_context(|| format!("could not empty {}", directory.display()))?;
        Ok(Self { directory, dockerfile: sources.join(format!("{image}.Dockerfile")), sources })
    }

    /// Copies a file, with its permissions.
    fn add(&self, file: &Path, name: &str) -> Result<()> {
        let copied = fs::copy(file, self.directory.join(name));
        copied.map(drop).with_context(|| format!("could not copy {}", file.display()))
    }

    fn build(&self, on: &On, tag: String) -> Result<String> {
        let base = on.base.as_ref().map(|base| format!("BASE={base}"));
        let base = base.iter().flat_map(|base| ["--build-arg".as_ref(), OsStr::new(base)]);
        let rest = ["--tag".as_ref(), OsStr::new(&tag), "--file".as_ref(), self.dockerfile.as_os_str()];
        docker([OsStr::new("build")].into_iter().chain(base).chain(rest).chain([self.directory.as_os_str()]))
            .with_context(|| format!("could not build {tag}"))?;
        Ok(tag)
    }
}

/// Runs Docker's command. Its words go to standard error, which is where people look for progress.
fn docker<'a>(arguments: impl IntoIterator<Item = &'a OsStr>) -> Result<()> {
    let mut child = Command::new("docker");
    child.args(arguments).stdin(Stdio::null()).stdout(std::io::stderr());
    let status = child.status().context("could not run docker")?;
    if !status.success() {
        bail!("docker failed ({status})");
    }
    Ok(())
}

fn docker_answers() -> Result<(), Failure> {
    let help = "images are built by Docker: install it (https://docs.docker.com/engine/install/) and start it, or set \
                DOCKER_HOST to where it listens; the embedded backend needs none";
    let failure = |message: String| Failure::new(message, help);
    match Command::new("docker").args(["version", "--format", "{{.Server.Version}}"]).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(failure(does_not_answer(&String::from_utf8_lossy(&output.stderr)))),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(failure("there is no `docker` on the PATH".into()))
        }
        Err(error) => Err(failure(format!("could not run docker: {error}"))),
    }
}

fn does_not_answer(words: &str) -> String {
    let why = words.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it gave no reason");
    format!("Docker does not answer: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATEWAY_DOCKERFILE: &str = include_str!("../../localstack/gateway.Dockerfile");
    const GATEWAY_STACK: &str = include_str!("../../crates/blueprint/src/gateway.rs");
    const EVENTSTORE_DOCKERFILE: &str = include_str!("../../localstack/eventstore.Dockerfile");
    const REQUIREMENTS: &str = include_str!("../../localstack/requirements.txt");
    const LINES: &str = include_str!("../../crates/blueprint/src/eventstore/release.rs");

    #[test]
    fn the_stand_in_has_the_server_the_directories_and_the_users_of_every_line() {
        let value = |line: &'static str| {
            let (name, value) = line.trim().split_once(": ")?;
            ["server", "data", "logs", "user"].contains(&name).then_some(value.trim_matches([',', '"']))
        };
        let wanted: Vec<_> =
            LINES.lines().filter_map(value).filter(|value| !value.starts_with('&')).collect();
        assert!(wanted.len() > 6, "{wanted:?}");
        let missing: Vec<_> =
            wanted.iter().filter(|wanted| !EVENTSTORE_DOCKERFILE.contains(**wanted)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    /// Fargate gives a task's volume to whom the image gives it, if the image names the very same path.
    #[test]
    fn the_gateways_image_has_the_user_and_the_volume_of_its_task() {
        let constant = |name: &str| {
            let line = GATEWAY_STACK.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.split('"').nth(1)).expect("the stack says it")
        };
        let (user, spool) = (constant("const USER"), constant("const SPOOL"));
        assert!(GATEWAY_DOCKERFILE.contains(&format!("USER {user}\n")));
        assert!(GATEWAY_DOCKERFILE.contains(&format!("VOLUME [\"{spool}\"]\n")));
        let (owner, group) = user.split_once(':').expect("user and group");
        let made = format!("--owner {owner} --group {group} --mode 0700 {spool}");
        assert!(GATEWAY_DOCKERFILE.contains(&made), "{made}");
    }

    #[test]
    fn ministacks_image_is_tagged_with_the_version_that_the_embedded_backend_installs() {
        assert_eq!(version("b", "ab==0\nb==1.2.3 \\\n    --hash=sha256:0\n"), Some("1.2.3"));
        assert!(version("ministack", REQUIREMENTS).is_some());
        assert_eq!(version("mini", REQUIREMENTS), None);
    }

    #[test]
    fn why_docker_does_not_answer_is_the_last_that_it_says() {
        let words =
            "Client:\n\nCannot connect to the Docker daemon at unix:///x. Is the docker daemon running?\n\n";
        assert_eq!(
            does_not_answer(words),
            "Docker does not answer: Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?"
        );
        assert_eq!(does_not_answer(""), "Docker does not answer: it gave no reason");
    }
}
