//! The family `AWS::IAM::Role`.

use std::time::Duration;

use aws_env::{At, Patience, SdkConfig, retry_while, wait_until};
use aws_sdk_iam::Client;
use futures::future::try_join_all;
use resource::{
    Class, Desired, Error, Family, IamAction, Key, Kind, Observed, Progress, Result, Scope, Within,
};

use crate::scopes::{BOUNDED_ROLES, OWN_ROLES, ROLES};
use crate::{
    ManagedPolicies, OidcProviders, RoleSpec,
    change::{apply, changes, create, gone, tags},
    observe::{describe, get, has_policy, list},
};

/// IAM's roles. A role that the environment owns has its path: `/headwater/prod/`.
///
/// A role is changed in place and never replaced: one made anew under the same name is another principal, and the
/// policies of other resources that named it would keep the old one's id, `AROA…`.
#[derive(Clone, Debug)]
pub struct Roles {
    client: Client,
}

/// IAM is eventually consistent: a role just made is not found for some seconds, and one whose last policy was just
/// removed still counts as having it.
const PATIENCE: Patience =
    Patience::new(Duration::from_millis(250), Duration::from_secs(2), Duration::from_secs(60));

impl Roles {
    /// The family behind this configuration.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// Whether the account has the managed policy of that ARN: a boundary is asked for before roles that carry it are
    /// planned.
    ///
    /// # Errors
    /// IAM does not say.
    pub async fn has_policy(&self, arn: &str) -> Result<bool> {
        has_policy(&self.client, arn).await
    }
}

impl Family for Roles {
    type Spec = RoleSpec;

    const KIND: Kind = Kind::new("AWS::IAM::Role");
    const REFERS_TO: &'static [Kind] = &[ManagedPolicies::KIND, OidcProviders::KIND];
    const ACTIONS: &'static [IamAction] = &[
        // Of the boundary alone: see `Roles::has_policy`.
        IamAction::read("iam:GetPolicy").within(&[Within::of(&["{boundary}"])]),
        IamAction::read("iam:GetRole").within(ROLES),
        IamAction::read("iam:GetRolePolicy").within(ROLES),
        IamAction::read("iam:ListAttachedRolePolicies").within(ROLES),
        IamAction::read("iam:ListRolePolicies").within(ROLES),
        IamAction::read("iam:ListRoles").within(Within::IN_ACCOUNT),
        IamAction::write("iam:AttachRolePolicy").within(BOUNDED_ROLES),
        IamAction::write("iam:CreateRole").within(BOUNDED_ROLES),
        IamAction::write("iam:DeleteRole").within(OWN_ROLES),
        // In no policy that we make: whoever deploys with those can take no boundary away.
        IamAction::write("iam:DeleteRolePermissionsBoundary"),
        IamAction::write("iam:DeleteRolePolicy").within(OWN_ROLES),
        IamAction::write("iam:DetachRolePolicy").within(OWN_ROLES),
        IamAction::write("iam:PutRolePermissionsBoundary").within(BOUNDED_ROLES),
        IamAction::write("iam:PutRolePolicy").within(BOUNDED_ROLES),
        // Called to adopt, and asked for besides CreateRole with tags:
        // https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags_roles.html
        IamAction::write("iam:TagRole").within(OWN_ROLES),
        IamAction::write("iam:UpdateAssumeRolePolicy").within(BOUNDED_ROLES),
        IamAction::write("iam:UpdateRole").within(OWN_ROLES),
    ];

    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<RoleSpec>>> {
        let names = list(&self.client, &scope.path()).await?;
        let roles = try_join_all(names.iter().map(|name| describe(&self.client, scope, name))).await?;
        Ok(roles.into_iter().flatten().collect())
    }

    async fn ensure(
        &self,
        scope: &Scope,
        desired: &Desired<RoleSpec>,
        observed: Option<&Observed<RoleSpec>>,
        progress: &Progress,
    ) -> Result<Observed<RoleSpec>> {
        let fresh = observed.is_none();
        let settles =
            |error: &Error| error.class == Class::Conflict || (fresh && error.class == Class::NotFound);
        let found = match observed {
            Some(observed) => observed.clone(),
            None => {
                let make = || create(&self.client, scope, desired);
                retry_while(&PATIENCE, progress, "the role", settles, make).await?
            }
        };
        for change in changes(&found.spec, &desired.spec) {
            let settles =
                |error: &Error| settles(error) || (change.names_policy() && error.class == Class::NotFound);
            let make = || apply(&self.client, &found.id, &change);
            retry_while(&PATIENCE, progress, "the role to be known to all of IAM", settles, make).await?;
        }
        let path = found.spec.path.clone();
        Ok(Observed { spec: RoleSpec { path, ..desired.spec.clone() }, ..found })
    }

    async fn delete(&self, observed: &Observed<RoleSpec>, progress: &Progress) -> Result<()> {
        const DELETE: &str = "iam:DeleteRole";
        let (client, name) = (&self.client, &observed.id);
        let conflicts = |error: &Error| error.class == Class::Conflict;
        let bare = observed.spec.without_policies();
        for change in changes(&observed.spec, &bare) {
            retry_while(&PATIENCE, progress, "the role", conflicts, || apply(client, name, &change)).await?;
        }
        let delete = || async { gone(client.delete_role().role_name(name).send().await.at(DELETE, name)) };
        retry_while(&PATIENCE, progress, "the role to be rid of its policies", conflicts, delete).await?;
        let is_gone = || async { Ok(get(client, name).await?.is_none().then_some(())) };
        wait_until(&PATIENCE, progress, DELETE, name, "the role to be gone", is_gone).await
    }

    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<RoleSpec>>> {
        // The name is what follows the last slash of an ARN, whatever the path.
        describe(&self.client, scope, id.rsplit('/').next().unwrap_or(id)).await
    }

    async fn adopt(&self, scope: &Scope, key: &Key, observed: &Observed<RoleSpec>) -> Result<()> {
        const TAG: &str = "iam:TagRole";
        let call = self.client.tag_role().role_name(&observed.id).set_tags(Some(tags(TAG, scope, key)?));
        call.send().await.at(TAG, key).map(drop)
    }
}
