//! Reading roles.

use std::collections::{BTreeMap, BTreeSet};

use aws_env::At;
use aws_sdk_iam::{Client, types};
use aws_smithy_types::date_time::Format;
use futures::future::try_join_all;
use percent_encoding::percent_decode_str;
use resource::{Class, Error, Observed, PolicyDocument, Result, Scope};

use crate::RoleSpec;

/// The names of the roles whose path begins with `path`.
pub(crate) async fn list(client: &Client, path: &str) -> Result<Vec<String>> {
    let mut pages = client.list_roles().path_prefix(path).into_paginator().send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        names.extend(page.at("iam:ListRoles", path)?.roles.into_iter().map(|role| role.role_name));
    }
    Ok(names)
}

/// The role with that name, by three calls and one for each inline policy; `None` where there is none.
pub(crate) async fn describe(
    client: &Client,
    scope: &Scope,
    name: &str,
) -> Result<Option<Observed<RoleSpec>>> {
    // ListRoles leaves out tags, boundary and description.
    let parts =
        futures::try_join!(get(client, name), policies(client, name), managed_policy_arns(client, name));
    match parts? {
        (Some(role), policies, managed) => observe(scope, role, policies, managed).map(Some),
        (None, ..) => Ok(None),
    }
}

/// The role itself. Whether it is there is decided by this call alone.
pub(crate) async fn get(client: &Client, name: &str) -> Result<Option<types::Role>> {
    let role = client.get_role().role_name(name).send().await.at("iam:GetRole", name).map(|found| found.role);
    or_nothing(role)
}

/// Whether there is a managed policy of that ARN.
pub(crate) async fn has_policy(client: &Client, arn: &str) -> Result<bool> {
    let found = client.get_policy().policy_arn(arn).send().await.at("iam:GetPolicy", arn);
    or_nothing(found.map(|_| true))
}

/// What is deleted while it is looked at is nothing.
fn or_nothing<T: Default>(result: Result<T>) -> Result<T> {
    match result {
        Err(error) if error.class == Class::NotFound => Ok(T::default()),
        other => other,
    }
}

async fn policies(client: &Client, role: &str) -> Result<BTreeMap<String, PolicyDocument>> {
    let mut pages = client.list_role_policies().role_name(role).into_paginator().send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        names.extend(or_nothing(page.at("iam:ListRolePolicies", role).map(|page| page.policy_names))?);
    }
    let documents = names.into_iter().map(|name| async move {
        let policy = client.get_role_policy().role_name(role).policy_name(&name).send().await;
        match or_nothing(policy.at("iam:GetRolePolicy", role).map(Some))? {
            Some(policy) => {
                decode("iam:GetRolePolicy", role, &policy.policy_document).map(|read| Some((name, read)))
            }
            None => Ok(None),
        }
    });
    Ok(try_join_all(documents).await?.into_iter().flatten().collect())
}

async fn managed_policy_arns(client: &Client, role: &str) -> Result<BTreeSet<String>> {
    let mut pages = client.list_attached_role_policies().role_name(role).into_paginator().send();
    let mut arns = BTreeSet::new();
    while let Some(page) = pages.next().await {
        let page = page.at("iam:ListAttachedRolePolicies", role).map(|page| page.attached_policies);
        let attached = or_nothing(page)?.unwrap_or_default();
        arns.extend(attached.into_iter().filter_map(|policy| policy.policy_arn));
    }
    Ok(arns)
}

fn observe(
    scope: &Scope,
    role: types::Role,
    policies: BTreeMap<String, PolicyDocument>,
    managed_policy_arns: BTreeSet<String>,
) -> Result<Observed<RoleSpec>> {
    let trust = role.assume_role_policy_document.unwrap_or_default();
    let tags = role.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect();
    Ok(Observed {
        owner: scope.owner(&tags),
        spec: RoleSpec {
            path: role.path,
            description: role.description.unwrap_or_default(),
            assume_role_policy_document: decode("iam:GetRole", &role.role_name, &trust)?,
            policies,
            managed_policy_arns,
            permissions_boundary: role
                .permissions_boundary
                .and_then(|boundary| boundary.permissions_boundary_arn),
            max_session_duration_seconds: role.max_session_duration.unwrap_or(3600),
        },
        outputs: BTreeMap::from([("arn".to_owned(), role.arn)]),
        created: role.create_date.fmt(Format::DateTime).ok(),
        pending: None,
        name: Some(role.role_name.clone()),
        id: role.role_name,
    })
}

/// IAM gives policy documents percent-encoded, by RFC 3986.
pub(crate) fn decode(operation: &'static str, resource: &str, document: &str) -> Result<PolicyDocument> {
    let unreadable = |error: Box<dyn std::error::Error + Send + Sync>| {
        Error::new(operation, resource, Class::Fatal, error)
    };
    let json = percent_decode_str(document).decode_utf8().map_err(|error| unreadable(error.into()))?;
    serde_json::from_str(&json).map_err(|error| unreadable(error.into()))
}
