//! What became of a deployment's tasks, told where it failed: why each stopped, how its containers ended, and the last lines
//! of their logs.

use std::collections::BTreeMap;

use aws_env::At;
use aws_sdk_ecs::types::{Container, Task};
use resource::{Error, Result};

use super::{Place, Services, rollout::Following, tasks};
use crate::{LogConfiguration, task_definitions::read};

/// How many tasks are told of. They tend to fail alike.
const TASKS: usize = 3;

/// How many lines of a container's log are shown.
const LINES: i32 = 10;

/// How long a line may be.
const WIDTH: usize = 300;

/// A container's name → the last lines of its log.
type Logs = BTreeMap<String, Vec<String>>;

impl Services {
    /// The same error with what became of the deployment's tasks; what cannot be learned is left out.
    pub(super) async fn explain(&self, following: Following<'_>, error: Error) -> Error {
        let tasks = self.tasks_of(following).await.unwrap_or_default();
        let mut text = error.source.to_string();
        for (place, task) in tasks.iter().enumerate() {
            let logs = if place == 0 { self.logs(following.place, task).await } else { Logs::new() };
            text.push_str(&tell(task, &logs));
        }
        Error { source: text.into(), ..error }
    }

    /// The newest tasks of the deployment.
    async fn tasks_of(&self, following: Following<'_>) -> Result<Vec<Task>> {
        let mut tasks = self.tasks(following.place).await?;
        // ECS starts a service's task by the deployment's id; an emulator may name the service instead.
        let is_of_another = |by: &str| by.starts_with("ecs-svc/") && by != following.id;
        tasks.retain(|task| !task.started_by().is_some_and(is_of_another));
        tasks.sort_by_key(|task| std::cmp::Reverse(task.created_at().copied()));
        tasks.truncate(TASKS);
        Ok(tasks)
    }

    async fn logs(&self, place: Place<'_>, task: &Task) -> Logs {
        let mut logs = Logs::new();
        for (container, configuration) in self.log_configurations(place, task).await.unwrap_or_default() {
            let Some((group, stream)) = configuration.stream(&container, tasks::id(task)) else { continue };
            if let Ok(lines) = self.lines(place, group, &stream).await {
                logs.insert(container, lines);
            }
        }
        logs
    }

    async fn log_configurations(
        &self,
        place: Place<'_>,
        task: &Task,
    ) -> Result<BTreeMap<String, LogConfiguration>> {
        let arn = task.task_definition_arn().unwrap_or_default();
        let call = self.client.describe_task_definition().task_definition(arn);
        let answer = call.send().await.at("ecs:DescribeTaskDefinition", place.resource)?;
        let spec = answer.task_definition.and_then(|one| read::spec(&one).ok());
        let containers = spec.map(|spec| spec.container_definitions).unwrap_or_default();
        let logged = containers.into_iter().filter_map(|(name, one)| Some((name, one.log_configuration?)));
        Ok(logged.collect())
    }

    async fn lines(&self, place: Place<'_>, group: &str, stream: &str) -> Result<Vec<String>> {
        let call = self.logs.get_log_events().log_group_name(group).log_stream_name(stream);
        let call = call.limit(LINES).start_from_head(false);
        let answer = call.send().await.at("logs:GetLogEvents", place.resource)?;
        let lines = answer.events.unwrap_or_default().into_iter().filter_map(|event| event.message);
        Ok(lines.map(|line| plain(&line)).collect())
    }
}

/// A line as a terminal may show it.
fn plain(line: &str) -> String {
    line.trim_end().chars().filter(|one| !one.is_control()).take(WIDTH).collect()
}

fn tell(task: &Task, logs: &Logs) -> String {
    let status = task.last_status().unwrap_or("unknown");
    let mut text = format!("\n  task {} is {status}", tasks::id(task));
    if let Some(reason) = task.stopped_reason() {
        text.push_str(&format!(": {reason}"));
    }
    for container in task.containers() {
        let name = container.name().unwrap_or_default();
        text.push_str(&format!("\n    container {name} {}", end(container)));
        for line in logs.get(name).into_iter().flatten() {
            text.push_str(&format!("\n      | {line}"));
        }
    }
    text
}

fn end(container: &Container) -> String {
    let mut text = match (container.exit_code(), container.last_status()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(status)) => format!("is {status}"),
        (None, None) => "never started".to_owned(),
    };
    if let Some(health) = container.health_status().filter(|health| health.as_str() == "UNHEALTHY") {
        text.push_str(&format!(", {}", health.as_str()));
    }
    if let Some(reason) = container.reason() {
        text.push_str(&format!(": {reason}"));
    }
    text
}
