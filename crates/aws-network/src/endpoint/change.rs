//! The calls that change a VPC endpoint.

use std::{collections::BTreeSet, time::Duration};

use aws_env::Patience;
use aws_sdk_ec2::{
    Client,
    operation::{
        create_vpc_endpoint::builders::CreateVpcEndpointFluentBuilder,
        delete_vpc_endpoints::DeleteVpcEndpointsOutput,
        modify_vpc_endpoint::builders::ModifyVpcEndpointFluentBuilder,
    },
    types::{self, ResourceType},
};
use resource::{Class, Error, Key, Observed, Result, Scope};
use uuid::Uuid;

use super::{VpcEndpointSpec, VpcEndpointType};
use crate::ec2;

pub(super) const CREATE: &str = "ec2:CreateVpcEndpoint";

/// The interfaces of an endpoint come and go within minutes.
pub(super) const AVAILABLE: Patience =
    Patience::new(Duration::from_millis(500), Duration::from_secs(10), Duration::from_secs(900));

/// The call that makes the endpoint. Its client token is new each time: one that is made again after a deletion must not
/// be taken for the deleted one.
pub(super) fn create(
    client: &Client,
    scope: &Scope,
    key: &Key,
    spec: &VpcEndpointSpec,
) -> CreateVpcEndpointFluentBuilder {
    let create = client
        .create_vpc_endpoint()
        .client_token(Uuid::new_v4().to_string())
        .vpc_id(&spec.vpc_id)
        .service_name(&spec.service_name)
        .tag_specifications(ec2::tag_specification(scope, key, ResourceType::VpcEndpoint));
    match spec.vpc_endpoint_type {
        VpcEndpointType::Gateway => create
            .vpc_endpoint_type(types::VpcEndpointType::Gateway)
            .set_route_table_ids(some(spec.route_table_ids.iter())),
        VpcEndpointType::Interface => create
            .vpc_endpoint_type(types::VpcEndpointType::Interface)
            .set_subnet_ids(some(spec.subnet_ids.iter()))
            .set_security_group_ids(some(spec.security_group_ids.iter()))
            .private_dns_enabled(spec.private_dns_enabled),
    }
}

/// The call that makes what is there as it is wanted, with what differs alone.
pub(super) fn modify(
    client: &Client,
    there: &Observed<VpcEndpointSpec>,
    want: &VpcEndpointSpec,
) -> ModifyVpcEndpointFluentBuilder {
    let added = |have: &BTreeSet<String>, want: &BTreeSet<String>| some(want.difference(have));
    let removed = |have: &BTreeSet<String>, want: &BTreeSet<String>| some(have.difference(want));
    let have = &there.spec;
    let dns = Some(want.private_dns_enabled).filter(|enabled| *enabled != have.private_dns_enabled);
    client
        .modify_vpc_endpoint()
        .vpc_endpoint_id(&there.id)
        .set_add_route_table_ids(added(&have.route_table_ids, &want.route_table_ids))
        .set_remove_route_table_ids(removed(&have.route_table_ids, &want.route_table_ids))
        .set_add_subnet_ids(added(&have.subnet_ids, &want.subnet_ids))
        .set_remove_subnet_ids(removed(&have.subnet_ids, &want.subnet_ids))
        .set_add_security_group_ids(added(&have.security_group_ids, &want.security_group_ids))
        .set_remove_security_group_ids(removed(&have.security_group_ids, &want.security_group_ids))
        .set_private_dns_enabled(dns)
}

fn some<'a>(ids: impl Iterator<Item = &'a String>) -> Option<Vec<String>> {
    let ids: Vec<_> = ids.cloned().collect();
    (!ids.is_empty()).then_some(ids)
}

/// Whether EC2 learns yet what the endpoint needs, has another change of it under way, or has not forgotten the routes
/// and names of an endpoint that was deleted before. For the last two but one EC2 has no code of their own.
pub(super) fn settles(error: &Error) -> bool {
    matches!(error.class, Class::NotFound | Class::Conflict)
        || error.says("RouteAlreadyExists")
        || error.says("conflicting DNS domain")
        || error.says("enableDnsHostnames")
}

/// What became of the endpoint in a deletion, which tells in its answer alone that it was refused.
pub(super) fn deleted(operation: &'static str, id: &str, answer: &DeleteVpcEndpointsOutput) -> Result<()> {
    let Some(error) = answer.unsuccessful().iter().find_map(|item| item.error()) else { return Ok(()) };
    let (code, message) = (error.code().unwrap_or_default(), error.message().unwrap_or_default());
    let class = if code.ends_with("NotFound") { Class::NotFound } else { Class::Conflict };
    Err(Error::new(operation, id, class, format!("{code}: {message}")))
}
