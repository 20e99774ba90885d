//! The family `AWS::IAM::ServiceLinkedRole`: the roles by which AWS's services act in the account. An account has one of each,
//! all its environments share it, and it stays.

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, time::Duration};

use aws_env::{At, Patience, SdkConfig, wait_until};
use aws_sdk_iam::{Client, types::Role};
use aws_smithy_types::date_time::Format;
use futures::future::try_join_all;
use resource::{
    Class, Desired, Effect, Error, Family, IamAction, Key, KeyError, Kind, Observed, Owner, Progress, Result,
    Scope, Spec, Within,
};

use crate::scopes::ECS_ROLE;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The services whose roles we ensure. Others that the account has mean nothing to us.
const SERVICES: [&str; 1] = ["ecs"];

const CREATE: &str = "iam:CreateServiceLinkedRole";
const LIST: &str = "iam:ListRoles";

/// A role just made is not listed for some seconds.
const PATIENCE: Patience =
    Patience::new(Duration::from_millis(250), Duration::from_secs(2), Duration::from_secs(60));

/// What we set of a service-linked role. AWS decides all else of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceLinkedRoleSpec {
    /// The service: `ecs.amazonaws.com`.
    pub aws_service_name: String,
}

impl ServiceLinkedRoleSpec {
    /// The role of a service by its short name: `ecs`.
    pub fn new(service: &str) -> Self {
        Self { aws_service_name: format!("{service}.amazonaws.com") }
    }
}

impl Spec for ServiceLinkedRoleSpec {
    fn effect(_: &str, _: &Value, _: &Value) -> Effect {
        Effect::Refuse(
            "a service-linked role belongs to its service; give the other one a key of its own".into(),
        )
    }
}

/// The key of the role of a service by its short name: `stateful/ecs-service-linked-role` for `ecs`. The role carries no
/// tags, so this key is what it is known by.
///
/// # Errors
/// Where `service` cannot be part of a key.
pub fn service_linked_role_key(service: &str) -> std::result::Result<Key, KeyError> {
    Key::new(Key::STATEFUL, &format!("{service}-service-linked-role"))
}

/// IAM's service-linked roles: those of ECS. They are ensured and never deleted.
///
/// A role that is there counts as this environment's, whoever made it. It has neither name nor tags to tell otherwise, and
/// it is the one that any environment would make.
#[derive(Clone, Debug)]
pub struct ServiceLinkedRoles {
    client: Client,
}

impl ServiceLinkedRoles {
    /// The family behind this configuration.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// The role of that service; `None` where the account has none.
    async fn role(&self, service: &str) -> Result<Option<Observed<ServiceLinkedRoleSpec>>> {
        let spec = ServiceLinkedRoleSpec::new(service);
        let path = format!("/aws-service-role/{}/", spec.aws_service_name);
        let mut pages = self.client.list_roles().path_prefix(&path).into_paginator().send();
        while let Some(page) = pages.next().await {
            if let Some(role) = page.at(LIST, &path)?.roles.into_iter().next() {
                return observe(service, spec, &role).map(Some);
            }
        }
        Ok(None)
    }
}

fn observe(
    service: &str,
    spec: ServiceLinkedRoleSpec,
    role: &Role,
) -> Result<Observed<ServiceLinkedRoleSpec>> {
    let key = service_linked_role_key(service);
    let key = key.map_err(|error| Error::new(LIST, service, Class::Fatal, error))?;
    Ok(Observed {
        id: role.role_name().to_owned(),
        name: None,
        owner: Owner::Us(key),
        spec,
        outputs: BTreeMap::from([("arn".to_owned(), role.arn().to_owned())]),
        created: role.create_date().fmt(Format::DateTime).ok(),
        pending: None,
    })
}

/// IAM tells a role that is there as an invalid name.
fn is_there(error: &Error) -> bool {
    error.class == Class::AlreadyExists || error.says("has been taken in this account")
}

impl Family for ServiceLinkedRoles {
    type Spec = ServiceLinkedRoleSpec;

    const KIND: Kind = Kind::new("AWS::IAM::ServiceLinkedRole");
    const SHARED: bool = true;
    const REFERS_TO: &'static [Kind] = &[];
    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("iam:ListRoles").within(Within::IN_ACCOUNT),
        IamAction::write("iam:CreateServiceLinkedRole").within(ECS_ROLE),
    ];

    async fn survey(&self, _: &Scope) -> Result<Vec<Observed<ServiceLinkedRoleSpec>>> {
        let roles = try_join_all(SERVICES.map(|service| self.role(service))).await?;
        Ok(roles.into_iter().flatten().collect())
    }

    async fn ensure(
        &self,
        _: &Scope,
        desired: &Desired<ServiceLinkedRoleSpec>,
        observed: Option<&Observed<ServiceLinkedRoleSpec>>,
        progress: &Progress,
    ) -> Result<Observed<ServiceLinkedRoleSpec>> {
        if let Some(observed) = observed {
            return Ok(observed.clone());
        }
        let Desired { key, spec, .. } = desired;
        let known = |service: &&str| ServiceLinkedRoleSpec::new(service) == *spec;
        let Some(service) = SERVICES.into_iter().find(known) else {
            let text = format!("no survey would find the role of {}", spec.aws_service_name);
            return Err(Error::new(CREATE, key, Class::Fatal, text));
        };
        let call = self.client.create_service_linked_role().aws_service_name(&spec.aws_service_name);
        match call.send().await.at(CREATE, key) {
            Err(error) if !is_there(&error) => return Err(error),
            _ => {}
        }
        let waits_for = "the service-linked role to be known to IAM";
        wait_until(&PATIENCE, progress, LIST, key, waits_for, || self.role(service)).await
    }

    /// Leaves it: other environments and other people use it.
    async fn delete(&self, observed: &Observed<ServiceLinkedRoleSpec>, progress: &Progress) -> Result<()> {
        progress.note(format!("{} is shared by the whole account and stays", observed.id));
        Ok(())
    }

    async fn find(&self, _: &Scope, id: &str) -> Result<Option<Observed<ServiceLinkedRoleSpec>>> {
        let roles = try_join_all(SERVICES.map(|service| self.role(service))).await?;
        let meant = |role: &Observed<ServiceLinkedRoleSpec>| {
            role.id == id || role.outputs.values().any(|arn| arn == id) || role.spec.aws_service_name == id
        };
        Ok(roles.into_iter().flatten().find(meant))
    }

    /// It is everybody's already.
    async fn adopt(&self, _: &Scope, _: &Key, _: &Observed<ServiceLinkedRoleSpec>) -> Result<()> {
        Ok(())
    }
}
