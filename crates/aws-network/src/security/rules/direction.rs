//! What differs between rules that let in and rules that let out.

use std::{fmt::Debug, future::Future};

use aws_sdk_ec2::{
    Client,
    types::{IpPermission, TagSpecification},
};
use resource::{IamAction, Key, Kind, Result};

/// Whether rules let in or out: [`Ingress`](super::Ingress) or [`Egress`](super::Egress).
pub trait Direction: Clone + Debug + Send + Sync + 'static {
    /// The rules' kind.
    const KIND: Kind;

    /// Whether they let out.
    const IS_EGRESS: bool;

    /// The IAM actions that the family calls.
    const ACTIONS: &'static [IamAction];

    /// Makes a rule of one peer, with its tags; its id, where EC2 tells it.
    ///
    /// # Errors
    /// EC2's own; [`resource::Class::AlreadyExists`] where the group has such a rule.
    fn authorize(
        client: &Client,
        key: &Key,
        group_id: &str,
        permission: IpPermission,
        tags: TagSpecification,
    ) -> impl Future<Output = Result<Option<String>>> + Send;

    /// Deletes a rule of the group.
    ///
    /// # Errors
    /// EC2's own; [`resource::Class::NotFound`] where there is none.
    fn revoke(client: &Client, group_id: &str, id: &str) -> impl Future<Output = Result<()>> + Send;
}
