//! The network: the VPC and its subnets, which are stateful, and the stack `network`, which leads out of them.

use std::collections::{BTreeMap, BTreeSet};

use aws_ecs::Switch;
use aws_network::{
    Connections, ElasticIp, ElasticIpSpec, ElasticIps, InternetGateway, InternetGatewaySpec,
    InternetGateways, NatGateway, NatGatewaySpec, NatGateways, Port, RouteTable, RouteTableSpec, RouteTables,
    Rule, RuleDirection, SecurityGroup, SecurityGroupEgressRules, SecurityGroupIngressRules,
    SecurityGroupSpec, SecurityGroups, Subnet, SubnetSpec, Subnets, Vpc, VpcEndpointSpec, VpcEndpoints,
    VpcSpec, Vpcs, subnet_cidrs,
};
use resource::{Key, Node, Scope};

use crate::Error;
use crate::configuration::{Egress, Environment};
use crate::stack::node;

const STACK: &str = "network";
const HTTPS: Port = Port::tcp(443);
const EVERYWHERE: &str = "0.0.0.0/0";

/// AWS's services that private functions call, where no NAT gateway leads to them.
const SERVICES: [&str; 2] = ["secretsmanager", "sqs"];

/// What the other stacks may refer to.
pub(crate) struct Network {
    pub(crate) vpc: Vpc,
    pub(crate) public: Vec<Subnet>,
    pub(crate) private: Vec<Subnet>,
    /// The interface endpoints' group, where there are any.
    pub(crate) endpoints: Option<SecurityGroup>,
}

impl Network {
    /// The resources by their keys alone.
    pub(crate) fn new(scope: &Scope, environment: &Environment) -> Result<Self, Error> {
        let subnets = |name: &str| {
            let keys = (1..=environment.network.azs)
                .map(|zone| Key::new(Key::STATEFUL, &format!("{name}-subnet-{zone}")));
            keys.map(|key| Ok(Subnet::new(&key?))).collect::<Result<Vec<_>, Error>>()
        };
        let endpoints = match environment.network.egress {
            Egress::PublicIp => {
                Some(SecurityGroup::new(scope, &Key::new(STACK, "endpoints-security-group")?, "endpoints"))
            }
            Egress::Nat => None,
        };
        Ok(Self {
            vpc: Vpc::new(&Key::new(Key::STATEFUL, "vpc")?),
            public: subnets("public")?,
            private: subnets("private")?,
            endpoints,
        })
    }

    /// VPC and subnets. They are stateful: the file system's mount targets are in them.
    pub(crate) fn stateful(&self, environment: &Environment) -> Result<Vec<Node>, Error> {
        let cidr = &environment.network.cidr;
        let vpc = VpcSpec { cidr_block: cidr.clone(), enable_dns_hostnames: true, enable_dns_support: true };
        let mut nodes = vec![node::<Vpcs>(self.vpc.key(), None, &vpc)?];
        let zones = subnet_cidrs(cidr, self.public.len())?;
        for (index, blocks) in zones.into_iter().enumerate() {
            let sides = [(&self.public[index], blocks.public), (&self.private[index], blocks.private)];
            for (subnet, cidr_block) in sides {
                let spec = SubnetSpec {
                    vpc_id: self.vpc.id(),
                    cidr_block,
                    zone_index: u32::try_from(index).unwrap_or_default(),
                    // Who is to have a public address asks for it.
                    map_public_ip_on_launch: false,
                };
                nodes.push(node::<Subnets>(subnet.key(), None, &spec)?);
            }
        }
        Ok(nodes)
    }

    /// The ways out: gateways, routes, endpoints.
    pub(crate) fn stack(&self, environment: &Environment) -> Result<Vec<Node>, Error> {
        let key = |name: &str| Key::new(STACK, name);
        let gateway = InternetGateway::new(&key("internet-gateway")?);
        let spec = InternetGatewaySpec { vpc_id: Some(self.vpc.id()) };
        let mut nodes = vec![node::<InternetGateways>(gateway.key(), None, &spec)?];
        let public = RouteTable::new(&key("public-route-table")?);
        nodes.push(self.route_table(&public, &self.public, Some(gateway.id()))?);
        let private = RouteTable::new(&key("private-route-table")?);
        let nat = match environment.network.egress {
            Egress::PublicIp => None,
            Egress::Nat => {
                let address = ElasticIp::new(&key("nat-address")?);
                nodes.push(node::<ElasticIps>(address.key(), None, &ElasticIpSpec {})?);
                let nat = NatGateway::new(&key("nat-gateway")?);
                let spec = NatGatewaySpec { subnet_id: self.public[0].id(), allocation_id: address.id() };
                // Its own way out comes first.
                nodes.push(node::<NatGateways>(nat.key(), None, &spec)?.after([gateway.key(), public.key()]));
                Some(nat.id())
            }
        };
        nodes.push(self.route_table(&private, &self.private, nat)?);
        nodes.extend(self.endpoints(environment, &private)?);
        Ok(nodes)
    }

    fn route_table(
        &self,
        table: &RouteTable,
        subnets: &[Subnet],
        way: Option<String>,
    ) -> Result<Node, Error> {
        let spec = RouteTableSpec {
            vpc_id: self.vpc.id(),
            routes: way.into_iter().map(|target| (EVERYWHERE.to_owned(), target)).collect::<BTreeMap<_, _>>(),
            subnet_ids: ids(subnets),
        };
        node::<RouteTables>(table.key(), None, &spec)
    }

    /// DynamoDB's endpoint costs nothing. Those of other services do, so they are there where no NAT gateway is.
    fn endpoints(&self, environment: &Environment, private: &RouteTable) -> Result<Vec<Node>, Error> {
        let (vpc, region) = (self.vpc.id(), environment.region.as_str());
        let dynamodb = VpcEndpointSpec::gateway(&vpc, region, "dynamodb", [private.id()]);
        let mut nodes = vec![node::<VpcEndpoints>(&Key::new(STACK, "dynamodb-endpoint")?, None, &dynamodb)?];
        let Some(group) = &self.endpoints else { return Ok(nodes) };
        nodes.push(self.security_group(group, "Who calls AWS services through interface endpoints.")?);
        for service in SERVICES {
            let interface =
                VpcEndpointSpec::interface(&vpc, region, service, ids(&self.private), [group.id()]);
            let key = Key::new(STACK, &format!("{service}-endpoint"))?;
            nodes.push(node::<VpcEndpoints>(&key, None, &interface)?);
        }
        Ok(nodes)
    }

    /// A security group in the VPC, empty.
    pub(crate) fn security_group(&self, group: &SecurityGroup, description: &str) -> Result<Node, Error> {
        let spec = SecurityGroupSpec::new(self.vpc.id(), description);
        node::<SecurityGroups>(group.key(), Some(group.name()), &spec)
    }

    /// The subnets that tasks run in, and whether they have public addresses: without a NAT gateway that is their way to the
    /// registries of images.
    pub(crate) fn of_tasks(&self, environment: &Environment) -> (BTreeSet<String>, Switch) {
        match environment.network.egress {
            Egress::PublicIp => (ids(&self.public), Switch::Enabled),
            Egress::Nat => (ids(&self.private), Switch::Disabled),
        }
    }

    /// Lets a task of `client` get its image, its secrets and its log's service, over its own interface.
    pub(crate) fn allow_task(&self, client: &Connections, stack: &str) -> Result<Vec<Node>, Error> {
        let mut nodes = allow_to_internet(client)?;
        if self.endpoints.is_some() {
            // Private DNS leads the names of these services to the endpoints, for all of the VPC.
            nodes.extend(self.allow_to_services(client, stack)?);
        }
        Ok(nodes)
    }

    /// Lets `client` call AWS's services: over the endpoints, where there are some.
    pub(crate) fn allow_to_services(&self, client: &Connections, stack: &str) -> Result<Vec<Node>, Error> {
        match &self.endpoints {
            Some(endpoints) => rules(client.allow_to(&endpoints.connections(), HTTPS, stack)?),
            None => allow_to_internet(client),
        }
    }
}

/// Lets `client` connect to port 443 of any address.
fn allow_to_internet(client: &Connections) -> Result<Vec<Node>, Error> {
    rules(client.allow_to_cidr(EVERYWHERE.parse()?, HTTPS)?)
}

/// The nodes of these rules.
pub(crate) fn rules(rules: Vec<Rule>) -> Result<Vec<Node>, Error> {
    let node = |Rule { key, direction, spec }: Rule| match direction {
        RuleDirection::Ingress => node::<SecurityGroupIngressRules>(&key, None, &spec),
        RuleDirection::Egress => node::<SecurityGroupEgressRules>(&key, None, &spec),
    };
    rules.into_iter().map(node).collect()
}

/// References to the subnets.
pub(crate) fn ids(subnets: &[Subnet]) -> BTreeSet<String> {
    subnets.iter().map(Subnet::id).collect()
}
