//! Making a namespace as it is desired, and deleting one.

use std::collections::BTreeMap;

use aws_env::{At, wait_until};
use aws_sdk_servicediscovery::types::PrivateDnsNamespaceChange;
use resource::{Class, Desired, Error, Key, Observed, Owner, Progress, Result, Scope};

use super::{Namespaces, TAG, VPC};
use crate::{
    NamespaceSpec,
    operation::{Job, SPREAD},
    tags::{self, Tags},
};

const CREATE: &str = "servicediscovery:CreatePrivateDnsNamespace";

impl Namespaces {
    /// Creates the namespace where it is absent and changes what differs.
    pub(crate) async fn make_so(
        &self,
        scope: &Scope,
        desired: &Desired<NamespaceSpec>,
        observed: Option<&Observed<NamespaceSpec>>,
        progress: &Progress,
    ) -> Result<Observed<NamespaceSpec>> {
        let there = match observed {
            Some(there) => there.clone(),
            None => self.create(scope, desired, progress).await?,
        };
        self.update(scope, desired, there, progress).await
    }

    /// Creates it with its tags in the call. The request's id is a new one each time: a second request meets the operation
    /// of the first or the namespace that it made, since names are unique in a VPC, and one id for all time would stand for
    /// a namespace that is made again after its deletion as well.
    async fn create(
        &self,
        scope: &Scope,
        desired: &Desired<NamespaceSpec>,
        progress: &Progress,
    ) -> Result<Observed<NamespaceSpec>> {
        let Desired { key, spec, .. } = desired;
        let name = desired.name.as_deref();
        let name = name.ok_or_else(|| Error::new(CREATE, key, Class::Fatal, "a namespace needs a name"))?;
        let mut tags = scope.tags(key);
        tags.insert(VPC.to_owned(), spec.vpc.clone());
        let create = self
            .client
            .create_private_dns_namespace()
            .name(name)
            .vpc(&spec.vpc)
            .set_description(spec.description.clone())
            .set_tags(Some(tags::written(CREATE, key, tags)?));
        let job = Job { client: &self.client, operation: CREATE, resource: key.as_str(), progress };
        let created = job.carry_out(|| {
            let create = create.clone();
            async move { Ok(create.send().await.at(CREATE, key)?.operation_id) }
        });
        let existed = match created.await {
            Ok(()) => false,
            Err(error) if error.class == Class::AlreadyExists => true,
            Err(error) => return Err(error),
        };
        wait_until(&SPREAD, progress, CREATE, key, "the new namespace to be seen with our tags", || async {
            let named = self.named(scope, name).await?;
            let ours = |one: &&Observed<_>| one.owner == Owner::Us(key.clone());
            match (named.iter().find(ours), named.first()) {
                (Some(ours), _) => Ok(Some(ours.clone())),
                (None, Some(theirs)) if existed => Err(taken(key, theirs)),
                _ => Ok(None),
            }
        })
        .await
    }

    /// The namespaces of that name: one a VPC.
    async fn named(&self, scope: &Scope, name: &str) -> Result<Vec<Observed<NamespaceSpec>>> {
        let mut named = Vec::new();
        for found in self.list().await?.into_iter().filter(|found| found.name == name) {
            named.extend(self.observe(scope, found).await?);
        }
        Ok(named)
    }

    async fn update(
        &self,
        scope: &Scope,
        desired: &Desired<NamespaceSpec>,
        there: Observed<NamespaceSpec>,
        progress: &Progress,
    ) -> Result<Observed<NamespaceSpec>> {
        let operation = "servicediscovery:UpdatePrivateDnsNamespace";
        let Desired { key, spec, .. } = desired;
        if there.spec == *spec {
            return Ok(there);
        }
        if there.spec.vpc.is_empty() {
            self.tag(&there.outputs, key, Tags::from([(VPC.to_owned(), spec.vpc.clone())])).await?;
        }
        if there.spec.description != spec.description {
            let description = spec.description.clone().unwrap_or_default();
            let change = PrivateDnsNamespaceChange::builder().description(description).build();
            let update = self.client.update_private_dns_namespace().id(&there.id).namespace(change);
            let job = Job { client: &self.client, operation, resource: key.as_str(), progress };
            job.carry_out(|| {
                let update = update.clone();
                async move { Ok(update.send().await.at(operation, key)?.operation_id) }
            })
            .await?;
        }
        let settled = wait_until(&SPREAD, progress, operation, key, "the change to spread", || async {
            Ok(self.get(scope, &there.id).await?.filter(|seen| seen.spec == *spec))
        });
        match settled.await {
            Err(error) if error.class == Class::RetryLater => self.get(scope, &there.id).await?.ok_or(error),
            settled => settled,
        }
    }

    pub(crate) async fn tag(&self, outputs: &BTreeMap<String, String>, key: &Key, tags: Tags) -> Result<()> {
        let arn = outputs.get("arn").map(String::as_str).unwrap_or_default();
        let tag = self.client.tag_resource().resource_arn(arn).set_tags(Some(tags::written(TAG, key, tags)?));
        tag.send().await.at(TAG, key).map(drop)
    }

    /// Deletes the namespace and its zone, once its services are gone, and waits until no survey shows it.
    pub(crate) async fn delete_and_wait(&self, id: &str, progress: &Progress) -> Result<()> {
        let operation = "servicediscovery:DeleteNamespace";
        let delete = self.client.delete_namespace().id(id);
        let job = Job { client: &self.client, operation, resource: id, progress };
        let deleted = job.carry_out(|| {
            let delete = delete.clone();
            async move { Ok(delete.send().await.at(operation, id)?.operation_id) }
        });
        match deleted.await {
            Err(error) if error.class != Class::NotFound => return Err(error),
            _ => {}
        }
        wait_until(&SPREAD, progress, operation, id, "the namespace to be gone", || async {
            Ok((!self.list().await?.iter().any(|found| found.id == id)).then_some(()))
        })
        .await
    }
}

fn taken(key: &Key, namespace: &Observed<NamespaceSpec>) -> Error {
    let whose = match &namespace.owner {
        Owner::Us(key) => format!("as `{key}`"),
        Owner::Other(text) => text.clone(),
    };
    let name = namespace.name.as_deref().unwrap_or_default();
    Error::new(CREATE, key, Class::AlreadyExists, format!("a namespace `{name}` is there already, {whose}"))
}
