//! Instances of a service, for whoever runs them without ECS: a local run, where no task registers itself.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddrV4},
};

use aws_env::{At, SdkConfig};
use aws_sdk_servicediscovery::{Client, types::HttpInstanceSummary};
use resource::{Progress, Result};

use crate::{client::client, operation::Job};

const ADDRESS: &str = "AWS_INSTANCE_IPV4";
const PORT: &str = "AWS_INSTANCE_PORT";

/// The instances of Cloud Map's services.
#[derive(Clone, Debug)]
pub struct Instances {
    client: Client,
}

/// An instance of a service, where it has an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its id in the service.
    pub id: String,
    /// Where it is.
    pub address: SocketAddrV4,
}

impl Instances {
    /// The instances that this configuration leads to. On a loopback endpoint they are found there too.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: client(config) }
    }

    /// Registers an instance, or gives the one of that id this address, and returns when that is done.
    ///
    /// # Errors
    /// What Cloud Map refuses, and, in its own words, what it failed at.
    pub async fn register(&self, service_id: &str, instance: &Instance) -> Result<()> {
        let operation = "servicediscovery:RegisterInstance";
        let Instance { id, address } = instance;
        let attributes = [(ADDRESS, address.ip().to_string()), (PORT, address.port().to_string())];
        let attributes = attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let register = self
            .client
            .register_instance()
            .service_id(service_id)
            .instance_id(id)
            .set_attributes(Some(attributes));
        let silent = Progress::silent();
        let job = Job { client: &self.client, operation, resource: service_id, progress: &silent };
        job.carry_out(|| {
            let register = register.clone();
            async move { Ok(register.send().await.at(operation, service_id)?.operation_id) }
        })
        .await
    }

    /// The instances with an IPv4 address of `service` in `namespace`, both by their names.
    ///
    /// # Errors
    /// What Cloud Map refuses; that there is no such namespace or service.
    pub async fn discover(&self, namespace: &str, service: &str) -> Result<Vec<Instance>> {
        let discover = self.client.discover_instances().namespace_name(namespace).service_name(service);
        let found = discover.send().await.at("servicediscovery:DiscoverInstances", service)?;
        Ok(found.instances.unwrap_or_default().into_iter().filter_map(instance).collect())
    }
}

fn instance(found: HttpInstanceSummary) -> Option<Instance> {
    let attributes: HashMap<_, _> = found.attributes?;
    let address: Ipv4Addr = attributes.get(ADDRESS)?.parse().ok()?;
    let port = attributes.get(PORT)?.parse().ok()?;
    Some(Instance { id: found.instance_id?, address: SocketAddrV4::new(address, port) })
}
