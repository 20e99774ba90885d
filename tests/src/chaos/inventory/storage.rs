//! What keeps data: EFS with AWS Backup, DynamoDB, SQS, Secrets Manager.

use anyhow::{Context, Result};
use aws_env::SdkConfig;
use aws_sdk_sqs::types::QueueAttributeName;
use futures::{future::try_join_all, try_join};
use serde_json::json;

use super::{Seen, label, parsed, sorted, tags, text};

pub(super) async fn list(sdk: &SdkConfig) -> Result<Vec<Seen>> {
    let (files, backups, tables, queues, secrets) =
        try_join!(files(sdk), backups(sdk), tables(sdk), queues(sdk), secrets(sdk))?;
    Ok([files, backups, tables, queues, secrets].into_iter().flatten().collect())
}

async fn files(sdk: &SdkConfig) -> Result<Vec<Seen>> {
    let efs = &aws_sdk_efs::Client::new(sdk);
    let systems: Vec<_> = efs.describe_file_systems().into_paginator().items().send().try_collect().await?;
    let points: Vec<_> = efs.describe_access_points().into_paginator().items().send().try_collect().await?;
    let given = |given: &[aws_sdk_efs::types::Tag]| tags(given.iter().map(|tag| (tag.key(), tag.value())));
    let mut seen = Vec::new();
    for system in &systems {
        let id = system.file_system_id();
        let targets = efs.describe_mount_targets().file_system_id(id).send();
        // A file system without a policy or backups has none to describe.
        let policy = efs.describe_file_system_policy().file_system_id(id).send().await.ok();
        let backup = efs.describe_backup_policy().file_system_id(id).send().await.ok();
        let facts = json!({
            "token": system.creation_token(), "state": system.life_cycle_state().as_str(),
            "performance": system.performance_mode().as_str(), "encrypted": system.encrypted(),
            "throughput": system.throughput_mode().map(|mode| mode.as_str()),
            "policy": policy.and_then(|one| one.policy).map(|policy| parsed(&policy)),
            "backup": backup.and_then(|one| one.backup_policy).map(|one| one.status.as_str().to_owned()),
        });
        seen.push(Seen::new("file system", label("", &given(system.tags())), facts).known_as(Some(id)));
        for target in targets.await?.mount_targets() {
            let groups =
                efs.describe_mount_target_security_groups().mount_target_id(target.mount_target_id());
            let facts = json!({
                "file system": target.file_system_id(), "subnet": target.subnet_id(),
                "state": target.life_cycle_state().as_str(),
                "groups": sorted(groups.send().await?.security_groups()),
            });
            seen.push(Seen::new("mount target", String::new(), facts));
        }
    }
    for point in &points {
        let facts = json!({
            "file system": point.file_system_id(), "state": point.life_cycle_state().map(|one| one.as_str()),
            "path": point.root_directory().and_then(|one| one.path()),
            "user": point.posix_user().map(|one| (one.uid(), one.gid())),
        });
        let label = label("", &given(point.tags()));
        seen.push(Seen::new("access point", label, facts).known_as(point.access_point_id()));
    }
    Ok(seen)
}

async fn backups(sdk: &SdkConfig) -> Result<Vec<Seen>> {
    let backup = &aws_sdk_backup::Client::new(sdk);
    let given = |arn: String| async move {
        let listed = backup.list_tags().resource_arn(arn).send().await?;
        anyhow::Ok(tags(listed.tags.unwrap_or_default()))
    };
    let mut seen = Vec::new();
    for vault in backup.list_backup_vaults().send().await?.backup_vault_list() {
        let label = label(&text(vault.backup_vault_name()), &given(text(vault.backup_vault_arn())).await?);
        let key = vault.encryption_key_arn().is_some();
        seen.push(Seen::new("backup vault", label, json!({ "key": key })));
    }
    for listed in backup.list_backup_plans().send().await?.backup_plans_list() {
        let id = text(listed.backup_plan_id());
        if listed.deletion_date().is_some() {
            continue;
        }
        let plan = backup.get_backup_plan().backup_plan_id(&id).send().await?;
        let rules = plan.backup_plan().map(|plan| plan.rules()).unwrap_or_default().iter().map(|rule| {
            let days = rule.lifecycle().and_then(|one| one.delete_after_days());
            json!([rule.rule_name(), rule.target_backup_vault_name(), rule.schedule_expression(), days])
        });
        let label = label(&text(listed.backup_plan_name()), &given(text(listed.backup_plan_arn())).await?);
        let facts = json!({ "rules": rules.collect::<Vec<_>>() });
        seen.push(Seen::new("backup plan", label, facts).known_as(Some(&id)));
        for selected in
            backup.list_backup_selections().backup_plan_id(&id).send().await?.backup_selections_list()
        {
            let get = backup.get_backup_selection().backup_plan_id(&id);
            let got = get.set_selection_id(selected.selection_id.clone()).send().await?;
            let selection = got.backup_selection();
            let facts = json!({
                "plan": id, "role": selection.map(|one| one.iam_role_arn()),
                "resources": sorted(selection.map(|one| one.resources()).unwrap_or_default()),
            });
            seen.push(Seen::new("backup selection", text(selected.selection_name()), facts));
        }
    }
    Ok(seen)
}

async fn tables(sdk: &SdkConfig) -> Result<Vec<Seen>> {
    let dynamodb = &aws_sdk_dynamodb::Client::new(sdk);
    let names: Vec<String> = dynamodb.list_tables().into_paginator().items().send().try_collect().await?;
    let tables = names.into_iter().map(|name| async move {
        let (described, backups, expiry) = try_join!(
            async { anyhow::Ok(dynamodb.describe_table().table_name(&name).send().await?) },
            async { Ok(dynamodb.describe_continuous_backups().table_name(&name).send().await?) },
            async { Ok(dynamodb.describe_time_to_live().table_name(&name).send().await?) }
        )?;
        let table = described.table.with_context(|| format!("nothing is told of {name}"))?;
        let listed = dynamodb.list_tags_of_resource().resource_arn(text(table.table_arn())).send().await?;
        let given = tags(listed.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)));
        let schema = |keys: &[aws_sdk_dynamodb::types::KeySchemaElement]| {
            keys.iter().map(|key| key.attribute_name().to_owned()).collect::<Vec<_>>()
        };
        let index = |index: &aws_sdk_dynamodb::types::GlobalSecondaryIndexDescription| {
            format!("{} {:?}", text(index.index_name()), schema(index.key_schema()))
        };
        let stream = table.stream_specification().and_then(|one| one.stream_view_type());
        let recovery =
            backups.continuous_backups_description().and_then(|one| one.point_in_time_recovery_description());
        let facts = json!({
            "state": table.table_status().map(|one| one.as_str()), "keys": schema(table.key_schema()),
            "indexes": sorted(table.global_secondary_indexes().iter().map(index)),
            "stream": stream.map(|view| view.as_str()), "protected": table.deletion_protection_enabled(),
            "recovery": recovery.and_then(|one| one.point_in_time_recovery_status()).map(|one| one.as_str()),
            "expiry": expiry.time_to_live_description().and_then(|one| one.attribute_name()),
            "tags": given.get("headwater:index-shards"),
        });
        let mut one = Seen::new("table", label(&name, &given), facts);
        one.ids.extend(table.latest_stream_arn.map(|arn| (arn, format!("stream of {name}"))));
        anyhow::Ok(one)
    });
    try_join_all(tables).await
}

async fn queues(sdk: &SdkConfig) -> Result<Vec<Seen>> {
    use QueueAttributeName as Name;
    /// What changes by itself.
    const VOLATILE: [Name; 5] = [
        Name::ApproximateNumberOfMessages,
        Name::ApproximateNumberOfMessagesDelayed,
        Name::ApproximateNumberOfMessagesNotVisible,
        Name::CreatedTimestamp,
        Name::LastModifiedTimestamp,
    ];
    let sqs = &aws_sdk_sqs::Client::new(sdk);
    let urls = sqs.list_queues().max_results(1000).send().await?.queue_urls.unwrap_or_default();
    let queues = urls.into_iter().map(|url| async move {
        let attributes = sqs.get_queue_attributes().queue_url(&url).attribute_names(Name::All).send();
        let (attributes, listed) = try_join!(async { anyhow::Ok(attributes.await?) }, async {
            Ok(sqs.list_queue_tags().queue_url(&url).send().await?)
        })?;
        let attributes = attributes.attributes.unwrap_or_default().into_iter();
        let attributes = attributes.filter(|(name, _)| !VOLATILE.contains(name));
        let facts = sorted(attributes.map(|(name, value)| format!("{}={value}", name.as_str())));
        let name = url.rsplit('/').next().unwrap_or_default().to_owned();
        Ok(Seen::new("queue", label(&name, &tags(listed.tags.unwrap_or_default())), json!(facts)))
    });
    try_join_all(queues).await
}

/// Also those that are scheduled for deletion. What their versions are called is made anew each time.
async fn secrets(sdk: &SdkConfig) -> Result<Vec<Seen>> {
    let manager = &aws_sdk_secretsmanager::Client::new(sdk);
    let listed = manager.list_secrets().include_planned_deletion(true).max_results(100).send().await?;
    let described = listed.secret_list().iter().map(|secret| async move {
        let name = text(secret.name());
        let arn = text(secret.arn());
        let described = manager.describe_secret().secret_id(&arn).send().await?;
        let given = described.tags.unwrap_or_default();
        let given =
            tags(given.into_iter().map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())));
        let versions = described.version_ids_to_stages.unwrap_or_default();
        let stages = versions.values().map(|stages| sorted(stages.iter().cloned()).join(" "));
        // When a certificate ends is another second each time.
        let kept = given.iter().filter(|(name, _)| *name != "headwater:not-after");
        let facts = json!({
            "deleted": described.deleted_date.is_some(), "description": described.description,
            "versions": sorted(stages), "tags": kept.collect::<std::collections::BTreeMap<_, _>>(),
        });
        let mut one = Seen::new("secret", label(&name, &given), facts).known_as(Some(&arn));
        one.ids
            .extend(versions.into_iter().map(|(id, stages)| (id, format!("{} of {name}", stages.join(" ")))));
        Ok(one)
    });
    try_join_all(described).await
}
