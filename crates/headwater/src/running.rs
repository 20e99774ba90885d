//! Where the local AWS that `up` started answers, so that the other commands find it without being told.
//!
//! The file holds an address and nothing else. It is believed only while something listens there.

use std::{fs, io, path::PathBuf, time::Duration};

use localstack::LoopbackUrl;
use tokio::{net::TcpStream, time::timeout};

/// There is no local AWS to talk to.
#[derive(Debug, thiserror::Error)]
#[error(
    "no local AWS is running; start it with `cargo xtask up` in another terminal, or name an environment (`--env`) or \
     an endpoint (`--endpoint-url`)"
)]
pub struct NotRunning;

/// Makes the address known for as long as the value lives.
#[derive(Debug)]
pub struct Announcement {
    endpoint: String,
}

fn file() -> PathBuf {
    localstack::home().join("local-endpoint")
}

/// Tells other commands that local AWS answers at `endpoint`. The last one to say so is the one that they find.
///
/// # Errors
/// The file cannot be written.
pub fn announce(endpoint: &LoopbackUrl) -> io::Result<Announcement> {
    let file = file();
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::write(file, endpoint.as_str())?;
    Ok(Announcement { endpoint: endpoint.as_str().to_owned() })
}

impl Drop for Announcement {
    fn drop(&mut self) {
        let ours = fs::read_to_string(file()).is_ok_and(|said| said == self.endpoint);
        if ours && let Err(error) = fs::remove_file(file()) {
            tracing::debug!(%error, "could not take the local endpoint's announcement back");
        }
    }
}

/// The endpoint of the local AWS that is up.
///
/// # Errors
/// The file is there but cannot be read.
pub async fn find() -> io::Result<Option<String>> {
    let said = match fs::read_to_string(file()) {
        Ok(said) => said,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let Ok(endpoint) = said.parse::<LoopbackUrl>() else { return Ok(None) };
    let connects = timeout(Duration::from_secs(2), TcpStream::connect((endpoint.host(), endpoint.port())));
    Ok(matches!(connects.await, Ok(Ok(_))).then_some(said))
}
