//! What can keep an emulator from running, and what to do about each.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why there is no emulator. `Display` says what happened, [`Error::help`] what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No Python on `PATH` is new enough.
    #[error("no Python 3.10 or newer on PATH{}", indented(.tried))]
    NoPython {
        /// What was found, a line a program.
        tried: Vec<String>,
    },
    /// The Python that was asked for cannot be used.
    #[error("{} cannot be used as Python: {reason}", path.display())]
    Python {
        /// The program.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The virtual environment could not be made.
    #[error("{} could not make a virtual environment in {}{}", python.display(), venv.display(), indented(.output))]
    Venv {
        /// The program that was asked to.
        python: PathBuf,
        /// The environment's directory.
        venv: PathBuf,
        /// The last lines that it wrote.
        output: Vec<String>,
    },
    /// The pinned packages could not be installed.
    #[error("pip could not install MiniStack in {}{}", venv.display(), indented(.output))]
    Install {
        /// The environment's directory.
        venv: PathBuf,
        /// The last lines that pip wrote.
        output: Vec<String>,
    },
    /// The port that was asked for cannot be listened on.
    #[error("port {port} of 127.0.0.1 cannot be used")]
    Port {
        /// The port.
        port: u16,
        /// Why not.
        source: io::Error,
    },
    /// The emulator, or a container beside it, ended by itself.
    #[error("{what} ended by itself ({status}){log}")]
    Died {
        /// Its name, an image's for a container.
        what: String,
        /// Its exit code or the signal that ended it.
        status: String,
        /// Its log.
        log: LogTail,
    },
    /// The emulator, or a container beside it, runs but does not answer as it should.
    #[error("{what} did not answer within {} s of its start{log}", within.as_secs_f32())]
    NotReady {
        /// Its name, an image's for a container.
        what: String,
        /// How long it was waited for.
        within: Duration,
        /// Its log.
        log: LogTail,
    },
    /// No port is free on this machine.
    #[error("no port of 127.0.0.1 is free")]
    NoPort {
        /// Why not.
        source: io::Error,
    },
    /// Docker cannot be talked to.
    #[error("Docker does not answer at {}", socket.display())]
    NoDocker {
        /// Its socket.
        socket: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Docker is said to be on another machine, whose ports are not this one's.
    #[error("DOCKER_HOST is `{host}`, which is no socket on this machine")]
    DockerHost {
        /// What it says.
        host: String,
    },
    /// An image is not there and cannot be pulled.
    #[error("the image {image} cannot be had: {reason}")]
    Image {
        /// The image.
        image: String,
        /// What Docker or the registry says.
        reason: String,
    },
    /// Docker does not start a container of the image.
    #[error("the image {image} does not start: {reason}")]
    Start {
        /// The image.
        image: String,
        /// What Docker says.
        reason: String,
    },
    /// LocalStack ended because of its auth token.
    #[error("{image} {}{log}", if *given { "does not take its auth token" } else { "does not run without an auth token" })]
    Token {
        /// The image.
        image: String,
        /// Whether it was given one.
        given: bool,
        /// Its log.
        log: LogTail,
    },
    /// Docker refused something.
    #[error("could not {action} Docker")]
    Docker {
        /// What was asked.
        action: &'static str,
        /// What it says.
        source: Box<testcontainers::bollard::errors::Error>,
    },
    /// Local AWS was stopped before.
    #[error("local AWS has been stopped")]
    Stopped,
    /// Containers join a network as fast as they are removed, or one that is not ours holds a volume of it.
    #[error(
        "something starts containers on the network {network}, or holds its volumes, while they are removed"
    )]
    Left {
        /// The network.
        network: String,
    },
    /// The endpoint is not on this machine.
    #[error("`{url}` is no endpoint for a local run: {reason}")]
    NotLoopback {
        /// The endpoint's URL.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Nothing listens at the endpoint.
    #[error("nothing answers at {url}")]
    NothingAnswers {
        /// The endpoint's URL.
        url: String,
        /// What the connection ended with.
        source: io::Error,
    },
    /// The machine's processes could not be listed.
    #[error("could not list processes with `ps`")]
    Processes {
        /// Why not.
        source: io::Error,
    },
    /// A function's process could not be ended.
    #[error("could not end process {id}")]
    Kill {
        /// The process id.
        id: u32,
        /// Why not.
        source: io::Error,
    },
    /// A file or program of the harness's own could not be used.
    #[error("could not {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl Error {
    /// What to do about it, in words for a person; none where the cause says it all.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        let help = match self {
            Self::NoPython { .. } => {
                "install Python 3.10 or newer (Debian, Ubuntu: `apt install python3 python3-venv`; macOS: \
                 `brew install python3`), or name one that is not on PATH in HEADWATER_PYTHON"
                    .into()
            }
            Self::Python { .. } => {
                "set HEADWATER_PYTHON to a Python 3.10 or newer, or unset it to use the first on PATH".into()
            }
            Self::Venv { .. } => {
                "this Python needs its venv and ensurepip modules (Debian, Ubuntu: `apt install python3-venv`)".into()
            }
            Self::Install { .. } => {
                "the first run downloads MiniStack from PyPI (about 20 MB): check the network, or name a mirror in \
                 PIP_INDEX_URL or a directory of wheels in PIP_FIND_LINKS (with PIP_NO_INDEX=1); what is downloaded \
                 must have the hashes in localstack/requirements.txt"
                    .into()
            }
            Self::Port { port, .. } => {
                format!("leave the port out to get a free one, or end what uses it (`lsof -i :{port}` names it)")
            }
            Self::Died { log, .. } | Self::NotReady { log, .. } => {
                format!("its whole log is {}; start again, it keeps no state", log.path.display())
            }
            Self::NotLoopback { .. } => {
                "a local run takes an http:// or https:// URL of 127.0.0.1, [::1] or localhost only; for AWS choose an \
                 environment that names its account, as in `--env dev`"
                    .into()
            }
            Self::NothingAnswers { .. } => {
                "start the emulator there first, or leave the endpoint out to have one started".into()
            }
            Self::Processes { .. } => "install ps (Debian, Ubuntu: `apt install procps`)".into(),
            Self::NoDocker { source, .. } => format!(
                "{}, or use the backend `embedded`, which needs no Docker",
                match source.kind() {
                    io::ErrorKind::PermissionDenied => {
                        "this user may not use Docker: join its group (`sudo usermod -aG docker $USER`, then log in anew)"
                    }
                    io::ErrorKind::NotFound => {
                        "install Docker (https://docs.docker.com/engine/install/) or start it (`sudo systemctl start docker`; \
                         on macOS Docker Desktop), name its socket in DOCKER_HOST as unix:///path if it lies elsewhere, as a \
                         rootless Docker's does (`docker context inspect` names it)"
                    }
                    _ => "start Docker (`sudo systemctl start docker`; on macOS Docker Desktop)",
                }
            ),
            Self::DockerHost { .. } => {
                "name a socket (DOCKER_HOST=unix:///var/run/docker.sock) or unset it: the containers' ports must be this \
                 machine's; the backend `embedded` needs no Docker"
                    .into()
            }
            Self::Image { .. } => {
                "check the name and the network; HEADWATER_LOCALSTACK_IMAGE and HEADWATER_EVENTSTORE_IMAGE take a mirror's \
                 image, and `cargo xtask image` builds EventStoreDB's stand-in"
                    .into()
            }
            Self::Start { .. } => {
                "the reason is Docker's own; `docker run --rm -it IMAGE` shows more, and HEADWATER_LOCALSTACK_IMAGE and \
                 HEADWATER_EVENTSTORE_IMAGE take another image"
                    .into()
            }
            Self::Token { given: false, .. } => {
                "set LOCALSTACK_AUTH_TOKEN (https://app.localstack.cloud/settings/auth-tokens), or unset \
                 HEADWATER_LOCALSTACK_IMAGE: localstack/localstack:4.14.0 needs none"
                    .into()
            }
            Self::Token { given: true, .. } => {
                "check LOCALSTACK_AUTH_TOKEN (https://app.localstack.cloud/settings/auth-tokens), or unset it: \
                 localstack/localstack:4.14.0 needs none"
                    .into()
            }
            Self::Left { network } => {
                format!("`docker ps --filter network={network}` shows them; the next run removes them too")
            }
            Self::Docker { .. } | Self::Stopped | Self::NoPort { .. } | Self::Kill { .. } | Self::Io { .. } => {
                return None;
            }
        };
        Some(help)
    }
}

/// Lines below a message, set off from it.
fn indented(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n    {line}")).collect()
}

/// The last lines of what a program wrote, for people.
pub(crate) fn last_lines(text: &str) -> Vec<String> {
    const LINES: usize = 15;
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].iter().map(|line| cut(line)).collect()
}

/// The begin of a long line: a function's metrics and a stack's trace may have thousands of characters.
fn cut(line: &str) -> String {
    const CHARACTERS: usize = 300;
    match line.char_indices().nth(CHARACTERS) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line.to_owned(),
    }
}

/// A log and its last lines at the time it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogTail {
    path: PathBuf,
    lines: Vec<String>,
}

impl LogTail {
    /// Reads the end of a log. One that cannot be read has no lines: the error that it is part of matters more.
    pub(crate) fn read(path: &Path) -> Self {
        Self { path: path.to_owned(), lines: last_lines(&end_of(path).unwrap_or_default()) }
    }

    /// Whether its last lines have this text.
    pub(crate) fn says(&self, text: &str) -> bool {
        self.lines.iter().any(|line| line.contains(text))
    }
}

fn end_of(path: &Path) -> io::Result<String> {
    const BYTES: u64 = 16 * 1024;
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(BYTES)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

impl fmt::Display for LogTail {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lines.is_empty() {
            return formatter.write_str("; its log is empty");
        }
        write!(formatter, "; the end of its log:{}", indented(&self.lines))
    }
}

/// Names what an I/O error happened to.
pub(crate) trait IoContext<T> {
    fn context(self, action: &'static str, path: &Path) -> Result<T, Error>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn context(self, action: &'static str, path: &Path) -> Result<T, Error> {
        self.map_err(|source| Error::Io { action, path: path.to_owned(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_lines_of_a_long_log_are_shown() {
        let text: String = (0..100).map(|line| format!("line {line}\n\n")).collect();
        let shown = last_lines(&text);
        assert_eq!((shown.len(), shown[0].as_str(), shown[14].as_str()), (15, "line 85", "line 99"));
    }

    #[test]
    fn a_long_line_of_a_log_is_cut_between_characters() {
        assert_eq!(last_lines(&"ä".repeat(300)), ["ä".repeat(300)]);
        assert_eq!(last_lines(&"ä".repeat(301)), [format!("{} …", "ä".repeat(300))]);
    }
}
