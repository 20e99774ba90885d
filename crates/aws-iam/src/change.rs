//! Making a role, and changing one in place.

use aws_env::At;
use aws_sdk_iam::{Client, error::BuildError, types::Tag};
use resource::{Class, Desired, Error, Key, Observed, Owner, PolicyDocument, Result, Scope};

use crate::{RoleSpec, observe};

const CREATE: &str = "iam:CreateRole";

/// The role as it is after its creation: all but its policies.
pub(crate) async fn create(
    client: &Client,
    scope: &Scope,
    desired: &Desired<RoleSpec>,
) -> Result<Observed<RoleSpec>> {
    let Desired { key, name, spec } = desired;
    let Some(name) = name else {
        return Err(Error::new(CREATE, key, Class::Fatal, "a role needs a name"));
    };
    let call = client
        .create_role()
        .role_name(name)
        .path(&spec.path)
        .description(&spec.description)
        .assume_role_policy_document(encode(CREATE, key, &spec.assume_role_policy_document)?)
        .max_session_duration(spec.max_session_duration_seconds)
        .set_permissions_boundary(spec.permissions_boundary.clone())
        .set_tags(Some(tags(CREATE, scope, key)?));
    match call.send().await.at(CREATE, key) {
        Ok(created) => Ok(Observed {
            id: name.clone(),
            name: Some(name.clone()),
            owner: Owner::Us(key.clone()),
            spec: spec.without_policies(),
            outputs: created.role.map(|role| ("arn".to_owned(), role.arn)).into_iter().collect(),
            created: None,
            pending: None,
        }),
        // An earlier attempt made it, and its reply was lost; or it is somebody else's.
        Err(error) if error.class == Class::AlreadyExists => {
            match observe::describe(client, scope, name).await? {
                Some(found) if found.owner == Owner::Us(key.clone()) => Ok(found),
                Some(_) => Err(error),
                // Whose it is shows once it is found: creations spread for some seconds.
                None => Err(Error { class: Class::RetryLater, ..error }),
            }
        }
        Err(error) => Err(error),
    }
}

/// One call that makes a role what it should be.
#[derive(Debug)]
pub(crate) enum Change<'a> {
    Trust(&'a PolicyDocument),
    Settings { description: &'a str, max_session_duration_seconds: i32 },
    Boundary(&'a str),
    NoBoundary,
    Put(&'a str, &'a PolicyDocument),
    Attach(&'a str),
    Delete(&'a str),
    Detach(&'a str),
}

/// The changes that lead from one to the other. What is granted anew comes before what is taken away, so that a running
/// function is never without what it has in both.
pub(crate) fn changes<'a>(have: &'a RoleSpec, want: &'a RoleSpec) -> Vec<Change<'a>> {
    let mut changes = Vec::new();
    // Before all else: a policy may allow that only for a role that has the boundary.
    if have.permissions_boundary != want.permissions_boundary {
        changes.push(want.permissions_boundary.as_deref().map_or(Change::NoBoundary, Change::Boundary));
    }
    if have.assume_role_policy_document != want.assume_role_policy_document {
        changes.push(Change::Trust(&want.assume_role_policy_document));
    }
    let settings = |spec: &'a RoleSpec| (spec.description.as_str(), spec.max_session_duration_seconds);
    if settings(have) != settings(want) {
        let (description, max_session_duration_seconds) = settings(want);
        changes.push(Change::Settings { description, max_session_duration_seconds });
    }
    let differs = |(name, document): &(&String, &PolicyDocument)| have.policies.get(*name) != Some(*document);
    changes.extend(want.policies.iter().filter(differs).map(|(name, document)| Change::Put(name, document)));
    changes.extend(
        want.managed_policy_arns.difference(&have.managed_policy_arns).map(|arn| Change::Attach(arn)),
    );
    let removed = have.policies.keys().filter(|name| !want.policies.contains_key(*name));
    changes.extend(removed.map(|name| Change::Delete(name)));
    changes.extend(
        have.managed_policy_arns.difference(&want.managed_policy_arns).map(|arn| Change::Detach(arn)),
    );
    changes
}

impl Change<'_> {
    /// Whether it names a managed policy, which may be so new that it is not found for some seconds.
    pub(crate) fn names_policy(&self) -> bool {
        matches!(self, Self::Attach(_) | Self::Boundary(_))
    }
}

/// Makes the change. Each is idempotent.
pub(crate) async fn apply(client: &Client, role: &str, change: &Change<'_>) -> Result<()> {
    match change {
        Change::Trust(document) => {
            let document = encode("iam:UpdateAssumeRolePolicy", role, document)?;
            let call = client.update_assume_role_policy().role_name(role).policy_document(document);
            call.send().await.at("iam:UpdateAssumeRolePolicy", role).map(drop)
        }
        Change::Settings { description, max_session_duration_seconds } => {
            let call = client.update_role().role_name(role).description(*description);
            let call = call.max_session_duration(*max_session_duration_seconds);
            call.send().await.at("iam:UpdateRole", role).map(drop)
        }
        Change::Boundary(arn) => {
            let call = client.put_role_permissions_boundary().role_name(role).permissions_boundary(*arn);
            call.send().await.at("iam:PutRolePermissionsBoundary", role).map(drop)
        }
        Change::NoBoundary => {
            let call = client.delete_role_permissions_boundary().role_name(role);
            gone(call.send().await.at("iam:DeleteRolePermissionsBoundary", role))
        }
        Change::Put(name, document) => {
            let document = encode("iam:PutRolePolicy", role, document)?;
            let call = client.put_role_policy().role_name(role).policy_name(*name).policy_document(document);
            call.send().await.at("iam:PutRolePolicy", role).map(drop)
        }
        Change::Attach(arn) => {
            let call = client.attach_role_policy().role_name(role).policy_arn(*arn);
            call.send().await.at("iam:AttachRolePolicy", role).map(drop)
        }
        Change::Delete(name) => {
            let call = client.delete_role_policy().role_name(role).policy_name(*name);
            gone(call.send().await.at("iam:DeleteRolePolicy", role))
        }
        Change::Detach(arn) => {
            let call = client.detach_role_policy().role_name(role).policy_arn(*arn);
            gone(call.send().await.at("iam:DetachRolePolicy", role))
        }
    }
}

/// That it is gone already is success.
pub(crate) fn gone<T>(result: Result<T>) -> Result<()> {
    match result {
        Err(error) if error.class != Class::NotFound => Err(error),
        _ => Ok(()),
    }
}

pub(crate) fn tags(operation: &'static str, scope: &Scope, key: &Key) -> Result<Vec<Tag>> {
    let tags = scope.tags(key).into_iter().map(|(name, value)| Tag::builder().key(name).value(value).build());
    tags.collect::<Result<_, BuildError>>().map_err(|error| Error::new(operation, key, Class::Fatal, error))
}

pub(crate) fn encode(
    operation: &'static str,
    resource: impl std::fmt::Display,
    document: &PolicyDocument,
) -> Result<String> {
    serde_json::to_string(document).map_err(|error| Error::new(operation, resource, Class::Fatal, error))
}
