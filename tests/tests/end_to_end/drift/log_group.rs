use anyhow::{Context, Result};
use aws_observability::{LogGroupClass, LogGroupSpec};
use aws_sdk_cloudwatchlogs::{Client, types};
use end_to_end::Local;
use resource::Action;

use super::{Changed, arn};

/// A group's class cannot be changed, but somebody may have made the group anew.
pub(super) async fn change(local: &Local) -> Result<Changed> {
    const KEY: &str = "ingest/log-group";
    let client = Client::new(&local.bench.session.sdk);
    let key = KEY.parse()?;
    let node = local.bench.graph.get(&key).context("no such node")?;
    let name = node.name.as_deref().context("a log group has a name")?;
    let kms_key_id = arn(local, "kms", "key/elsewhere");
    client.delete_log_group().log_group_name(name).send().await?;
    client
        .create_log_group()
        .log_group_name(name)
        .log_group_class(types::LogGroupClass::InfrequentAccess)
        .kms_key_id(&kms_key_id)
        .set_tags(Some(local.bench.session.scope.tags(&key).into_iter().collect()))
        .send()
        .await?;
    client.put_retention_policy().log_group_name(name).retention_in_days(1).send().await?;
    let spec = LogGroupSpec {
        retention_in_days: Some(1),
        kms_key_id: Some(kms_key_id),
        log_group_class: LogGroupClass::InfrequentAccess,
    };
    Ok(Changed { action: Action::Replace, ..Changed::new(KEY, spec, &[])? })
}
