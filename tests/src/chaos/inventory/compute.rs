//! What runs, and by whose rights: Cloud Map, ECS, IAM, Lambda.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use aws_env::SdkConfig;
use aws_sdk_ecs::types::{
    ClusterField, ContainerDefinition, ServiceField, TaskDefinition, TaskDefinitionField,
    TaskDefinitionStatus,
};
use futures::{future::try_join_all, try_join};
use serde_json::{Value, json};

use super::{Seen, label, parsed, sorted, tags, text};

pub(super) async fn list(sdk: &SdkConfig) -> Result<Vec<Seen>> {
    let (names, clusters, definitions, roles, functions, mappings) =
        try_join!(names(sdk), clusters(sdk), definitions(sdk), roles(sdk), functions(sdk), mappings(sdk))?;
    Ok([names, clusters, definitions, roles, functions, mappings].into_iter().flatten().collect())
}

/// Cloud Map's namespaces and services.
async fn names(sdk: &SdkConfig) -> Result<Vec<Seen>> {
    let map = &aws_sdk_servicediscovery::Client::new(sdk);
    let given = |arn: &str| {
        let listed = map.list_tags_for_resource().resource_arn(arn).send();
        async move {
            let listed = listed.await?.tags.unwrap_or_default();
            anyhow::Ok(tags(listed.into_iter().map(|tag| (tag.key, tag.value))))
        }
    };
    let mut seen = Vec::new();
    for one in map.list_namespaces().max_results(100).send().await?.namespaces() {
        let label = label(&text(one.name()), &given(one.arn().unwrap_or_default()).await?);
        let facts =
            json!({ "type": one.r#type().map(|kind| kind.as_str()), "description": one.description() });
        seen.push(Seen::new("namespace", label, facts).known_as(one.id()));
    }
    for one in map.list_services().max_results(100).send().await?.services() {
        let got = map.get_service().set_id(one.id.clone()).send().await?.service.context("no service")?;
        let label = label(&text(one.name()), &given(one.arn().unwrap_or_default()).await?);
        let records = got.dns_config().map(|dns| dns.dns_records()).unwrap_or_default();
        let records = records.iter().map(|record| format!("{} {}", record.r#type().as_str(), record.ttl()));
        let facts = json!({ "namespace": got.namespace_id(), "records": sorted(records) });
        seen.push(Seen::new("name service", label, facts).known_as(one.id()));
    }
    Ok(seen)
}

/// ECS's clusters and services.
async fn clusters(sdk: &SdkConfig) -> Result<Vec<Seen>> {
    let ecs = &aws_sdk_ecs::Client::new(sdk);
    let given = |given: &[aws_sdk_ecs::types::Tag]| {
        tags(given.iter().map(|tag| (text(tag.key()), text(tag.value()))))
    };
    let arns: Vec<String> = ecs.list_clusters().into_paginator().items().send().try_collect().await?;
    let mut seen = Vec::new();
    for arn in arns {
        let described = ecs.describe_clusters().clusters(&arn).include(ClusterField::Tags).send().await?;
        for cluster in described.clusters().iter().filter(|cluster| cluster.status() != Some("INACTIVE")) {
            let label = label(&text(cluster.cluster_name()), &given(cluster.tags()));
            seen.push(Seen::new("cluster", label, json!({ "state": cluster.status() })));
        }
        let services: Vec<String> =
            ecs.list_services().cluster(&arn).into_paginator().items().send().try_collect().await?;
        for service in services {
            let describe = ecs.describe_services().cluster(&arn).services(service);
            for service in describe.include(ServiceField::Tags).send().await?.services() {
                let network = service.network_configuration().and_then(|one| one.awsvpc_configuration());
                let facts = json!({
                    "cluster": arn, "state": service.status(), "count": service.desired_count(),
                    "definition": service.task_definition(),
                    "subnets": sorted(network.map(|one| one.subnets()).unwrap_or_default()),
                    "groups": sorted(network.map(|one| one.security_groups()).unwrap_or_default()),
                    "names": sorted(service.service_registries().iter().filter_map(|one| one.registry_arn())),
                });
                let label = label(&text(service.service_name()), &given(service.tags()));
                seen.push(Seen::new("service", label, facts));
            }
        }
    }
    Ok(seen)
}

/// The newest active revision of each task definition. Older ones stay, so that a deployment can go back to them; which number
/// it has says how many there were, and no more.
async fn definitions(sdk: &SdkConfig) -> Result<Vec<Seen>> {
    let ecs = &aws_sdk_ecs::Client::new(sdk);
    let arns =
        ecs.list_task_definitions().status(TaskDefinitionStatus::Active).into_paginator().items().send();
    let arns: Vec<String> = arns.try_collect().await?;
    // arn:aws:ecs:<region>:<account>:task-definition/<family>:<revision>
    let mut newest: BTreeMap<&str, u32> = BTreeMap::new();
    for (family, revision) in arns.iter().filter_map(|arn| arn.rsplit_once(':')) {
        let newest = newest.entry(family).or_default();
        *newest = revision.parse::<u32>()?.max(*newest);
    }
    let newest = newest.into_iter().map(|(family, revision)| format!("{family}:{revision}"));
    let described = try_join_all(newest.map(|arn| async move {
        let describe = ecs.describe_task_definition().task_definition(arn).include(TaskDefinitionField::Tags);
        anyhow::Ok(describe.send().await?)
    }))
    .await?;
    let mut seen = Vec::new();
    for one in &described {
        let definition = one.task_definition().context("no task definition")?;
        let family = text(definition.family());
        let given = tags(one.tags().iter().map(|tag| (text(tag.key()), text(tag.value()))));
        let arn = definition.task_definition_arn();
        seen.push(
            Seen::new("task definition", label(&family, &given), definition_facts(definition)).known_as(arn),
        );
    }
    Ok(seen)
}

fn definition_facts(definition: &TaskDefinition) -> Value {
    let volumes = definition.volumes().iter().map(|volume| {
        let efs = volume.efs_volume_configuration();
        let point = efs.and_then(|efs| efs.authorization_config()).and_then(|one| one.access_point_id());
        let system = efs.map(|efs| efs.file_system_id()).unwrap_or_default();
        format!("{} {system} {}", text(volume.name()), text(point))
    });
    json!({
        "cpu": definition.cpu(), "memory": definition.memory(), "volumes": sorted(volumes),
        "roles": [definition.execution_role_arn(), definition.task_role_arn()],
        "containers": definition.container_definitions().iter().map(container).collect::<Vec<_>>(),
    })
}

fn container(container: &ContainerDefinition) -> Value {
    let environment = container.environment().iter();
    let environment = environment.map(|one| format!("{}={}", text(one.name()), text(one.value())));
    let secrets = container.secrets().iter().map(|one| format!("{}={}", one.name(), one.value_from()));
    let logs = container.log_configuration().and_then(|one| one.options()).into_iter().flatten();
    json!({
        "name": container.name(), "image": container.image(), "essential": container.essential(),
        "command": container.command(), "entry point": container.entry_point(), "user": container.user(),
        "environment": sorted(environment), "secrets": sorted(secrets),
        "logs": sorted(logs.map(|(name, value)| format!("{name}={value}"))),
    })
}

/// IAM's roles, each with its policies.
async fn roles(sdk: &SdkConfig) -> Result<Vec<Seen>> {
    let iam = &aws_sdk_iam::Client::new(sdk);
    let roles: Vec<_> = iam.list_roles().into_paginator().items().send().try_collect().await?;
    let described = roles.into_iter().map(|role| async move {
        let name = role.role_name();
        let (got, inline, attached) = try_join!(
            async { anyhow::Ok(iam.get_role().role_name(name).send().await?) },
            async { Ok(iam.list_role_policies().role_name(name).send().await?) },
            async { Ok(iam.list_attached_role_policies().role_name(name).send().await?) }
        )?;
        let mut policies = BTreeMap::new();
        for policy in inline.policy_names() {
            let got = iam.get_role_policy().role_name(name).policy_name(policy).send().await?;
            policies.insert(policy.clone(), document(&got.policy_document));
        }
        let role = got.role.context("no role")?;
        let given = tags(role.tags().iter().map(|tag| (tag.key(), tag.value())));
        let facts = json!({
            "path": role.path(), "policies": policies,
            "trust": document(role.assume_role_policy_document().unwrap_or_default()),
            "boundary": role.permissions_boundary().and_then(|one| one.permissions_boundary_arn()),
            "attached": sorted(attached.attached_policies().iter().filter_map(|one| one.policy_arn())),
        });
        Ok(Seen::new("role", label(name, &given), facts))
    });
    try_join_all(described).await
}

/// A policy document, which IAM gives percent-encoded.
fn document(encoded: &str) -> Value {
    let mut parts = encoded.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        bytes.extend(u8::from_str_radix(code, 16));
        bytes.extend(rest.as_bytes());
    }
    parsed(&String::from_utf8_lossy(&bytes))
}

async fn functions(sdk: &SdkConfig) -> Result<Vec<Seen>> {
    let lambda = &aws_sdk_lambda::Client::new(sdk);
    let functions: Vec<_> = lambda.list_functions().into_paginator().items().send().try_collect().await?;
    let described = functions.into_iter().map(|function| async move {
        let name = text(function.function_name());
        let got = lambda.get_function().function_name(&name).send().await?;
        let one = got.configuration().context("no function")?;
        let variables = one.environment().and_then(|one| one.variables()).into_iter().flatten();
        let vpc = one.vpc_config();
        let facts = json!({
            "code": one.code_sha256(), "role": one.role(), "memory": one.memory_size(), "timeout": one.timeout(),
            "state": one.state().map(|one| one.as_str()), "logs": one.logging_config().and_then(|one| one.log_group()),
            "variables": sorted(variables.map(|(name, value)| format!("{name}={value}"))),
            "subnets": sorted(vpc.map(|one| one.subnet_ids()).unwrap_or_default()),
            "groups": sorted(vpc.map(|one| one.security_group_ids()).unwrap_or_default()),
            "concurrency": got.concurrency().and_then(|one| one.reserved_concurrent_executions()),
        });
        Ok(Seen::new("function", label(&name, &tags(got.tags().cloned().unwrap_or_default())), facts))
    });
    try_join_all(described).await
}

async fn mappings(sdk: &SdkConfig) -> Result<Vec<Seen>> {
    let lambda = &aws_sdk_lambda::Client::new(sdk);
    let mappings = lambda.list_event_source_mappings().into_paginator().items().send();
    let mappings: Vec<_> = mappings.try_collect().await?;
    let described = mappings.into_iter().map(|one| async move {
        let arn = text(one.event_source_mapping_arn());
        let listed = lambda.list_tags().resource(arn).send().await?;
        let facts = json!({
            "source": one.event_source_arn(), "function": one.function_arn(), "state": one.state(),
            "batch": one.batch_size(), "window": one.maximum_batching_window_in_seconds(),
        });
        Ok(Seen::new("event source mapping", label("", &tags(listed.tags.unwrap_or_default())), facts))
    });
    try_join_all(described).await
}
