//! EFS: file systems, their mount targets and access points, and the permission to mount them.

mod access_points;
mod file_systems;
mod handle;
mod list;
mod mount_targets;
mod scopes;
mod spec;
mod tags;
#[cfg(test)]
mod tests;

pub use access_points::AccessPoints;
pub use file_systems::FileSystems;
pub use handle::{AccessPoint, FileSystem, mount_targets_key};
pub use mount_targets::MountTargets;
pub use spec::{
    AccessPointSpec, CreationInfo, FileSystemSpec, MountTargetsSpec, PerformanceMode, PosixUser,
    ThroughputMode,
};
