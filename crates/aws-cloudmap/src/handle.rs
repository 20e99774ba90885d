//! A namespace and a service as others speak of them: DNS names, and references to what Cloud Map makes.

use resource::{Key, Reference, Scope};

/// The private DNS namespace of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    key: Key,
    name: String,
}

/// A service in the environment's namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    key: Key,
    name: String,
    namespace: String,
}

impl Namespace {
    /// The namespace with that key: `headwater-prod.internal`.
    pub fn new(scope: &Scope, key: &Key) -> Self {
        Self { key: key.clone(), name: format!("{}internal", prefix(scope)) }
    }

    /// Its key.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Its DNS name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A reference to its id.
    pub fn id(&self) -> String {
        Reference::id(&self.key).to_string()
    }
}

impl Service {
    /// The service with that key, of this name, in `namespace`.
    pub fn new(namespace: &Namespace, key: &Key, name: &str) -> Self {
        Self { key: key.clone(), name: name.to_owned(), namespace: namespace.name.clone() }
    }

    /// Its key.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Its name in the namespace.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The DNS name of its instances: `eventstore.headwater-prod.internal`.
    pub fn dns_name(&self) -> String {
        format!("{}.{}", self.name, self.namespace)
    }

    /// A reference to its id.
    pub fn id(&self) -> String {
        Reference::id(&self.key).to_string()
    }

    /// A reference to its ARN, which an ECS service names to have its tasks registered.
    pub fn arn(&self) -> String {
        Reference::output(&self.key, "arn").to_string()
    }
}

/// What the names of an environment's namespaces begin with: `headwater-prod.`
pub(crate) fn prefix(scope: &Scope) -> String {
    format!("{}-{}.", scope.project, scope.environment)
}
