//! Network interfaces that keep a subnet, a VPC or a security group from being deleted.

use std::{future::Future, time::Duration};

use aws_env::{At, Patience, wait_until};
use aws_sdk_ec2::{
    Client,
    types::{NetworkInterface, NetworkInterfaceStatus},
};
use resource::{Class, Error, Progress, Result};

use crate::ec2;

/// Lambda takes up to 20 minutes to give its interfaces back, and at times twice that:
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html>
const LINGER: Patience =
    Patience::new(Duration::from_secs(1), Duration::from_secs(15), Duration::from_secs(45 * 60));

/// What Lambda writes into the description of an interface that it makes; followed by the function's name and an id.
const LAMBDA: &str = "AWS Lambda VPC ENI-";

/// Where interfaces are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Subnet,
    Vpc,
    SecurityGroup,
}

impl Place {
    fn filter(self) -> &'static str {
        match self {
            Self::Subnet => "subnet-id",
            Self::Vpc => "vpc-id",
            Self::SecurityGroup => "group-id",
        }
    }

    /// Whether the interface is in this place. An emulator may not know the filters.
    fn has(self, id: &str, interface: &NetworkInterface) -> bool {
        match self {
            Self::Subnet => interface.subnet_id() == Some(id),
            Self::Vpc => interface.vpc_id() == Some(id),
            Self::SecurityGroup => interface.groups().iter().any(|group| group.group_id() == Some(id)),
        }
    }
}

/// Runs `delete`. Where interfaces keep the resource from being deleted, waits until they are gone and deletes those that
/// Lambda left behind; then runs it again. That the resource is gone already is success.
///
/// # Errors
/// [`Class::RetryLater`], which says what is left, when the interfaces stay for three quarters of an hour; the operation's own
/// when it is something else that the resource is needed for.
pub(crate) async fn delete_without<T, F>(
    client: &Client,
    place: Place,
    id: &str,
    progress: &Progress,
    mut delete: impl FnMut() -> F,
) -> Result<()>
where
    F: Future<Output = Result<T>>,
{
    match delete().await {
        Err(error) if error.class == Class::Conflict => {}
        done => return ec2::or_gone(done),
    }
    wait_for_none(client, place, id, progress).await?;
    ec2::delete(progress, &format!("what depends on {id} to be gone"), delete).await
}

async fn wait_for_none(client: &Client, place: Place, id: &str, progress: &Progress) -> Result<()> {
    let operation = "ec2:DescribeNetworkInterfaces";
    // What is noted here names the interfaces, which a fixed sentence cannot.
    let silent = Progress::silent();
    let none = wait_until(&LINGER, &silent, operation, id, "network interfaces", || async {
        let left = interfaces(client, place, id).await?;
        if left.is_empty() {
            return Ok(Some(()));
        }
        progress.note(format!("waits for {} to be gone", sentence(id, &left)));
        reap(client, &left).await?;
        Ok(None)
    });
    match none.await {
        Err(error) if error.class == Class::RetryLater => {
            let left = interfaces(client, place, id).await?;
            if left.is_empty() {
                return Ok(());
            }
            let minutes = LINGER.total.as_secs() / 60;
            let late = format!("waited {minutes} min for {} to be gone, in vain", sentence(id, &left));
            Err(Error::new(operation, id, Class::RetryLater, late))
        }
        done => done,
    }
}

async fn interfaces(client: &Client, place: Place, id: &str) -> Result<Vec<NetworkInterface>> {
    let filter = ec2::filter(place.filter(), id);
    let pages = client.describe_network_interfaces().filters(filter).into_paginator().items().send();
    let found: Vec<_> = pages.try_collect().await.at("ec2:DescribeNetworkInterfaces", id)?;
    Ok(found.into_iter().filter(|interface| place.has(id, interface)).collect())
}

/// Deletes the interfaces that Lambda made and no longer uses.
async fn reap(client: &Client, interfaces: &[NetworkInterface]) -> Result<()> {
    let reapable = interfaces.iter().filter(|interface| {
        interface.status() == Some(&NetworkInterfaceStatus::Available)
            && interface.description().is_some_and(|text| text.starts_with(LAMBDA))
    });
    for interface in reapable {
        let id = interface.network_interface_id().unwrap_or_default();
        let delete = client.delete_network_interface().network_interface_id(id).send().await;
        match delete.at("ec2:DeleteNetworkInterface", id) {
            // Lambda took it again, or gave it back itself: the next look tells.
            Err(error) if !matches!(error.class, Class::Conflict | Class::NotFound) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn sentence(id: &str, left: &[NetworkInterface]) -> String {
    let count = match left.len() {
        1 => "1 network interface".to_owned(),
        many => format!("{many} network interfaces"),
    };
    let mut named: Vec<_> = left
        .iter()
        .map(|interface| match interface.description() {
            Some(text) if !text.is_empty() => text,
            _ => interface.network_interface_id().unwrap_or_default(),
        })
        .collect();
    named.sort_unstable();
    format!("{count} of {id} ({})", named.join(", "))
}
