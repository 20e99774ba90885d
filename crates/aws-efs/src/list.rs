//! The listing of file systems, which the file systems and their mount targets have in common.

use aws_env::At;
use aws_sdk_efs::{
    Client,
    types::{FileSystemDescription, LifeCycleState},
};
use resource::{Class, Error, Result};

/// All file systems of the account and region, or the one with that id; also what is being deleted.
pub(crate) async fn file_systems(client: &Client, id: Option<&str>) -> Result<Vec<FileSystemDescription>> {
    let pages = client.describe_file_systems().set_file_system_id(id.map(str::to_owned));
    let pages = pages.into_paginator().send().try_collect().await;
    let pages = found(pages.at("elasticfilesystem:DescribeFileSystems", id.unwrap_or("file systems")))?;
    Ok(pages.into_iter().flatten().flat_map(|page| page.file_systems.unwrap_or_default()).collect())
}

pub(crate) fn is_going(state: &LifeCycleState) -> bool {
    matches!(state, LifeCycleState::Deleting | LifeCycleState::Deleted)
}

/// What it is still busy with; `None` where it can be used.
pub(crate) fn pending(state: &LifeCycleState) -> Option<String> {
    (*state != LifeCycleState::Available).then(|| state.as_str().to_owned())
}

/// What is not found is `None`.
pub(crate) fn found<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.class == Class::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether EFS refuses because the file system or mount target is not `available`, as it will be.
pub(crate) fn is_unsettled(error: &Error) -> bool {
    error.says("IncorrectFileSystemLifeCycleState") || error.says("IncorrectMountTargetState")
}
