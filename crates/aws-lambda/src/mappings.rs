//! The family `AWS::Lambda::EventSourceMapping`.

mod change;
mod observe;
#[cfg(test)]
mod tests;

use aws_env::{At, SdkConfig, retry_while, wait_until};
use aws_sdk_lambda::{Client, types::EventSourceMappingConfiguration};
use futures::future::try_join_all;
use resource::{Desired, Family, IamAction, Key, Kind, Observed, Owner, Progress, Result, Scope, Within};

use crate::scopes::{MAPPINGS, NEW_MAPPING, OWN_MAPPINGS, TAG_MAPPING};
use crate::{
    EventSourceMappingSpec,
    races::{READY, ROLE, gone, settles},
};

/// Lambda's event source mappings.
///
/// A mapping has no name. Ours are found among those that feed from, or to, something with one of our names, by their
/// tags.
#[derive(Clone, Debug)]
pub struct EventSourceMappings {
    client: Client,
}

impl EventSourceMappings {
    /// The family behind this configuration.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    async fn observe(
        &self,
        scope: &Scope,
        mapping: &EventSourceMappingConfiguration,
    ) -> Result<Option<Observed<EventSourceMappingSpec>>> {
        match observe::owner(&self.client, scope, mapping).await? {
            Some(owner) => observe::observed(scope, mapping, owner).map(Some),
            None => Ok(None),
        }
    }

    /// Waits until no change of the mapping is under way. A mapping just made may not be found for a moment.
    async fn settled(
        &self,
        scope: &Scope,
        key: &Key,
        uuid: &str,
        progress: &Progress,
    ) -> Result<Observed<EventSourceMappingSpec>> {
        let settled = || async {
            let found = observe::get(&self.client, uuid).await?;
            Ok(found.filter(|mapping| observe::is_settled(mapping.state().unwrap_or_default())))
        };
        let waits_for = "the mapping to be enabled or disabled";
        let mapping = wait_until(&READY, progress, observe::GET, key, waits_for, settled).await?;
        observe::observed(scope, &mapping, Owner::Us(key.clone()))
    }
}

impl Family for EventSourceMappings {
    type Spec = EventSourceMappingSpec;

    const KIND: Kind = Kind::new("AWS::Lambda::EventSourceMapping");
    const REFERS_TO: &'static [Kind] = &[
        Kind::new("AWS::DynamoDB::Table"),
        Kind::new("AWS::SQS::Queue"),
        Kind::new("AWS::Lambda::Function"),
    ];
    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("lambda:GetEventSourceMapping").within(MAPPINGS),
        IamAction::read("lambda:ListEventSourceMappings").within(Within::IN_REGION),
        IamAction::read("lambda:ListTags").within(MAPPINGS),
        IamAction::write("lambda:CreateEventSourceMapping").within(NEW_MAPPING),
        IamAction::write("lambda:DeleteEventSourceMapping").within(OWN_MAPPINGS),
        // Called to adopt, and asked for besides CreateEventSourceMapping with tags:
        // https://docs.aws.amazon.com/lambda/latest/dg/tags-esm.html
        IamAction::write("lambda:TagResource").within(TAG_MAPPING),
        IamAction::write("lambda:UpdateEventSourceMapping").within(OWN_MAPPINGS),
    ];

    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<EventSourceMappingSpec>>> {
        let mappings = observe::list(&self.client, &scope.name_prefix()).await?;
        let observed = try_join_all(mappings.iter().map(|mapping| self.observe(scope, mapping))).await?;
        Ok(observed.into_iter().flatten().collect())
    }

    async fn ensure(
        &self,
        scope: &Scope,
        desired: &Desired<EventSourceMappingSpec>,
        observed: Option<&Observed<EventSourceMappingSpec>>,
        progress: &Progress,
    ) -> Result<Observed<EventSourceMappingSpec>> {
        let Desired { key, spec: want, .. } = desired;
        let found = match observed {
            None => {
                let create = || change::create(&self.client, scope, key, want);
                let uuid = retry_while(&ROLE, progress, "the role to reach Lambda", settles, create).await?;
                self.settled(scope, key, &uuid, progress).await?
            }
            Some(observed) if observed.pending.is_some() => {
                self.settled(scope, key, &observed.id, progress).await?
            }
            Some(observed) => observed.clone(),
        };
        if found.spec == *want {
            return Ok(found);
        }
        let update = || change::update(&self.client, key, &found.id, want);
        retry_while(&ROLE, progress, "another update of the mapping", settles, update).await?;
        self.settled(scope, key, &found.id, progress).await
    }

    async fn delete(&self, observed: &Observed<EventSourceMappingSpec>, progress: &Progress) -> Result<()> {
        const DELETE: &str = "lambda:DeleteEventSourceMapping";
        let (client, uuid) = (&self.client, &observed.id);
        let delete =
            || async { gone(client.delete_event_source_mapping().uuid(uuid).send().await.at(DELETE, uuid)) };
        retry_while(&ROLE, progress, "another update of the mapping", settles, delete).await?;
        let is_gone = || async { Ok(observe::get(client, uuid).await?.is_none().then_some(())) };
        wait_until(&READY, progress, DELETE, uuid, "the mapping to be gone", is_gone).await
    }

    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<EventSourceMappingSpec>>> {
        match observe::get(&self.client, id.rsplit(':').next().unwrap_or(id)).await? {
            Some(mapping) => self.observe(scope, &mapping).await,
            None => Ok(None),
        }
    }

    async fn adopt(
        &self,
        scope: &Scope,
        key: &Key,
        observed: &Observed<EventSourceMappingSpec>,
    ) -> Result<()> {
        let arn = observe::arn(scope, &observed.id);
        let call =
            self.client.tag_resource().resource(arn).set_tags(Some(scope.tags(key).into_iter().collect()));
        call.send().await.at("lambda:TagResource", key).map(drop)
    }
}
