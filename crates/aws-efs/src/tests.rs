//! The families against scripted EFS: every race that an emulator does not show, and every field of the specs.

mod access_points;
mod cloud;
mod file_systems;
mod handles;
mod mount_targets;

use resource::{Key, Scope};

use crate::FileSystem;

pub(crate) const FILE_SYSTEM: &str = "fs-1";

pub(crate) fn scope() -> Scope {
    Scope {
        project: "headwater".into(),
        environment: "dev".into(),
        account: "111111111111".into(),
        region: "eu-west-1".into(),
    }
}

pub(crate) fn key() -> Key {
    "stateful/file-system".parse().unwrap()
}

pub(crate) fn handle() -> FileSystem {
    FileSystem::new(&scope(), &key())
}

pub(crate) fn file_system_arn(id: &str) -> String {
    scope().arn("elasticfilesystem", &format!("file-system/{id}"))
}
