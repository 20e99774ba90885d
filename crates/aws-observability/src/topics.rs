//! The family `AWS::SNS::Topic`, with the people whom a topic tells.

mod spec;
mod subscriptions;
#[cfg(test)]
mod tests;
mod topic;

use std::collections::{BTreeMap, BTreeSet};

use aws_env::{At, SdkConfig, retry_while};
use aws_sdk_sns::{Client, types::Tag};
use futures::future::{try_join_all, try_join3};
use resource::{
    Class, Desired, Error, Family, IamAction, Key, Kind, Observed, Owner, Progress, Result, Scope, Within,
};
pub use spec::TopicSpec;
use subscriptions::Subscription;
pub use topic::Topic;

use crate::races::{PATIENCE, found, gone};
use crate::scopes::{OWN_TOPICS, TOPICS};

const LIST: &str = "sns:ListTopics";
const GET: &str = "sns:GetTopicAttributes";
const LIST_TAGS: &str = "sns:ListTagsForResource";
const CREATE: &str = "sns:CreateTopic";
const DELETE: &str = "sns:DeleteTopic";
const SET: &str = "sns:SetTopicAttributes";
const TAG: &str = "sns:TagResource";
const KMS_KEY: &str = "KmsMasterKeyId";

/// SNS's topics. A topic keeps the policy that SNS gives it: whoever in the account may publish can.
#[derive(Clone, Debug)]
pub struct Topics {
    client: Client,
}

impl Topics {
    /// The family behind this configuration.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// The ARNs of the topics whose names begin with `prefix`.
    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let mut pages = self.client.list_topics().into_paginator().send();
        let mut arns = Vec::new();
        while let Some(page) = pages.next().await {
            let topics = page.at(LIST, prefix)?.topics.unwrap_or_default();
            arns.extend(topics.into_iter().filter_map(|topic| topic.topic_arn));
        }
        arns.retain(|arn| name_in(arn).starts_with(prefix));
        Ok(arns)
    }

    /// `None` where the topic is deleted meanwhile.
    async fn observe(&self, scope: &Scope, arn: &str) -> Result<Option<Observed<TopicSpec>>> {
        let attributes =
            async { self.client.get_topic_attributes().topic_arn(arn).send().await.at(GET, arn) };
        let tags =
            async { self.client.list_tags_for_resource().resource_arn(arn).send().await.at(LIST_TAGS, arn) };
        let subscriptions = subscriptions::list(&self.client, arn);
        let Some((attributes, tags, subscriptions)) =
            found(try_join3(attributes, tags, subscriptions).await)?
        else {
            return Ok(None);
        };
        let tags = tags.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect();
        let kms_key = attributes.attributes.and_then(|mut attributes| attributes.remove(KMS_KEY));
        let unconfirmed = subscriptions.iter().filter(|subscription| subscription.arn.is_none());
        let unconfirmed: Vec<_> =
            unconfirmed.map(|subscription| subscription.email_address.as_str()).collect();
        Ok(Some(Observed {
            id: arn.to_owned(),
            name: Some(name_in(arn).to_owned()),
            owner: scope.owner(&tags),
            outputs: BTreeMap::from([
                ("arn".to_owned(), arn.to_owned()),
                ("unconfirmedEmailAddresses".to_owned(), unconfirmed.join(", ")),
            ]),
            spec: TopicSpec {
                // An attribute that was cleared is told as an empty text.
                kms_master_key_id: kms_key.filter(|key| !key.is_empty()),
                email_addresses: subscriptions
                    .into_iter()
                    .map(|subscription| subscription.email_address)
                    .collect(),
            },
            created: None,
            pending: None,
        }))
    }

    /// The topic as it is after its creation: tagged, and nobody subscribed. One that an earlier attempt made with
    /// other attributes is as good.
    async fn create(&self, scope: &Scope, desired: &Desired<TopicSpec>) -> Result<Observed<TopicSpec>> {
        let Desired { key, name, spec } = desired;
        let Some(name) = name else {
            return Err(Error::new(CREATE, key, Class::Fatal, "a topic needs a name"));
        };
        let call = self
            .client
            .create_topic()
            .name(name)
            .set_attributes(spec.kms_master_key_id.clone().map(|id| [(KMS_KEY.to_owned(), id)].into()))
            .set_tags(Some(tags(CREATE, scope, key)?));
        match call.send().await.at(CREATE, key) {
            Ok(_) => {
                let arn = topic::arn(scope, name);
                Ok(Observed {
                    id: arn.clone(),
                    name: Some(name.clone()),
                    owner: Owner::Us(key.clone()),
                    spec: TopicSpec { email_addresses: BTreeSet::new(), ..spec.clone() },
                    outputs: BTreeMap::from([("arn".to_owned(), arn)]),
                    created: None,
                    pending: None,
                })
            }
            // SNS has no code for it: the same name with the same tags and attributes is no error at all.
            Err(error) if error.says("already exists with different") => {
                match self.observe(scope, &topic::arn(scope, name)).await? {
                    Some(found) if found.owner == Owner::Us(key.clone()) => Ok(found),
                    _ => Err(Error { class: Class::AlreadyExists, ..error }),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// An empty id clears it.
    async fn set_kms_key(&self, arn: &str, key: &Key, id: Option<&str>) -> Result<()> {
        let call = self.client.set_topic_attributes().topic_arn(arn).attribute_name(KMS_KEY);
        call.attribute_value(id.unwrap_or_default()).send().await.at(SET, key).map(drop)
    }
}

fn name_in(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

fn tags(operation: &'static str, scope: &Scope, key: &Key) -> Result<Vec<Tag>> {
    let tag = |(name, value)| Tag::builder().key(name).value(value).build();
    let tags: std::result::Result<_, _> = scope.tags(key).into_iter().map(tag).collect();
    tags.map_err(|error| Error::new(operation, key, Class::Fatal, error))
}

impl Family for Topics {
    type Spec = TopicSpec;

    const KIND: Kind = Kind::new("AWS::SNS::Topic");
    const REFERS_TO: &'static [Kind] = &[];
    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("sns:GetTopicAttributes").within(TOPICS),
        IamAction::read("sns:ListSubscriptionsByTopic").within(TOPICS),
        IamAction::read("sns:ListTagsForResource").within(TOPICS),
        IamAction::read("sns:ListTopics").within(Within::IN_REGION),
        IamAction::write("sns:CreateTopic").within(OWN_TOPICS),
        IamAction::write("sns:DeleteTopic").within(OWN_TOPICS),
        IamAction::write("sns:SetTopicAttributes").within(OWN_TOPICS),
        IamAction::write("sns:Subscribe").within(OWN_TOPICS),
        // Called to adopt, and asked for besides CreateTopic with tags:
        // https://docs.aws.amazon.com/sns/latest/dg/sns-tags-configuring.html
        IamAction::write("sns:TagResource").within(OWN_TOPICS),
        IamAction::write("sns:Unsubscribe").within(Within::IN_REGION),
    ];

    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<TopicSpec>>> {
        let arns = self.list(&scope.name_prefix()).await?;
        let topics = try_join_all(arns.iter().map(|arn| self.observe(scope, arn))).await?;
        Ok(topics.into_iter().flatten().collect())
    }

    /// Whoever is subscribed anew gets a mail and hears of alarms once they confirmed. Who is no longer wanted and never
    /// confirmed stays until SNS forgets them.
    async fn ensure(
        &self,
        scope: &Scope,
        desired: &Desired<TopicSpec>,
        observed: Option<&Observed<TopicSpec>>,
        progress: &Progress,
    ) -> Result<Observed<TopicSpec>> {
        let fresh = observed.is_none();
        let settles = |error: &Error| {
            // SNS changes the tags of a topic one at a time.
            (fresh && error.class == Class::NotFound) || error.says("ConcurrentAccess")
        };
        let found = match observed {
            Some(observed) => observed.clone(),
            None => {
                retry_while(&PATIENCE, progress, "the topic", settles, || self.create(scope, desired)).await?
            }
        };
        let (arn, key, want) = (&found.id, &desired.key, &desired.spec);
        if found.spec.kms_master_key_id != want.kms_master_key_id {
            let set = || self.set_kms_key(arn, key, want.kms_master_key_id.as_deref());
            retry_while(&PATIENCE, progress, "the topic", settles, set).await?;
        }
        for address in want.email_addresses.difference(&found.spec.email_addresses) {
            let subscribe = || subscriptions::subscribe(&self.client, key, arn, address);
            retry_while(&PATIENCE, progress, "the topic", settles, subscribe).await?;
            progress.note(format!("{address} was sent a mail and has to confirm it"));
        }
        let unwanted: Vec<_> = found.spec.email_addresses.difference(&want.email_addresses).collect();
        let mut email_addresses = want.email_addresses.clone();
        if !unwanted.is_empty() {
            let all: Vec<Subscription> = subscriptions::list(&self.client, arn).await?;
            for one in all.iter().filter(|one| unwanted.contains(&&one.email_address)) {
                match &one.arn {
                    Some(subscription) => subscriptions::unsubscribe(&self.client, key, subscription).await?,
                    None => {
                        progress.note(format!("{} never confirmed; SNS forgets it", one.email_address));
                        email_addresses.insert(one.email_address.clone());
                    }
                }
            }
        }
        Ok(Observed { spec: TopicSpec { email_addresses, ..want.clone() }, ..found })
    }

    /// Its subscriptions go with it.
    async fn delete(&self, observed: &Observed<TopicSpec>, _: &Progress) -> Result<()> {
        let arn = &observed.id;
        gone(self.client.delete_topic().topic_arn(arn).send().await.at(DELETE, arn))
    }

    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<TopicSpec>>> {
        let arn = if id.starts_with("arn:") { id.to_owned() } else { topic::arn(scope, id) };
        self.observe(scope, &arn).await
    }

    async fn adopt(&self, scope: &Scope, key: &Key, observed: &Observed<TopicSpec>) -> Result<()> {
        let call = self.client.tag_resource().resource_arn(&observed.id);
        call.set_tags(Some(tags(TAG, scope, key)?)).send().await.at(TAG, key).map(drop)
    }
}
