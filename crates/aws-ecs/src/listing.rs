//! The environment's clusters, by name.

use aws_env::At;
use aws_sdk_ecs::Client;
use resource::Result;

/// The ARNs of the clusters whose names begin with `prefix`, whosever they are.
pub(crate) async fn clusters(client: &Client, prefix: &str) -> Result<Vec<String>> {
    let mut pages = client.list_clusters().into_paginator().send();
    let mut arns = Vec::new();
    while let Some(page) = pages.next().await {
        arns.extend(page.at("ecs:ListClusters", prefix)?.cluster_arns.unwrap_or_default());
    }
    arns.retain(|arn| name_in(arn).starts_with(prefix));
    Ok(arns)
}

/// The name at the end of an ARN; a name is itself.
pub(crate) fn name_in(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}
