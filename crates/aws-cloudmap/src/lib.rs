//! Cloud Map's private DNS: the families `AWS::ServiceDiscovery::PrivateDnsNamespace` and `AWS::ServiceDiscovery::Service`, and
//! the instances that are registered with a service.

mod client;
mod handle;
mod instances;
mod namespaces;
mod operation;
mod scopes;
mod services;
mod spec;
mod tags;
#[cfg(test)]
mod tests;

pub use handle::{Namespace, Service};
pub use instances::{Instance, Instances};
pub use namespaces::Namespaces;
pub use services::Services;
pub use spec::{NamespaceSpec, ServiceSpec};
