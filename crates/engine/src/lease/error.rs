//! How a lease is not had, or lost: by whom, since when, doing what, until when.

use resource::Lease;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A lease that was not had.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Another run has it.
    #[error("another run is changing this environment: {}", described(.0))]
    Held(Box<Lease>),
    /// There is no table for it.
    #[error(
        "the environment's `deployments` table, which holds the lease, is gone or not usable; plan again"
    )]
    NoTable,
    /// Its store did not answer.
    #[error("the environment's lease could not be taken")]
    Unavailable(#[source] resource::Error),
}

/// How a lease was lost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Loss {
    /// Another run has it.
    #[error("another run took over this environment's lease: {}", described(.0))]
    Taken(Box<Lease>),
    /// Its row is gone.
    #[error("this environment's lease was deleted while the run held it")]
    Gone,
    /// Its time is over without it having been renewed.
    #[error(
        "this environment's lease could not be renewed in time (store out of reach, or machine suspended)"
    )]
    Expired,
}

fn described(lease: &Lease) -> String {
    let commit = lease.commit.as_ref().map(|commit| format!(" of commit {commit}")).unwrap_or_default();
    format!(
        "{}{commit} by {} (process {}) since {}; its lease ends at {} unless it is renewed",
        lease.command,
        lease.holder,
        lease.process,
        rfc3339(lease.taken_at_millis),
        rfc3339(lease.expires_at_millis)
    )
}

/// A time in milliseconds since the Unix epoch, as RFC 3339 to the second.
fn rfc3339(epoch_millis: u64) -> String {
    i64::try_from(epoch_millis / 1000)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| format!("{epoch_millis} ms after 1970"))
}
