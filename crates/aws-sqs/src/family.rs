//! The family: what survey and find see of queues, and what the contract asks for.

use std::collections::{BTreeMap, HashMap};

use aws_env::{At, SdkConfig};
use aws_sdk_sqs::{Client, types::QueueAttributeName};
use futures::{StreamExt, TryStreamExt, future::try_join, stream};
use resource::{
    Class, Desired, Error, Family, IamAction, Key, Kind, Observed, Progress, Result, Scope, Within,
};

use crate::scopes::{OWN_QUEUES, QUEUES};
use crate::{QueueSpec, attributes};

/// How many queues are described at once.
const CONCURRENCY: usize = 16;

/// The most that ListQueues gives in a page. It gives no second page unless it is told.
const PAGE: i32 = 1000;

/// SQS's standard queues.
#[derive(Clone, Debug)]
pub struct Queues {
    pub(crate) client: Client,
}

impl Queues {
    /// The queues that this configuration leads to.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let pages = self.client.list_queues().queue_name_prefix(prefix).max_results(PAGE);
        let pages = pages.into_paginator().send().try_collect().await.at("sqs:ListQueues", prefix)?;
        Ok(pages.into_iter().flat_map(|page| page.queue_urls.unwrap_or_default()).collect())
    }

    /// The queue at `url`; `None` where it is gone, though a listing may show it for a minute still.
    pub(crate) async fn describe(&self, scope: &Scope, url: &str) -> Result<Option<Observed<QueueSpec>>> {
        let described = try_join(self.attributes(url), self.tags(url)).await;
        let (attributes, tags) = match described {
            Ok(described) => described,
            Err(error) if error.class == Class::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let spec = attributes::read(&attributes)
            .map_err(|e| Error::new("sqs:GetQueueAttributes", url, Class::Fatal, e))?;
        let attribute = |name: QueueAttributeName| attributes.get(&name).cloned();
        let mut outputs = BTreeMap::from([("url".to_owned(), url.to_owned())]);
        outputs.extend(attribute(QueueAttributeName::QueueArn).map(|arn| ("arn".to_owned(), arn)));
        Ok(Some(Observed {
            id: url.to_owned(),
            name: Some(name_in(url).to_owned()),
            owner: scope.owner(&tags),
            spec,
            outputs,
            created: attribute(QueueAttributeName::CreatedTimestamp),
            pending: None,
        }))
    }

    pub(crate) async fn attributes(&self, url: &str) -> Result<HashMap<QueueAttributeName, String>> {
        let all = self.client.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All);
        let described = all.send().await.at("sqs:GetQueueAttributes", url)?;
        Ok(described.attributes.unwrap_or_default())
    }

    async fn tags(&self, url: &str) -> Result<BTreeMap<String, String>> {
        let tagged =
            self.client.list_queue_tags().queue_url(url).send().await.at("sqs:ListQueueTags", url)?;
        Ok(tagged.tags.unwrap_or_default().into_iter().collect())
    }

    pub(crate) async fn url(&self, name: &str) -> Result<String> {
        let found = self.client.get_queue_url().queue_name(name).send().await.at("sqs:GetQueueUrl", name)?;
        Ok(found.queue_url.unwrap_or_default())
    }
}

/// The name at the end of a queue's URL or ARN; a name is itself.
fn name_in(id: &str) -> &str {
    id.rsplit(['/', ':']).next().unwrap_or(id)
}

impl Family for Queues {
    type Spec = QueueSpec;

    const KIND: Kind = Kind::new("AWS::SQS::Queue");

    // A queue names its dead-letter queue, but SQS lets either be deleted first.
    const REFERS_TO: &'static [Kind] = &[];

    // Tagging inside CreateQueue asks for sqs:TagQueue:
    // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
    const ACTIONS: &'static [IamAction] = &[
        IamAction::read("sqs:GetQueueAttributes").within(QUEUES),
        IamAction::read("sqs:GetQueueUrl").within(QUEUES),
        IamAction::read("sqs:ListQueueTags").within(QUEUES),
        IamAction::read("sqs:ListQueues").within(Within::IN_REGION),
        IamAction::write("sqs:CreateQueue").within(OWN_QUEUES),
        IamAction::write("sqs:DeleteQueue").within(OWN_QUEUES),
        IamAction::write("sqs:SetQueueAttributes").within(OWN_QUEUES),
        IamAction::write("sqs:TagQueue").within(OWN_QUEUES),
    ];

    async fn survey(&self, scope: &Scope) -> Result<Vec<Observed<QueueSpec>>> {
        let urls = self.list(&scope.name_prefix()).await?;
        let described = stream::iter(urls).map(|url| async move { self.describe(scope, &url).await });
        let queues: Vec<_> = described.buffered(CONCURRENCY).try_collect().await?;
        Ok(queues.into_iter().flatten().collect())
    }

    async fn ensure(
        &self,
        scope: &Scope,
        desired: &Desired<QueueSpec>,
        observed: Option<&Observed<QueueSpec>>,
        progress: &Progress,
    ) -> Result<Observed<QueueSpec>> {
        self.make_so(scope, desired, observed, progress).await
    }

    async fn delete(&self, observed: &Observed<QueueSpec>, progress: &Progress) -> Result<()> {
        self.delete_and_wait(&observed.id, progress).await
    }

    async fn find(&self, scope: &Scope, id: &str) -> Result<Option<Observed<QueueSpec>>> {
        let name = name_in(id);
        if id.starts_with("arn:") && id != scope.arn("sqs", name) {
            return Ok(None);
        }
        match self.url(name).await {
            Ok(url) => self.describe(scope, &url).await,
            Err(error) if error.class == Class::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn adopt(&self, scope: &Scope, key: &Key, observed: &Observed<QueueSpec>) -> Result<()> {
        let tags = scope.tags(key).into_iter().collect();
        let tag = self.client.tag_queue().queue_url(&observed.id).set_tags(Some(tags));
        tag.send().await.at("sqs:TagQueue", key)?;
        Ok(())
    }
}
