//! The families against scripted Cloud Map: every race that an emulator does not show, and every field of the specs.

mod cloud;
mod instances;
mod namespaces;
mod services;

use resource::{Desired, Key, Scope};

use crate::{Namespace, NamespaceSpec, Service, ServiceSpec};

pub(crate) fn scope() -> Scope {
    Scope {
        project: "headwater".into(),
        environment: "dev".into(),
        account: "111111111111".into(),
        region: "eu-west-1".into(),
    }
}

pub(crate) fn namespace_key() -> Key {
    "stateful/namespace".parse().unwrap()
}

pub(crate) fn service_key() -> Key {
    "eventstore/discovery".parse().unwrap()
}

pub(crate) fn namespace() -> Desired<NamespaceSpec> {
    let key = namespace_key();
    let name = Some(Namespace::new(&scope(), &key).name().to_owned());
    Desired { key, name, spec: NamespaceSpec { vpc: "vpc-1".into(), description: Some("Names.".into()) } }
}

pub(crate) fn service() -> Desired<ServiceSpec> {
    let spec = ServiceSpec { description: Some("EventStoreDB.".into()), ..ServiceSpec::of_tasks("ns-1") };
    Desired { key: service_key(), name: Some("eventstore".into()), spec }
}

#[test]
fn names_follow_from_the_scope_and_ids_are_references() {
    let namespace = Namespace::new(&scope(), &namespace_key());
    let service = Service::new(&namespace, &service_key(), "eventstore");
    assert_eq!(
        (namespace.name(), namespace.id().as_str()),
        ("headwater-dev.internal", "${stateful/namespace}")
    );
    assert_eq!(service.dns_name(), "eventstore.headwater-dev.internal");
    assert_eq!((service.name(), service.arn().as_str()), ("eventstore", "${eventstore/discovery.arn}"));
}
