//! A service's tasks, and waiting until all of them are STOPPED.

use aws_env::{At, wait_until};
use aws_sdk_ecs::types::{DesiredStatus, Service, Task};
use futures::future::{try_join, try_join_all};
use resource::{Class, Progress, Result};

use super::{Place, Services, observe::or_none};
use crate::{listing, races::STOP};

/// How many tasks DescribeTasks takes at once.
const AT_ONCE: usize = 100;

const LIST: &str = "ecs:ListTasks";

impl Services {
    /// The tasks that run and those that stop or stopped, which ECS knows for about an hour.
    pub(super) async fn tasks(&self, place: Place<'_>) -> Result<Vec<Task>> {
        let running = self.task_arns(place, DesiredStatus::Running);
        // A task that is told to stop is listed here while its containers still run.
        let stopping = self.task_arns(place, DesiredStatus::Stopped);
        let (mut arns, stopping) = try_join(running, stopping).await?;
        arns.extend(stopping);
        arns.sort();
        arns.dedup();
        let described = arns.chunks(AT_ONCE).map(|some| async move {
            let call = self.client.describe_tasks().cluster(place.cluster).set_tasks(Some(some.to_vec()));
            let answer = call.send().await.at("ecs:DescribeTasks", place.resource);
            or_none(answer.map(|answer| answer.tasks.unwrap_or_default()))
        });
        Ok(try_join_all(described).await?.into_iter().flatten().collect())
    }

    async fn task_arns(&self, place: Place<'_>, status: DesiredStatus) -> Result<Vec<String>> {
        let call = self.client.list_tasks().cluster(place.cluster).service_name(place.name);
        let mut pages = call.desired_status(status).into_paginator().send();
        let mut arns = Vec::new();
        while let Some(page) = pages.next().await {
            match page.at(LIST, place.resource) {
                Ok(page) => arns.extend(page.task_arns.unwrap_or_default()),
                Err(error) if error.class == Class::NotFound => break,
                Err(error) => return Err(error),
            }
        }
        Ok(arns)
    }

    /// Waits until the service has no task that is not STOPPED. Assumes that its count is 0.
    pub(super) async fn stopped(&self, place: Place<'_>, progress: &Progress) -> Result<()> {
        self.idle(place, progress, |_| false).await
    }

    /// The same, but that a service which `may_run` is waited for no longer.
    pub(super) async fn idle(
        &self,
        place: Place<'_>,
        progress: &Progress,
        may_run: impl Fn(&Service) -> bool,
    ) -> Result<()> {
        let poll = || async {
            let (service, tasks) = try_join(self.one(place), self.tasks(place)).await?;
            if service.as_ref().is_some_and(&may_run) {
                return Ok(Some(()));
            }
            let left: Vec<_> = tasks.iter().filter(|task| !is_stopped(task)).collect();
            let counted = service.map_or(0, |service| service.running_count() + service.pending_count());
            if left.is_empty() && counted == 0 {
                return Ok(Some(()));
            }
            progress.note(waiting(&left));
            Ok(None)
        };
        let waits_for = "the service's tasks to be STOPPED";
        // What it waits for in particular is told by the poll.
        wait_until(&STOP, &Progress::silent(), LIST, place.resource, waits_for, poll).await
    }
}

fn waiting(left: &[&Task]) -> String {
    let tasks: Vec<_> = left
        .iter()
        .map(|task| format!("{} is {}", id(task), task.last_status().unwrap_or("unknown")))
        .collect();
    match tasks.as_slice() {
        [] => "waits for the service's tasks to be STOPPED".to_owned(),
        tasks => format!("waits for tasks to be STOPPED: {}", tasks.join(", ")),
    }
}

pub(super) fn is_stopped(task: &Task) -> bool {
    task.last_status() == Some("STOPPED")
}

/// The id at the end of a task's ARN.
pub(super) fn id(task: &Task) -> &str {
    listing::name_in(task.task_arn().unwrap_or_default())
}
