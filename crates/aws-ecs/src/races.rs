//! The races of ECS: how each is told, and how long it is waited out.

use std::time::Duration;

use aws_env::Patience;
use resource::{Class, Error, Result};

/// For what spreads through AWS: a new role, a new cluster, a new revision; and for what ECS does one at a time.
pub(crate) const SETTLE: Patience =
    Patience::new(Duration::from_millis(250), Duration::from_secs(2), Duration::from_secs(120));

/// For tasks to stop. A container is given 120 s at most between the signal to stop and its end, and Fargate then takes its
/// network interface and volumes away:
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html>
pub(crate) const STOP: Patience =
    Patience::new(Duration::from_millis(500), Duration::from_secs(3), Duration::from_secs(600));

/// For a service that was deleted to be gone, and a cluster to be empty.
pub(crate) const DRAIN: Patience =
    Patience::new(Duration::from_millis(500), Duration::from_secs(5), Duration::from_secs(600));

/// For a deployment to be done: the image is pulled, the containers start, health checks pass.
pub(crate) const ROLLOUT: Patience =
    Patience::new(Duration::from_millis(500), Duration::from_secs(5), Duration::from_secs(900));

/// What ECS says, under the codes of any wrong parameter, where something has not reached it yet.
const NOT_YET: [&str; 5] = [
    "Unable to assume the service linked role",
    "Too many concurrent attempts to create a new revision",
    "Role is not valid",
    "TaskDefinition not found",
    "Unable to find task definition",
];

/// Whether the error passes once what was just made has reached ECS.
pub(crate) fn settles(error: &Error) -> bool {
    error.class == Class::NotFound || NOT_YET.iter().any(|text| error.says(text))
}

/// Whether a service of that name is there, or drains: ECS tells the two apart only when it describes it.
pub(crate) fn name_is_taken(error: &Error) -> bool {
    error.says("Creation of service was not idempotent") || error.says("still Draining")
}

/// Whether the cluster still has what was deleted before it.
pub(crate) fn cluster_drains(error: &Error) -> bool {
    ["ClusterContainsTasksException", "ClusterContainsServicesException", "UpdateInProgressException"]
        .iter()
        .any(|code| error.says(code))
}

/// That it is gone already is success.
pub(crate) fn gone<T>(result: Result<T>) -> Result<()> {
    match result {
        Err(error) if error.class != Class::NotFound => Err(error),
        _ => Ok(()),
    }
}
