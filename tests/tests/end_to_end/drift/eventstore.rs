use anyhow::Result;
use aws_sdk_ecs::types::{ClusterSetting, ClusterSettingName};
use aws_sdk_servicediscovery::types::{PrivateDnsNamespaceChange, ServiceChange};
use end_to_end::Local;

use super::Touched;

/// ECS changes no task definition; one that is deregistered is gone, and what replaces it has another ARN.
pub(super) async fn change(local: &Local) -> Result<Vec<Touched>> {
    let sdk = &local.bench.session.sdk;
    let ecs = aws_sdk_ecs::Client::new(sdk);
    let name = local.name(blueprint::EVENTSTORE);
    let insights =
        ClusterSetting::builder().name(ClusterSettingName::ContainerInsights).value("disabled").build();
    ecs.update_cluster_settings().cluster(&name).settings(insights).send().await?;
    ecs.update_service().cluster(&name).service(&name).desired_count(0).send().await?;
    let task = ecs.describe_task_definition().task_definition(&name).send().await?.task_definition;
    let task = task.and_then(|task| task.task_definition_arn);
    ecs.deregister_task_definition().set_task_definition(task).send().await?;

    let discovery = aws_sdk_servicediscovery::Client::new(sdk);
    let change = PrivateDnsNamespaceChange::builder().description("Somebody's.").build();
    let namespace = local.id("eventstore/namespace").await?;
    discovery.update_private_dns_namespace().id(namespace).namespace(change).send().await?;
    let change = ServiceChange::builder().description("Somebody's.").build();
    let service = local.id("eventstore/discovery").await?;
    discovery.update_service().id(service).service(change).send().await?;
    Ok(vec![
        ("eventstore/cluster", &["containerInsights"]),
        ("eventstore/service", &["desiredCount", "taskDefinitionArn"]),
        ("eventstore/task-definition", &[]),
        ("eventstore/namespace", &["description"]),
        ("eventstore/discovery", &["description"]),
    ])
}
