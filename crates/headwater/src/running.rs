//! Where the local AWS that `up` started answers, so that the other commands find it without being told.
//!
//! The file holds two addresses, AWS's and EventStoreDB's, and what that local AWS lacks, and nothing else. It is believed
//! only while something listens there.

use std::{fs, io, path::PathBuf, time::Duration};

use localstack::LoopbackUrl;
use serde::{Deserialize, Serialize};
use tokio::{net::TcpStream, time::timeout};

use crate::capabilities::Lacking;

/// There is no local AWS to talk to.
#[derive(Debug, thiserror::Error)]
#[error(
    "no local AWS is running; start it with `cargo xtask up` in another terminal, or name an environment (`--env`) or \
     an endpoint (`--endpoint-url`)"
)]
pub struct NotRunning;

/// What runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The endpoint of local AWS.
    pub endpoint: String,
    /// Where EventStoreDB is: `host:port`, as the functions reach it.
    pub eventstore: String,
    /// The image that its EventStoreDB was given in place of the release's own.
    pub eventstore_image: Option<String>,
    /// What it lacks.
    pub lacking: Lacking,
}

/// Makes the addresses known for as long as the value lives.
#[derive(Debug)]
pub struct Announcement {
    file: PathBuf,
    said: String,
    /// What was announced before: it may run still when this one ends.
    before: Option<String>,
}

fn file() -> PathBuf {
    localstack::home().join("local-endpoint")
}

/// Tells other commands what runs. The last one to say so is the one that they find; once it has ended, the one before it.
///
/// # Errors
/// The file cannot be written.
pub fn announce(what: &Found) -> io::Result<Announcement> {
    announce_in(file(), &serde_json::to_string(what)?)
}

fn announce_in(file: PathBuf, said: &str) -> io::Result<Announcement> {
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory)?;
    }
    let before = fs::read_to_string(&file).ok();
    fs::write(&file, said)?;
    Ok(Announcement { file, said: said.to_owned(), before })
}

impl Drop for Announcement {
    fn drop(&mut self) {
        if fs::read_to_string(&self.file).is_ok_and(|said| said != self.said) {
            return;
        }
        let taken_back = match &self.before {
            Some(before) => fs::write(&self.file, before),
            None => fs::remove_file(&self.file),
        };
        if let Err(error) = taken_back {
            tracing::debug!(%error, "could not take the local endpoint's announcement back");
        }
    }
}

/// The local AWS that is up.
///
/// # Errors
/// The file is there but cannot be read.
pub async fn find() -> io::Result<Option<Found>> {
    let said = match fs::read_to_string(file()) {
        Ok(said) => said,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    // What cannot be read was not written by this version.
    let Ok(found) = serde_json::from_str::<Found>(&said) else { return Ok(None) };
    let Ok(endpoint) = found.endpoint.parse::<LoopbackUrl>() else { return Ok(None) };
    let connects = timeout(Duration::from_secs(2), TcpStream::connect((endpoint.host(), endpoint.port())));
    Ok(matches!(connects.await, Ok(Ok(_))).then_some(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_the_last_one_ends_the_one_before_is_found_again() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("local-endpoint");
        let said = || fs::read_to_string(&file).ok();
        let first = announce_in(file.clone(), "first").unwrap();
        let second = announce_in(file.clone(), "second").unwrap();
        drop(second);
        assert_eq!(said().as_deref(), Some("first"));
        let third = announce_in(file.clone(), "third").unwrap();
        drop(first);
        assert_eq!(said().as_deref(), Some("third"));
        drop(third);
        assert_eq!(said().as_deref(), Some("first"));
    }
}
