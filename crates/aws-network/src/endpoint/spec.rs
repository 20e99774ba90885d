//! What we set of a VPC endpoint.

use std::collections::BTreeSet;

use resource::{Effect, Spec};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The fields of a VPC endpoint that we set. Its policy is left at EC2's default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VpcEndpointSpec {
    /// The VPC's id. Fixed when the endpoint is made.
    pub vpc_id: String,
    /// The service, as in `com.amazonaws.eu-west-1.dynamodb`. Fixed when the endpoint is made.
    pub service_name: String,
    /// How traffic gets to it. Fixed when the endpoint is made.
    pub vpc_endpoint_type: VpcEndpointType,
    /// A gateway's: the ids of the route tables that get a route to it.
    pub route_table_ids: BTreeSet<String>,
    /// An interface's: the ids of the subnets that get an interface, one for each Availability Zone at most.
    pub subnet_ids: BTreeSet<String>,
    /// An interface's: the ids of its security groups. At least one: without, EC2 takes the VPC's default group.
    pub security_group_ids: BTreeSet<String>,
    /// An interface's: whether the service's usual name leads to the endpoint. The VPC needs DNS support and hostnames on.
    pub private_dns_enabled: bool,
}

/// How traffic gets to a VPC endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VpcEndpointType {
    /// By routes. DynamoDB and S3 have this, and it costs nothing.
    Gateway,
    /// By network interfaces in subnets.
    Interface,
}

impl VpcEndpointSpec {
    /// A gateway to `service` (`dynamodb`, `s3`) of that region, with routes in those tables.
    pub fn gateway(
        vpc_id: impl Into<String>,
        region: &str,
        service: &str,
        route_table_ids: impl IntoIterator<Item = String>,
    ) -> Self {
        Self {
            vpc_id: vpc_id.into(),
            service_name: service_name(region, service),
            vpc_endpoint_type: VpcEndpointType::Gateway,
            route_table_ids: route_table_ids.into_iter().collect(),
            subnet_ids: BTreeSet::new(),
            security_group_ids: BTreeSet::new(),
            private_dns_enabled: false,
        }
    }

    /// Interfaces to `service` (`secretsmanager`, `logs`) of that region in those subnets, with private DNS.
    pub fn interface(
        vpc_id: impl Into<String>,
        region: &str,
        service: &str,
        subnet_ids: impl IntoIterator<Item = String>,
        security_group_ids: impl IntoIterator<Item = String>,
    ) -> Self {
        Self {
            vpc_id: vpc_id.into(),
            service_name: service_name(region, service),
            vpc_endpoint_type: VpcEndpointType::Interface,
            route_table_ids: BTreeSet::new(),
            subnet_ids: subnet_ids.into_iter().collect(),
            security_group_ids: security_group_ids.into_iter().collect(),
            private_dns_enabled: true,
        }
    }
}

fn service_name(region: &str, service: &str) -> String {
    format!("com.amazonaws.{region}.{service}")
}

impl Spec for VpcEndpointSpec {
    fn effect(field: &str, _: &Value, _: &Value) -> Effect {
        match field {
            "vpcId" | "serviceName" | "vpcEndpointType" => Effect::Replace,
            _ => Effect::Update,
        }
    }
}
