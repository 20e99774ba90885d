//! The lease and the history of an environment's deployments, and the store that keeps them.

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::{Action, Key, Kind, Result};

/// The right to change an environment, held by one process for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lease {
    /// The run that holds it: a UUID.
    pub owner: String,
    /// Who that is, for people: `user@host`.
    pub holder: String,
    /// The host, so that a dead process of it can be told: its name and boot.
    pub host: String,
    /// The process there.
    pub process: u32,
    /// What it does: `deploy`, `destroy`.
    pub command: String,
    /// The commit that it does it from, where that is known.
    pub commit: Option<String>,
    /// When it was taken, in milliseconds since the Unix epoch.
    pub taken_at_millis: u64,
    /// When it ends unless it is renewed before, in milliseconds since the Unix epoch.
    pub expires_at_millis: u64,
    /// How often it was renewed. With the owner, it tells two states of the row apart.
    pub heartbeat: u64,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It has not: it runs, or it died. The lease tells which.
    Running,
    /// All steps are done.
    Succeeded,
    /// A step failed.
    Failed,
    /// It was told to stop.
    Interrupted,
}

/// One run in the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    /// The run: its lease's owner.
    pub id: String,
    /// Who ran it.
    pub holder: String,
    /// What it did.
    pub command: String,
    /// The commit that it was run from.
    pub commit: Option<String>,
    /// The blueprint's hash.
    pub blueprint: String,
    /// When it began, in milliseconds since the Unix epoch.
    pub started_at_millis: u64,
    /// When it ended.
    pub ended_at_millis: Option<u64>,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it observed the environment, under the lease and before its first step, in milliseconds. Runs of earlier
    /// versions do not have it.
    #[serde(default)]
    pub survey_millis: Option<u64>,
    /// Its steps so far, in the order in which they ended.
    pub steps: Vec<StepRecord>,
}

/// One step of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepRecord {
    /// The resource.
    pub key: Key,
    /// Its kind. Steps of earlier versions do not have it.
    #[serde(default)]
    pub kind: Option<Kind>,
    /// What was done to it.
    pub action: Action,
    /// How long that took.
    pub millis: u64,
    /// Why it failed, where it did.
    pub error: Option<String>,
}

/// What became of a conditional write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swap {
    /// It is written.
    Done,
    /// The row was another than expected: this one, or none.
    Lost(Option<Lease>),
}

/// Where lease and history are kept: the environment's `deployments` table.
///
/// # Guarantees
/// [`DeploymentStore::swap_lease`] is atomic and strongly consistent. A lost reply leaves it unknown whether it took
/// effect; reading the lease tells.
pub trait DeploymentStore: Send + Sync {
    /// The lease row, if there is one; expired or not.
    fn lease(&self) -> BoxFuture<'_, Result<Option<Lease>>>;

    /// Writes (or with `None` deletes) the lease row if it is still `expected`, by owner and heartbeat.
    fn swap_lease<'a>(
        &'a self,
        expected: Option<&'a Lease>,
        new: Option<&'a Lease>,
    ) -> BoxFuture<'a, Result<Swap>>;

    /// Writes a run to the history, over what was written of it before.
    fn record<'a>(&'a self, deployment: &'a Deployment) -> BoxFuture<'a, Result<()>>;

    /// The last runs, the newest first.
    fn history(&self, limit: usize) -> BoxFuture<'_, Result<Vec<Deployment>>>;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_run_of_an_earlier_version_reads_without_what_that_did_not_record() {
        let run: Deployment = serde_json::from_value(json!({
            "id": "5b07", "holder": "ada@analytical", "command": "deploy", "blueprint": "ab12",
            "startedAtMillis": 1, "endedAtMillis": 2, "outcome": "succeeded",
            "steps": [{"key": "ingest/queue", "action": "create", "millis": 12, "error": null}],
        }))
        .unwrap();
        assert_eq!((run.survey_millis, &run.steps[0].kind, run.steps[0].millis), (None, &None, 12));
    }
}
