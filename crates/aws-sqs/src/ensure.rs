//! Making a queue as it is desired, and deleting one: what SQS needs time for, and how long it is given.

use std::time::Duration;

use aws_env::{At, Patience, retry_while, wait_until};
use futures::future::join_all;
use resource::{Class, Desired, Error, Observed, Owner, Progress, Result, Scope};

use crate::{QueueSpec, Queues, attributes};

/// SQS keeps a deleted queue's name for 60 s, and a principal may be fresh for as long:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
const CREATE: Patience =
    Patience::new(Duration::from_millis(500), Duration::from_secs(5), Duration::from_secs(90));

/// SQS takes up to 60 s to spread a change or a deletion over its hosts:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
const SPREAD: Patience =
    Patience::new(Duration::from_millis(100), Duration::from_secs(2), Duration::from_secs(75));

/// A deleted queue is gone when it was not found by so many calls at once: one of SQS's hosts may know before another.
const GONE: usize = 3;

impl Queues {
    /// Creates the queue where it is absent and changes what differs.
    pub(crate) async fn make_so(
        &self,
        scope: &Scope,
        desired: &Desired<QueueSpec>,
        observed: Option<&Observed<QueueSpec>>,
        progress: &Progress,
    ) -> Result<Observed<QueueSpec>> {
        if let Some(observed) = observed {
            match self.update(scope, desired, observed.clone(), progress).await {
                // It was deleted less than a minute before the survey saw it.
                Err(error) if error.class == Class::NotFound => {}
                done => return done,
            }
        }
        let created = self.create(scope, desired, progress).await?;
        self.update(scope, desired, created, progress).await
    }

    async fn create(
        &self,
        scope: &Scope,
        desired: &Desired<QueueSpec>,
        progress: &Progress,
    ) -> Result<Observed<QueueSpec>> {
        let operation = "sqs:CreateQueue";
        let key = &desired.key;
        let fatal = |text: &str| Error::new(operation, key, Class::Fatal, text.to_owned());
        let name = desired.name.as_deref().ok_or_else(|| fatal("a queue needs a name"))?;
        let attributes =
            attributes::set(&desired.spec).map_err(|e| Error::new(operation, key, Class::Fatal, e))?;
        let create = self
            .client
            .create_queue()
            .queue_name(name)
            .set_attributes(Some(attributes))
            .set_tags(Some(scope.tags(key).into_iter().collect()));
        let waits_for = "SQS to take the queue's name and policy";
        let created = retry_while(&CREATE, progress, waits_for, is_fresh_principal, || {
            let create = create.clone();
            async move { create.send().await.at(operation, key) }
        });
        let (url, existed) = match created.await {
            Ok(created) => (created.queue_url.unwrap_or_default(), false),
            // A run before this one was killed, or made it with other attributes.
            Err(error) if error.class == Class::AlreadyExists => (self.url(name).await?, true),
            Err(error) => return Err(error),
        };
        wait_until(&SPREAD, progress, operation, key, "the new queue to be seen with our tags", || async {
            match self.describe(scope, &url).await? {
                Some(queue) if queue.owner == Owner::Us(key.clone()) => Ok(Some(queue)),
                Some(queue) if existed => Err(taken(desired, &queue)),
                _ => Ok(None),
            }
        })
        .await
    }

    async fn update(
        &self,
        scope: &Scope,
        desired: &Desired<QueueSpec>,
        there: Observed<QueueSpec>,
        progress: &Progress,
    ) -> Result<Observed<QueueSpec>> {
        let operation = "sqs:SetQueueAttributes";
        let key = &desired.key;
        let changed = attributes::changed(&there.spec, &desired.spec)
            .map_err(|e| Error::new(operation, key, Class::Fatal, e))?;
        if changed.is_empty() {
            return Ok(there);
        }
        let update = self.client.set_queue_attributes().queue_url(&there.id).set_attributes(Some(changed));
        let waits_for = "SQS to take the queue's policy";
        retry_while(&CREATE, progress, waits_for, is_fresh_principal, || {
            let update = update.clone();
            async move { update.send().await.at(operation, key) }
        })
        .await?;
        self.settled(scope, desired, &there.id, progress).await
    }

    /// The queue once it reads as desired, or as it reads when the time that SQS documents is over: then the next
    /// plan shows what is left.
    async fn settled(
        &self,
        scope: &Scope,
        desired: &Desired<QueueSpec>,
        url: &str,
        progress: &Progress,
    ) -> Result<Observed<QueueSpec>> {
        let operation = "sqs:GetQueueAttributes";
        let key = &desired.key;
        let settled = wait_until(&SPREAD, progress, operation, key, "the change to spread", || async {
            let seen = self.describe(scope, url).await?;
            Ok(seen.filter(|queue| queue.spec == desired.spec))
        });
        match settled.await {
            Err(error) if error.class == Class::RetryLater => self.describe(scope, url).await?.ok_or(error),
            settled => settled,
        }
    }

    /// Deletes the queue and waits until SQS does not find it any more, so that a survey after it does not either.
    pub(crate) async fn delete_and_wait(&self, url: &str, progress: &Progress) -> Result<()> {
        let operation = "sqs:DeleteQueue";
        match self.client.delete_queue().queue_url(url).send().await.at(operation, url) {
            Err(error) if error.class != Class::NotFound => return Err(error),
            _ => {}
        }
        wait_until(&SPREAD, progress, operation, url, "the queue to be gone", || async {
            let asked = join_all((0..GONE).map(|_| self.attributes(url))).await;
            for answer in asked {
                match answer {
                    Ok(_) => return Ok(None),
                    Err(error) if error.class == Class::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(Some(()))
        })
        .await
    }
}

/// SQS does not know a principal yet that the policy names. It leaves nothing but its message to tell this by.
fn is_fresh_principal(error: &Error) -> bool {
    error.says("Invalid value for the parameter Policy")
}

fn taken(desired: &Desired<QueueSpec>, queue: &Observed<QueueSpec>) -> Error {
    let whose = match &queue.owner {
        Owner::Us(key) => format!("as `{key}`"),
        Owner::Other(text) => text.clone(),
    };
    let name = queue.name.as_deref().unwrap_or_default();
    let text = format!("a queue `{name}` is there already, {whose}");
    Error::new("sqs:CreateQueue", &desired.key, Class::AlreadyExists, text)
}
