//! The tags of a vault or plan, which no listing of AWS Backup tells.

use std::collections::BTreeMap;

use aws_env::At;
use aws_sdk_backup::Client;
use resource::Result;

/// The tags of the vault or plan with that ARN.
pub(crate) async fn list(client: &Client, arn: &str) -> Result<BTreeMap<String, String>> {
    let pages = client.list_tags().resource_arn(arn).into_paginator().send().try_collect().await;
    let pages = pages.at("backup:ListTags", arn)?;
    Ok(pages.into_iter().flat_map(|page| page.tags.unwrap_or_default()).collect())
}
