//! What brings a file system from one spec to another: pure.

use aws_sdk_efs::types::{
    LifecyclePolicy, PerformanceMode as Performance, ThroughputMode as Throughput, TransitionToArchiveRules,
    TransitionToIaRules, TransitionToPrimaryStorageClassRules,
};
use resource::PolicyDocument;

use crate::{FileSystemSpec, PerformanceMode, ThroughputMode};

/// One call that changes a file system.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Change {
    Throughput(ThroughputMode),
    /// `None` deletes the policy.
    Policy(Option<PolicyDocument>),
    /// All of them: what is not named is turned off.
    Lifecycle(Vec<LifecyclePolicy>),
    AutomaticBackups(bool),
}

/// The changes, in groups of which the second waits for the first. The throughput mode comes last, since EFS takes no other
/// change while it changes that.
pub(super) fn changes(observed: &FileSystemSpec, desired: &FileSystemSpec) -> [Vec<Change>; 2] {
    let FileSystemSpec { throughput_mode, automatic_backups, policy, .. } = desired;
    let settings = [
        (observed.policy != *policy).then(|| Change::Policy(policy.clone())),
        (lifecycle(observed) != lifecycle(desired)).then(|| Change::Lifecycle(lifecycle(desired))),
        (observed.automatic_backups != *automatic_backups)
            .then_some(Change::AutomaticBackups(*automatic_backups)),
    ];
    let throughput =
        (observed.throughput_mode != *throughput_mode).then_some(Change::Throughput(*throughput_mode));
    [settings.into_iter().flatten().collect(), throughput.into_iter().collect()]
}

/// Each transition in an object of its own, as EFS asks for:
/// <https://docs.aws.amazon.com/efs/latest/ug/API_PutLifecycleConfiguration.html>
fn lifecycle(spec: &FileSystemSpec) -> Vec<LifecyclePolicy> {
    let policy = LifecyclePolicy::builder;
    let infrequent = spec.transition_to_infrequent_access.as_deref().map(TransitionToIaRules::from);
    let primary =
        spec.transition_to_primary_storage_class.as_deref().map(TransitionToPrimaryStorageClassRules::from);
    let archive = spec.transition_to_archive.as_deref().map(TransitionToArchiveRules::from);
    let policies = [
        infrequent.map(|rule| policy().transition_to_ia(rule).build()),
        primary.map(|rule| policy().transition_to_primary_storage_class(rule).build()),
        archive.map(|rule| policy().transition_to_archive(rule).build()),
    ];
    policies.into_iter().flatten().collect()
}

impl From<PerformanceMode> for Performance {
    fn from(mode: PerformanceMode) -> Self {
        match mode {
            PerformanceMode::GeneralPurpose => Self::GeneralPurpose,
            PerformanceMode::MaxIo => Self::MaxIo,
        }
    }
}

impl From<ThroughputMode> for Throughput {
    fn from(mode: ThroughputMode) -> Self {
        match mode {
            ThroughputMode::Bursting => Self::Bursting,
            ThroughputMode::Elastic => Self::Elastic,
            ThroughputMode::Provisioned => Self::Provisioned,
        }
    }
}
