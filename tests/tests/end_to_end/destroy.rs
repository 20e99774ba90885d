//! What a destroy deletes, what it keeps, and what a later blueprint no longer names.

use std::collections::BTreeSet;

use anyhow::Result;
use aws_env::SdkConfig;
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
    let retained = local.own_nodes().filter(|node| node.retained).map(|node| node.key.to_string());
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
    all.extend(of_eventstore(sdk).await?);
    all.extend(of_network(sdk).await?);
    all.extend(of_alarms(sdk).await?);
    Ok(all)
}

async fn of_eventstore(sdk: &SdkConfig) -> Result<Vec<String>> {
    let ecs = aws_sdk_ecs::Client::new(sdk);
    let mut all = ecs.list_clusters().send().await?.cluster_arns.unwrap_or_default();
    all.extend(ecs.list_task_definitions().send().await?.task_definition_arns.unwrap_or_default());
    let discovery = aws_sdk_servicediscovery::Client::new(sdk);
    let namespaces = discovery.list_namespaces().send().await?.namespaces.unwrap_or_default();
    all.extend(namespaces.into_iter().filter_map(|namespace| namespace.name));
    let services = discovery.list_services().send().await?.services.unwrap_or_default();
    all.extend(services.into_iter().filter_map(|service| service.name));
    let efs = aws_sdk_efs::Client::new(sdk);
    let file_systems = efs.describe_file_systems().send().await?.file_systems.unwrap_or_default();
    all.extend(file_systems.into_iter().map(|file_system| file_system.file_system_id));
    let access_points = efs.describe_access_points().send().await?.access_points.unwrap_or_default();
    all.extend(access_points.into_iter().filter_map(|access_point| access_point.access_point_id));
    let backup = aws_sdk_backup::Client::new(sdk);
    let vaults = backup.list_backup_vaults().send().await?.backup_vault_list.unwrap_or_default();
    all.extend(vaults.into_iter().filter_map(|vault| vault.backup_vault_name));
    let plans = backup.list_backup_plans().send().await?.backup_plans_list.unwrap_or_default();
    all.extend(plans.into_iter().filter_map(|plan| plan.backup_plan_name));
    let secrets = aws_sdk_secretsmanager::Client::new(sdk).list_secrets().send().await?.secret_list;
    all.extend(secrets.unwrap_or_default().into_iter().filter_map(|secret| secret.name));
    Ok(all)
}

/// But for the network that an account begins with.
async fn of_network(sdk: &SdkConfig) -> Result<Vec<String>> {
    let ec2 = aws_sdk_ec2::Client::new(sdk);
    let vpcs = ec2.describe_vpcs().send().await?.vpcs.unwrap_or_default();
    let (default, vpcs): (Vec<_>, Vec<_>) = vpcs.into_iter().partition(|vpc| vpc.is_default == Some(true));
    let default: BTreeSet<_> = default.into_iter().filter_map(|vpc| vpc.vpc_id).collect();
    let is_ours = |vpc: &Option<String>| vpc.as_ref().is_none_or(|vpc| !default.contains(vpc));
    let mut all: Vec<_> = vpcs.into_iter().filter_map(|vpc| vpc.vpc_id).collect();
    let subnets = ec2.describe_subnets().send().await?.subnets.unwrap_or_default();
    let subnets = subnets.into_iter().filter(|subnet| is_ours(&subnet.vpc_id));
    all.extend(subnets.filter_map(|subnet| subnet.subnet_id));
    let tables = ec2.describe_route_tables().send().await?.route_tables.unwrap_or_default();
    let tables = tables.into_iter().filter(|table| is_ours(&table.vpc_id));
    all.extend(tables.filter_map(|table| table.route_table_id));
    let groups = ec2.describe_security_groups().send().await?.security_groups.unwrap_or_default();
    let groups = groups.into_iter().filter(|group| is_ours(&group.vpc_id));
    all.extend(groups.filter_map(|group| group.group_id));
    let endpoints = ec2.describe_vpc_endpoints().send().await?.vpc_endpoints.unwrap_or_default();
    all.extend(endpoints.into_iter().filter_map(|endpoint| endpoint.vpc_endpoint_id));
    let gateways = ec2.describe_internet_gateways().send().await?.internet_gateways.unwrap_or_default();
    let attached = |gateway: &aws_sdk_ec2::types::InternetGateway| {
        gateway.attachments().iter().any(|attachment| !is_ours(&attachment.vpc_id))
    };
    let gateways = gateways.into_iter().filter(|gateway| !attached(gateway));
    all.extend(gateways.filter_map(|gateway| gateway.internet_gateway_id));
    Ok(all)
}

async fn of_alarms(sdk: &SdkConfig) -> Result<Vec<String>> {
    let cloudwatch = aws_sdk_cloudwatch::Client::new(sdk);
    let alarms = cloudwatch.describe_alarms().send().await?.metric_alarms.unwrap_or_default();
    let mut all: Vec<_> = alarms.into_iter().filter_map(|alarm| alarm.alarm_name).collect();
    let dashboards = cloudwatch.list_dashboards().send().await?.dashboard_entries.unwrap_or_default();
    all.extend(dashboards.into_iter().filter_map(|dashboard| dashboard.dashboard_name));
    let topics = aws_sdk_sns::Client::new(sdk).list_topics().send().await?.topics.unwrap_or_default();
    all.extend(topics.into_iter().filter_map(|topic| topic.topic_arn));
    Ok(all)
}

#[tokio::test]
async fn what_the_blueprint_no_longer_names_is_deleted_unless_it_is_stateful() -> Result<()> {
    let mut local = Local::start(DEFAULTS).await?;
    local.deploy().await?;
    let keys = |stateful: bool| {
        let of = local.own_nodes().map(|node| node.key.clone());
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
