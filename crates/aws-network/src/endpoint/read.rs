//! A VPC endpoint as EC2 gives it.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{self, VpcEndpoint};
use resource::{Class, Error, Observed, Owner, Result, Scope};

use super::{DESCRIBE, VpcEndpointSpec, VpcEndpointType};
use crate::ec2;

/// The endpoint's state in lower case: EC2 gives `available` where its model says `Available`.
fn state(endpoint: &VpcEndpoint) -> String {
    endpoint.state().map(|state| state.as_str().to_lowercase()).unwrap_or_default()
}

/// Whether it is being deleted, or is deleted and shown for a while still.
pub(super) fn is_going(endpoint: &VpcEndpoint) -> bool {
    matches!(state(endpoint).as_str(), "deleting" | "deleted")
}

pub(super) fn is_gone(endpoint: &VpcEndpoint) -> bool {
    state(endpoint) == "deleted"
}

/// Whether it will never be available.
pub(super) fn has_failed(endpoint: &VpcEndpoint) -> bool {
    matches!(state(endpoint).as_str(), "failed" | "rejected" | "expired")
}

/// What EC2 says of an endpoint that has failed.
pub(super) fn failure(endpoint: &VpcEndpoint) -> String {
    let last = endpoint.last_error().and_then(|error| error.message());
    let reason = endpoint.failure_reason().or(last).unwrap_or("EC2 gives no reason");
    format!("the VPC endpoint is {}: {reason}", state(endpoint))
}

pub(super) fn owner(scope: &Scope, endpoint: &VpcEndpoint) -> Owner {
    scope.owner(&ec2::tags(endpoint.tags()))
}

pub(super) fn observed(scope: &Scope, endpoint: &VpcEndpoint) -> Result<Observed<VpcEndpointSpec>> {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let id = text(endpoint.vpc_endpoint_id());
    let vpc_endpoint_type = match endpoint.vpc_endpoint_type() {
        Some(types::VpcEndpointType::Gateway) => VpcEndpointType::Gateway,
        Some(types::VpcEndpointType::Interface) => VpcEndpointType::Interface,
        other => {
            let is = other.map_or("of no type", |other| other.as_str());
            let text = format!("the VPC endpoint is {is}; only Gateway and Interface are known");
            return Err(Error::new(DESCRIBE, id, Class::Fatal, text));
        }
    };
    let groups = endpoint.groups().iter().filter_map(|group| group.group_id.clone());
    let arn = scope.arn("ec2", &format!("vpc-endpoint/{id}"));
    Ok(Observed {
        id,
        name: None,
        owner: owner(scope, endpoint),
        spec: VpcEndpointSpec {
            vpc_id: text(endpoint.vpc_id()),
            service_name: text(endpoint.service_name()),
            vpc_endpoint_type,
            route_table_ids: endpoint.route_table_ids().iter().cloned().collect(),
            subnet_ids: endpoint.subnet_ids().iter().cloned().collect(),
            security_group_ids: groups.collect(),
            private_dns_enabled: endpoint.private_dns_enabled().unwrap_or_default(),
        },
        outputs: BTreeMap::from([("arn".to_owned(), arn)]),
        created: endpoint.creation_timestamp().map(ToString::to_string),
        pending: Some(state(endpoint)).filter(|state| state != "available"),
    })
}
