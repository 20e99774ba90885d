//! The family `AWS::EFS::AccessPoint`.

use std::{collections::BTreeMap, time::Duration};

use aws_env::{At, Patience, SdkConfig, retry_while, wait_until};
use aws_sdk_efs::{
    Client,
    error::BuildError,
    types::{self, AccessPointDescription, LifeCycleState, RootDirectory},
};
use resource::{
    Class, Desired, Error, Family, IamAction, Key, Kind, Observed, Owner, Progress, Result, Scope, Within,
};

use crate::scopes::{NEW_ACCESS_POINT, OWN_ACCESS_POINTS, TAGS};
use crate::{
    AccessPointSpec, CreationInfo, PosixUser,
    list::{found, is_going, is_unsettled, pending},
    tags,
};

/// An access point is made and deleted in seconds; a file system that is just being made may take a minute.
const SETTLE: Patience =
    Patience::new(Duration::from_millis(250), Duration::from_secs(5), Duration::from_secs(300));

/// EFS's access points.
#[derive(Clone, Debug)]
pub struct AccessPoints {
    client: Client,
}

impl AccessPoints {
    /// The access points that this configuration leads to.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// All access points of the account and region, or the one with that id; also what is being deleted.
    async fn list_all(&self, id: Option<&str>) -> Result<Vec<AccessPointDescription>> {
        let pages = self.client.describe_access_points().set_access_point_id(id.map(str::to_owned));
        let pages = pages.into_paginator().send().try_collect().await;
        let pages = found(pages.at("elasticfilesystem:DescribeAccessPoints", id.unwrap_or("access points")))?;
        Ok(pages.into_iter().flatten().flat_map(|page| page.access_points.unwrap_or_default()).collect())
    }

    async fn list(&self, id: Option<&str>) -> Result<Vec<AccessPointDescription>> {
        let mut points = self.list_all(id).await?;
        points.retain(|point| !point.life_cycle_state().is_some_and(is_going));
        Ok(points)
    }

    async fn observe(&self, scope: &Scope, id: &str) -> Result<Option<Observed<AccessPointSpec>>> {
        Ok(self.list(Some(id)).await?.first().map(|point| describe(scope, point)))
    }

    /// Gives the id of the access point, which may not be `available` yet. One that an earlier run made is as good.
    async fn create(
        &self,
        scope: &Scope,
        desired: &Desired<AccessPointSpec>,
        progress: &Progress,
    ) -> Result<String> {
        let operation = "elasticfilesystem:CreateAccessPoint";
        let Desired { key, spec, .. } = desired;
        let unwritable = |error| Error::new(operation, key, Class::Fatal, error);
        let (user, directory) = write(spec).map_err(unwritable)?;
        // Another spec is another access point, so that one that replaces another is not taken for it.
        let manner = serde_json::to_string(spec).map_err(|e| Error::new(operation, key, Class::Fatal, e))?;
        let create = self
            .client
            .create_access_point()
            .client_token(tags::token(scope, key, &manner))
            .file_system_id(&spec.file_system_id)
            .set_posix_user(user)
            .root_directory(directory)
            .set_tags(Some(tags::write(operation, scope, key)?));
        let may_pass = |error: &Error| {
            matches!(error.class, Class::NotFound | Class::AlreadyExists) || is_unsettled(error)
        };
        retry_while(&SETTLE, progress, "the file system to become available", may_pass, || {
            let create = create.clone();
            async move {
                match create.send().await.at(operation, key) {
                    Ok(made) => Ok(made.access_point_id.unwrap_or_default()),
                    Err(error) if error.class == Class::AlreadyExists => {
                        let points = self.list(None).await?;
                        let ours = points.iter().map(|point| describe(scope, point));
                        let ours = ours.into_iter().find(|point| point.owner == Owner::Us(key.clone()));
                        ours.filter(|point| point.spec == *spec).map(|point| point.id).ok_or(error)
                    }
                    Err(error) => Err(error),
                }
            }
        })
        .await
    }

    async fn available(
        &self,
        scope: &Scope,
        key: &Key,
        id: &str,
        progress: &Progress,
    ) -> Result<Observed<AccessPointSpec>> {
        let operation = "elasticfilesystem:DescribeAccessPoints";
        let waits_for = "the access point to become available";
        wait_until(&SETTLE, progress, operation, key, waits_for, || async {
            let there = self.observe(scope, id).await?;
            if there.as_ref().is_some_and(|there| there.pending.as_deref() == Some("error")) {
                let text = format!("EFS says that the access point `{id}` is in the state `error`");
                return Err(Error::new(operation, key, Class::Fatal, text));
            }
            Ok(there.filter(|there| there.pending.is_none()))
        })
        .await
    }
}

fn describe(scope: &Scope, point: &AccessPointDescription) -> Observed<AccessPointSpec> {
    let id = point.access_point_id().unwrap_or_default();
    let root = point.root_directory();
    let unsigned = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
    let spec = AccessPointSpec {
        file_system_id: point.file_system_id().unwrap_or_default().to_owned(),
        path: root.and_then(|root| root.path()).unwrap_or("/").to_owned(),
        posix_user: point
            .posix_user()
            .map(|user| PosixUser { uid: unsigned(user.uid), gid: unsigned(user.gid) }),
        creation_info: root.and_then(|root| root.creation_info()).map(|info| CreationInfo {
            owner_uid: unsigned(info.owner_uid),
            owner_gid: unsigned(info.owner_gid),
            permissions: info.permissions.clone(),
        }),
    };
    let ours = || scope.arn("elasticfilesystem", &format!("access-point/{id}"));
    let arn = point.access_point_arn().map_or_else(ours, str::to_owned);
    Observed {
        id: id.to_owned(),
        name: None,
        owner: scope.owner(&tags::read(point.tags())),
        spec,
        outputs: BTreeMap::from([("arn".to_owned(), arn)]),
        created: None,
        pending: point.life_cycle_state().and_then(pending),
    }
}

fn write(spec: &AccessPointSpec) -> Result<(Option<types::PosixUser>, RootDirectory), BuildError> {
    let user = spec
        .posix_user
        .map(|user| types::PosixUser::builder().uid(user.uid.into()).gid(user.gid.into()).build());
    let info = spec.creation_info.as_ref().map(|info| {
        types::CreationInfo::builder()
            .owner_uid(info.owner_uid.into())
            .owner_gid(info.owner_gid.into())
            .permissions(&info.permissions)
            .build()
    });
    let directory = RootDirectory::builder().path(&spec.path).set_creation_info(info.transpose()?);
    Ok((user.transpose()?, directory.build()))
}

impl Family for AccessPoints {
    type Spec = AccessPointSpec;

    const KIND: Kind = Kind::new("AWS::EFS::AccessPoint");

    const REFERS_TO: &'static [Kind] = &[Kind::new("AWS::EFS::FileSystem")];

    // Tagging inside CreateAccessPoint asks for elasticfilesystem:TagResource:
    // https://docs.aws.amazon.com/efs/latest/ug/API_CreateAccessPoint.html
    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("elasticfilesystem:DescribeAccessPoints").within(Within::IN_REGION),
        IamAction::write("elasticfilesystem:CreateAccessPoint").within(NEW_ACCESS_POINT),
        IamAction::write("elasticfilesystem:DeleteAccessPoint").within(OWN_ACCESS_POINTS),
        IamAction::write("elasticfilesystem:TagResource").within(TAGS),
    ];

    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<AccessPointSpec>>> {
        let all = self.list(None).await?;
        let all = all.iter().map(|point| describe(scope, point));
        Ok(all.filter(|point| matches!(point.owner, Owner::Us(_))).collect())
    }

    async fn ensure(
        &self,
        scope: &Scope,
        desired: &Desired<AccessPointSpec>,
        observed: Option<&Observed<AccessPointSpec>>,
        progress: &Progress,
    ) -> Result<Observed<AccessPointSpec>> {
        let key = &desired.key;
        let there = match observed {
            Some(there) if there.pending.is_none() => there.clone(),
            Some(there) => self.available(scope, key, &there.id, progress).await?,
            None => {
                let id = self.create(scope, desired, progress).await?;
                self.available(scope, key, &id, progress).await?
            }
        };
        if there.spec == desired.spec {
            return Ok(there);
        }
        let text = format!("the access point `{}` is another, and EFS cannot change one", there.id);
        Err(Error::new("elasticfilesystem:DescribeAccessPoints", key, Class::Fatal, text))
    }

    async fn delete(&self, observed: &Observed<AccessPointSpec>, progress: &Progress) -> Result<()> {
        let id = observed.id.as_str();
        let waits_for = "EFS to end what it does with the file system";
        let deleted = retry_while(&SETTLE, progress, waits_for, is_unsettled, || async {
            let delete = self.client.delete_access_point().access_point_id(id).send().await;
            delete.at("elasticfilesystem:DeleteAccessPoint", id)
        });
        found(deleted.await)?;
        let operation = "elasticfilesystem:DescribeAccessPoints";
        wait_until(&SETTLE, progress, operation, id, "the access point to be gone", || async {
            let there = self.list_all(Some(id)).await?;
            let gone = there.iter().all(|there| there.life_cycle_state() == Some(&LifeCycleState::Deleted));
            Ok(gone.then_some(()))
        })
        .await
    }

    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<AccessPointSpec>>> {
        let arn = scope.arn("elasticfilesystem", "access-point/");
        let id = id.strip_prefix(&arn).unwrap_or(id);
        if id.starts_with("fsap-") { self.observe(scope, id).await } else { Ok(None) }
    }

    async fn adopt(&self, scope: &Scope, key: &Key, observed: &Observed<AccessPointSpec>) -> Result<()> {
        let operation = "elasticfilesystem:TagResource";
        let tags = tags::write(operation, scope, key)?;
        let tag = self.client.tag_resource().resource_id(&observed.id).set_tags(Some(tags));
        tag.send().await.at(operation, key).map(drop)
    }
}
