//! The network's resources as others speak of them: by a reference, since EC2 makes their ids.

use resource::{Key, Reference};

macro_rules! handles {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(Key);

        impl $name {
            /// The resource of that key.
            pub fn new(key: &Key) -> Self {
                Self(key.clone())
            }

            /// Its key.
            pub fn key(&self) -> &Key {
                &self.0
            }

            /// The reference to its id, for another's spec.
            pub fn id(&self) -> String {
                Reference::id(&self.0).to_string()
            }
        }
    )*};
}

handles! {
    /// A VPC of an environment.
    Vpc
    /// A subnet of an environment.
    Subnet
    /// An internet gateway of an environment.
    InternetGateway
    /// A route table of an environment.
    RouteTable
    /// An Elastic IP address of an environment; its id is the allocation's.
    ElasticIp
    /// A NAT gateway of an environment.
    NatGateway
}

impl Subnet {
    /// The reference to the name of its Availability Zone.
    pub fn availability_zone(&self) -> String {
        Reference::output(&self.0, "availabilityZone").to_string()
    }
}

impl ElasticIp {
    /// The reference to its public address.
    pub fn public_ip(&self) -> String {
        Reference::output(&self.0, "publicIp").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_refers_to_what_is_not_there_yet() {
        let subnet = Subnet::new(&"stateful/private-a".parse().unwrap());
        assert_eq!(subnet.id(), "${stateful/private-a}");
        assert_eq!(subnet.availability_zone(), "${stateful/private-a.availabilityZone}");
        let address = ElasticIp::new(&"egress/nat-address".parse().unwrap());
        assert_eq!(address.public_ip(), "${egress/nat-address.publicIp}");
    }
}
