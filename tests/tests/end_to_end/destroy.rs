//! What a destroy deletes, what it keeps, and what a later blueprint no longer names.

use std::collections::BTreeSet;

use anyhow::Result;
use end_to_end::Local;
use headwater::load;
use resource::{Action, Key};

use crate::DEFAULTS;

#[tokio::test]
async fn a_destroy_keeps_every_event_and_after_the_next_deploy_none_is_lost() -> Result<()> {
    let local = Local::start(DEFAULTS).await?;
    local.deploy().await?;
    let messages: Vec<_> = load::messages(20).collect();
    local.send(&messages[..10]).await?;
    local.expect_stored(&messages[..10]).await?;

    local.destroy(false).await?;
    let retained = local.bench.graph.nodes().filter(|node| node.retained).map(|node| node.key.to_string());
    assert_eq!(local.keys().await?, retained.collect::<Vec<_>>());
    local.send(&messages[10..]).await?;
    assert_eq!(local.queue().await?.depth().await?.waiting, 10);
    local.expect_stored(&messages[..10]).await?;

    local.deploy().await?;
    local.expect_stored(&messages).await?;
    Ok(())
}

#[tokio::test]
async fn a_destroy_with_all_that_is_stateful_leaves_nothing() -> Result<()> {
    let local = Local::start(DEFAULTS).await?;
    local.deploy().await?;
    let messages: Vec<_> = load::messages(3).collect();
    local.send(&messages).await?;
    local.expect_stored(&messages).await?;
    local.destroy(true).await?;
    assert_eq!(local.keys().await?, [""; 0]);
    assert_eq!(listed(&local).await?, [""; 0]);
    Ok(())
}

/// Whatever the services list, by the services' own words.
async fn listed(local: &Local) -> Result<Vec<String>> {
    let sdk = &local.bench.session.sdk;
    let lambda = aws_sdk_lambda::Client::new(sdk);
    let mut all = Vec::new();
    all.extend(aws_sdk_sqs::Client::new(sdk).list_queues().send().await?.queue_urls.unwrap_or_default());
    all.extend(
        aws_sdk_dynamodb::Client::new(sdk).list_tables().send().await?.table_names.unwrap_or_default(),
    );
    let roles = aws_sdk_iam::Client::new(sdk).list_roles().path_prefix("/headwater/").send().await?.roles;
    all.extend(roles.into_iter().map(|role| role.role_name));
    let functions = lambda.list_functions().send().await?.functions.unwrap_or_default();
    all.extend(functions.into_iter().filter_map(|function| function.function_name));
    let mappings =
        lambda.list_event_source_mappings().send().await?.event_source_mappings.unwrap_or_default();
    all.extend(mappings.into_iter().filter_map(|mapping| mapping.uuid));
    let groups = aws_sdk_cloudwatchlogs::Client::new(sdk).describe_log_groups().send().await?;
    all.extend(groups.log_groups.unwrap_or_default().into_iter().filter_map(|group| group.log_group_name));
    Ok(all)
}

#[tokio::test]
async fn what_the_blueprint_no_longer_names_is_deleted_unless_it_is_stateful() -> Result<()> {
    let mut local = Local::start(DEFAULTS).await?;
    local.deploy().await?;
    let keys = |stateful: bool| {
        let of = local.bench.graph.nodes().map(|node| node.key.clone());
        of.filter(|key| key.is_stateful() == stateful).collect::<BTreeSet<_>>()
    };
    let (stateless, stateful) = (keys(false), keys(true));

    local.keep_only(Key::is_stateful)?;
    let plan = local.plan().await?;
    assert_eq!(plan.steps.iter().map(|step| step.key.clone()).collect::<BTreeSet<_>>(), stateless);
    assert!(plan.steps.iter().all(|step| step.action == Action::Delete));
    local.deploy().await?;
    let left = local.keys().await?;
    assert_eq!(left, stateful.iter().map(Key::to_string).collect::<Vec<_>>());

    local.keep_only(|key| key.stack() == Key::DEPLOYMENTS)?;
    let plan = local.plan().await?;
    assert!(plan.is_converged());
    for key in stateful.iter().filter(|key| key.stack() != Key::DEPLOYMENTS) {
        assert!(
            plan.notes.iter().any(|note| note.contains(key.as_str())),
            "{key} is not in {:?}",
            plan.notes
        );
    }
    Ok(())
}
