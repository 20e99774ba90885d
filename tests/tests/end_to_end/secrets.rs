//! No secret is to be seen anywhere but in Secrets Manager.

use std::fs;

use anyhow::{Context, Result, ensure};
use end_to_end::Local;
use headwater::load;
use serde_json::Value;

use crate::{DEFAULTS, SEED};

/// A text of which any part of this many characters would tell too much.
const LINE: usize = 32;

/// The values of all secrets, in pieces that would be found however they are wrapped: passwords whole, of a private key its
/// lines.
async fn values(local: &Local) -> Result<Vec<String>> {
    let secrets = aws_sdk_secretsmanager::Client::new(&local.bench.session.sdk);
    let listed = secrets.list_secrets().send().await?.secret_list.unwrap_or_default();
    let mut values = Vec::new();
    for name in listed.into_iter().filter_map(|secret| secret.name) {
        let answer = secrets.get_secret_value().secret_id(&name).send().await?;
        let value = answer.secret_string.with_context(|| format!("{name} has no value"))?;
        match serde_json::from_str::<Value>(&value) {
            Ok(certificate) if certificate.is_object() => {
                let key = certificate["privateKey"].as_str().context("a certificate without a key")?;
                let lines = key.lines().filter(|line| !line.starts_with('-') && line.len() >= LINE);
                values.extend(lines.map(str::to_owned));
            }
            // What clients trust is no secret.
            _ if value.contains("-----BEGIN CERTIFICATE-----") => {}
            _ => values.push(value),
        }
    }
    ensure!(values.len() > 10, "there are two passwords and a key of many lines: {}", values.len());
    Ok(values)
}

/// What CloudWatch has of every log.
async fn logs(local: &Local) -> Result<String> {
    let logs = aws_sdk_cloudwatchlogs::Client::new(&local.bench.session.sdk);
    let groups = logs.describe_log_groups().send().await?.log_groups.unwrap_or_default();
    let mut said = String::new();
    for group in groups.into_iter().filter_map(|group| group.log_group_name) {
        let events = logs.filter_log_events().log_group_name(&group).send().await?.events.unwrap_or_default();
        said.extend(events.into_iter().filter_map(|event| event.message));
    }
    Ok(said)
}

/// What AWS tells whoever may describe the function and the task, and the history that deploys keep.
async fn described(local: &Local) -> Result<String> {
    let sdk = &local.bench.session.sdk;
    let lambda = aws_sdk_lambda::Client::new(sdk);
    let relay = lambda.get_function().function_name(local.name(blueprint::RELAY)).send().await?;
    let environment = relay.configuration.and_then(|function| function.environment);
    let task = aws_sdk_ecs::Client::new(sdk).describe_task_definition();
    let task = task.task_definition(local.name(blueprint::EVENTSTORE)).send().await?.task_definition;
    let containers = task.and_then(|task| task.container_definitions).unwrap_or_default();
    ensure!(environment.is_some() && !containers.is_empty(), "nothing is described");
    let table = aws_dynamodb::Deployments::table(&local.bench.session.scope).name().to_owned();
    let rows = aws_sdk_dynamodb::Client::new(sdk).scan().table_name(table).send().await?.items;
    let survey = local.bench.survey().await?;
    Ok(format!("{:?}{containers:?}{rows:?}{survey:?}", environment.and_then(|it| it.variables)))
}

/// Everything that the program says.
async fn output(local: &Local, arguments: &[&str], code: i32) -> Result<String> {
    Ok(local.headwater(arguments).await?.expect(code)?.to_string())
}

#[tokio::test]
async fn no_secret_is_in_any_output_plan_log_environment_or_history() -> Result<()> {
    let local = Local::start(DEFAULTS).await?;
    let plan = local.directory().join("plan.json");
    let file = plan.to_str().context("a path of UTF-8")?;
    let mut said = Vec::new();
    let mut run = async |arguments: &[&str], code: i32| {
        said.push((arguments.join(" "), output(&local, arguments, code).await?));
        anyhow::Ok(())
    };
    run(&["plan"], 0).await?;
    run(&["plan", "--json", "--out", file], 0).await?;
    run(&["deploy", "--plan", file], 0).await?;
    local.task.follow(&local.bench).await?;
    local.headwater_with(&["send"], SEED).await?.expect(0)?;
    let more: Vec<_> = load::messages(10).collect();
    local.send(&more).await?;
    local.expect_stored(&[more, vec![crate::message(SEED)]].concat()).await?;
    local.expect_relayed().await?;
    // A change of every secret's description, so that they are in a plan's changes and in the history of an update.
    let secrets = aws_sdk_secretsmanager::Client::new(&local.bench.session.sdk);
    for secret in secrets.list_secrets().send().await?.secret_list.unwrap_or_default() {
        secrets.update_secret().set_secret_id(secret.arn).description("Somebody's.").send().await?;
    }
    run(&["drift"], 2).await?;
    run(&["drift", "--json"], 2).await?;
    run(&["deploy", "--yes", "--json"], 0).await?;
    run(&["replay"], 0).await?;
    for command in ["status", "history", "settings"] {
        run(&[command], 0).await?;
        run(&[command, "--json"], 0).await?;
    }
    run(&["plan", "--destroy", "--include-stateful"], 0).await?;
    said.push(("CloudWatch's logs".to_owned(), logs(&local).await?));
    said.push(("what AWS describes, and the history".to_owned(), described(&local).await?));
    said.push(("destroy".to_owned(), output(&local, &["destroy", "--yes"], 0).await?));
    said.push(("the saved plan".to_owned(), fs::read_to_string(&plan)?));
    let log = local.emulator.log().context("the emulator keeps no log")?;
    said.push(("the emulator's log, with what the functions said".to_owned(), fs::read_to_string(log)?));

    let values = values(&local).await?;
    for (what, text) in &said {
        assert!(!text.is_empty(), "{what} says nothing");
        assert!(!values.iter().any(|value| text.contains(value)), "{what} shows a secret");
    }
    Ok(())
}
