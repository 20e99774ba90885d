//! EC2's network: VPC, subnets, gateways, route tables, addresses; security groups and endpoints.
//!
//! EC2 makes the ids of all of these, so only our tags tell what is ours, and a spec names another resource by a
//! [`resource::Reference`], which the handles ([`Vpc`], [`Subnet`], …) give. What EC2 makes by itself with a VPC (its main route
//! table, its default security group and network ACL) carries no tags and is never ours; it goes with the VPC.

mod ec2;
mod elastic_ip;
mod endpoint;
mod handle;
mod interfaces;
mod internet_gateway;
mod nat_gateway;
mod route_table;
mod scopes;
mod security;
mod subnet;
mod subnet_cidrs;
#[cfg(test)]
mod tests;
mod vpc;
mod zone;

pub use elastic_ip::{ElasticIpSpec, ElasticIps};
pub use endpoint::{VpcEndpointSpec, VpcEndpointType, VpcEndpoints};
pub use handle::{ElasticIp, InternetGateway, NatGateway, RouteTable, Subnet, Vpc};
pub use internet_gateway::{InternetGatewaySpec, InternetGateways};
pub use nat_gateway::{NatGatewaySpec, NatGateways};
pub use route_table::{RouteTableSpec, RouteTables};
pub use security::*;
pub use subnet::{SubnetSpec, Subnets};
pub use subnet_cidrs::{CidrError, SubnetCidrs, subnet_cidrs};
pub use vpc::{VpcSpec, Vpcs};
