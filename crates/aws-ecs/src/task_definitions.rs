//! The family `AWS::ECS::TaskDefinition`.

pub(crate) mod read;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeMap;

use aws_env::{At, SdkConfig, create_once, retry_while};
use aws_sdk_ecs::{
    Client,
    config::{Config, retry::RetryConfig},
    operation::register_task_definition::builders::RegisterTaskDefinitionFluentBuilder,
    types::{SortOrder, Tag, TaskDefinitionFamilyStatus, TaskDefinitionField, TaskDefinitionStatus},
};
use futures::{StreamExt, TryStreamExt, stream};
use resource::{
    Class, Desired, Error, Family, IamAction, Key, Kind, Observed, Owner, Progress, Result, Scope, Within,
};

use crate::scopes::{OWN_TASK_DEFINITIONS, PASS_ROLE};
use crate::{
    TaskDefinitionSpec, listing,
    races::{SETTLE, settles},
    tags,
};

/// How many families are described, and revisions deregistered, at once: ECS lets one of these calls pass in a second, and
/// a few in a burst.
const CONCURRENCY: usize = 4;

const DESCRIBE: &str = "ecs:DescribeTaskDefinition";
const REGISTER: &str = "ecs:RegisterTaskDefinition";

/// ECS's task definitions. A resource is a family, and what it is its newest active revision.
///
/// Older revisions stay: a deployment that fails goes back to the one before. They cost nothing.
#[derive(Clone, Debug)]
pub struct TaskDefinitions {
    client: Client,
}

impl TaskDefinitions {
    /// The family behind this configuration.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    async fn families(&self, prefix: &str) -> Result<Vec<String>> {
        let call = self.client.list_task_definition_families().family_prefix(prefix);
        let mut pages = call.status(TaskDefinitionFamilyStatus::Active).into_paginator().send();
        let mut families = Vec::new();
        while let Some(page) = pages.next().await {
            families.extend(page.at("ecs:ListTaskDefinitionFamilies", prefix)?.families.unwrap_or_default());
        }
        Ok(families)
    }

    /// The ARNs of the family's active revisions, newest first.
    async fn revisions(&self, family: &str) -> Result<Vec<String>> {
        let call = self.client.list_task_definitions().family_prefix(family).sort(SortOrder::Desc);
        let mut pages = call.status(TaskDefinitionStatus::Active).into_paginator().send();
        let mut arns = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.at("ecs:ListTaskDefinitions", family)?;
            arns.extend(page.task_definition_arns.unwrap_or_default());
        }
        arns.retain(|arn| family_in(arn) == family);
        Ok(arns)
    }

    /// The newest active revision of a family, or the revision itself; `None` where there is no active one.
    async fn describe(&self, scope: &Scope, id: &str) -> Result<Option<Observed<TaskDefinitionSpec>>> {
        let call = self.client.describe_task_definition().task_definition(id);
        let answer = match call.include(TaskDefinitionField::Tags).send().await.at(DESCRIBE, id) {
            Ok(answer) => answer,
            Err(error) if error.says("Unable to describe task definition") => return Ok(None),
            Err(error) => return Err(error),
        };
        let definition =
            answer.task_definition.filter(|one| one.status() == Some(&TaskDefinitionStatus::Active));
        definition.map(|definition| observe(scope, &definition, &answer.tags.unwrap_or_default())).transpose()
    }

    fn registration(
        &self,
        scope: &Scope,
        desired: &Desired<TaskDefinitionSpec>,
    ) -> Result<RegisterTaskDefinitionFluentBuilder> {
        let Desired { key, name, spec } = desired;
        let Some(family) = name else {
            return Err(Error::new(REGISTER, key, Class::Fatal, "a task definition needs a name"));
        };
        let call = self.client.register_task_definition().family(family);
        let call = write::all(call, spec).map_err(|error| Error::new(REGISTER, key, Class::Fatal, error))?;
        Ok(call.set_tags(Some(tags::write(scope, key))))
    }

    /// One that is inactive already is as good.
    async fn deregister(&self, arn: &str, progress: &Progress) -> Result<()> {
        const DEREGISTER: &str = "ecs:DeregisterTaskDefinition";
        let deregister = || async {
            let call = self.client.deregister_task_definition().task_definition(arn);
            match call.send().await.at(DEREGISTER, arn) {
                Err(error) if !error.says("inactive") => Err(error),
                _ => Ok(()),
            }
        };
        retry_while(&SETTLE, progress, "ECS to take the next revision", |_| false, deregister).await
    }
}

fn observe(
    scope: &Scope,
    definition: &aws_sdk_ecs::types::TaskDefinition,
    tags: &[Tag],
) -> Result<Observed<TaskDefinitionSpec>> {
    let family = definition.family().unwrap_or_default().to_owned();
    let arn = definition.task_definition_arn().unwrap_or_default().to_owned();
    let spec = read::spec(definition).map_err(|error| Error::new(DESCRIBE, &family, Class::Fatal, error))?;
    Ok(Observed {
        id: family.clone(),
        name: Some(family),
        owner: scope.owner(&tags::read(tags)),
        spec,
        outputs: BTreeMap::from([("arn".to_owned(), arn)]),
        created: definition.registered_at().map(ToString::to_string),
        pending: None,
    })
}

/// The family in the ARN of a revision; a family is itself.
fn family_in(id: &str) -> &str {
    let name = listing::name_in(id);
    name.split_once(':').map_or(name, |(family, _)| family)
}

impl Family for TaskDefinitions {
    type Spec = TaskDefinitionSpec;

    const KIND: Kind = Kind::new("AWS::ECS::TaskDefinition");
    const REFERS_TO: &'static [Kind] = &[
        Kind::new("AWS::EFS::AccessPoint"),
        Kind::new("AWS::EFS::FileSystem"),
        Kind::new("AWS::IAM::Role"),
        Kind::new("AWS::Logs::LogGroup"),
        Kind::new("AWS::SecretsManager::Secret"),
    ];
    const RENEWED: &'static [&'static str] = &["arn"];
    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("ecs:DescribeTaskDefinition").within(Within::IN_REGION),
        IamAction::read("ecs:ListTaskDefinitionFamilies").within(Within::IN_REGION),
        IamAction::read("ecs:ListTaskDefinitions").within(Within::IN_REGION),
        IamAction::write("ecs:DeregisterTaskDefinition").within(Within::IN_REGION),
        IamAction::write("ecs:RegisterTaskDefinition").within(OWN_TASK_DEFINITIONS),
        // Called to adopt, and asked for besides RegisterTaskDefinition with tags:
        // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/supported-iam-actions-tagging.html
        IamAction::write("ecs:TagResource").within(OWN_TASK_DEFINITIONS),
        // For the execution role and the task role.
        IamAction::dependent(
            "iam:PassRole",
            "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html",
        ).within(PASS_ROLE),
    ];

    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<TaskDefinitionSpec>>> {
        let families = self.families(&scope.name_prefix()).await?;
        let described =
            stream::iter(families).map(|family| async move { self.describe(scope, &family).await });
        let observed: Vec<_> = described.buffered(CONCURRENCY).try_collect().await?;
        Ok(observed.into_iter().flatten().collect())
    }

    /// Registers the next revision where the newest is another one. Each registration makes one, so where an answer was lost,
    /// the newest tells whether it did.
    async fn ensure(
        &self,
        scope: &Scope,
        desired: &Desired<TaskDefinitionSpec>,
        observed: Option<&Observed<TaskDefinitionSpec>>,
        progress: &Progress,
    ) -> Result<Observed<TaskDefinitionSpec>> {
        if let Some(there) = observed.filter(|there| there.spec == desired.spec) {
            return Ok(there.clone());
        }
        let key = &desired.key;
        let call = self.registration(scope, desired)?;
        let register = || {
            let once = Config::builder().retry_config(RetryConfig::disabled());
            let call = call.clone().customize().config_override(once);
            async {
                let answer = call.send().await.at(REGISTER, key)?;
                let nothing = || Error::new(REGISTER, key, Class::Fatal, "ECS gave no task definition back");
                let registered = answer.task_definition.ok_or_else(nothing)?;
                // What ECS gives back here is what it stored, but for the tags, which it has from us.
                observe(scope, &registered, &tags::write(scope, key))
            }
        };
        let family = desired.name.as_deref().unwrap_or_default();
        let find = || async {
            let newest = self.describe(scope, family).await?;
            Ok(newest.filter(|newest| newest.spec == desired.spec && newest.owner == Owner::Us(key.clone())))
        };
        create_once(&SETTLE, progress, "the roles to reach ECS", settles, register, find).await
    }

    async fn delete(&self, observed: &Observed<TaskDefinitionSpec>, progress: &Progress) -> Result<()> {
        let revisions = self.revisions(&observed.id).await?;
        let deregistered =
            stream::iter(revisions).map(|arn| async move { self.deregister(&arn, progress).await });
        deregistered.buffer_unordered(CONCURRENCY).try_collect().await
    }

    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<TaskDefinitionSpec>>> {
        let family = family_in(id);
        if id.starts_with("arn:") && !id.starts_with(&scope.arn("ecs", &format!("task-definition/{family}")))
        {
            return Ok(None);
        }
        self.describe(scope, family).await
    }

    /// The newest revision is tagged: it is the one that tells whose the family is.
    async fn adopt(&self, scope: &Scope, key: &Key, observed: &Observed<TaskDefinitionSpec>) -> Result<()> {
        let arn = observed.outputs.get("arn").unwrap_or(&observed.id);
        let call = self.client.tag_resource().resource_arn(arn).set_tags(Some(tags::write(scope, key)));
        call.send().await.at("ecs:TagResource", key).map(drop)
    }
}
