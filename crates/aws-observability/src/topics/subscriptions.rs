//! The e-mail addresses that are subscribed to a topic.

use aws_env::At;
use aws_sdk_sns::Client;
use resource::{Key, Result};

use crate::races::gone;

const LIST: &str = "sns:ListSubscriptionsByTopic";
const SUBSCRIBE: &str = "sns:Subscribe";
const UNSUBSCRIBE: &str = "sns:Unsubscribe";
const EMAIL: &str = "email";

/// An address that a topic tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subscription {
    pub(super) email_address: String,
    /// `None` until the address confirms.
    pub(super) arn: Option<String>,
}

/// The addresses that are subscribed to the topic. Other protocols than e-mail are not ours to see.
pub(super) async fn list(client: &Client, topic_arn: &str) -> Result<Vec<Subscription>> {
    let mut pages = client.list_subscriptions_by_topic().topic_arn(topic_arn).into_paginator().send();
    let mut subscriptions = Vec::new();
    while let Some(page) = pages.next().await {
        subscriptions.extend(page.at(LIST, topic_arn)?.subscriptions.unwrap_or_default());
    }
    let by_email = subscriptions.into_iter().filter(|one| one.protocol() == Some(EMAIL));
    // In place of an ARN, SNS tells `PendingConfirmation`, or `Deleted` for some time after.
    Ok(by_email
        .filter(|one| one.subscription_arn() != Some("Deleted"))
        .map(|one| Subscription {
            email_address: one.endpoint.unwrap_or_default(),
            arn: one.subscription_arn.filter(|arn| arn.starts_with("arn:")),
        })
        .collect())
}

/// Has SNS ask the address to confirm. That it is subscribed already is success.
pub(super) async fn subscribe(client: &Client, key: &Key, topic_arn: &str, address: &str) -> Result<()> {
    let call = client.subscribe().topic_arn(topic_arn).protocol(EMAIL).endpoint(address);
    call.send().await.at(SUBSCRIBE, key).map(drop)
}

/// Ends a subscription that was confirmed.
pub(super) async fn unsubscribe(client: &Client, key: &Key, subscription_arn: &str) -> Result<()> {
    gone(client.unsubscribe().subscription_arn(subscription_arn).send().await.at(UNSUBSCRIBE, key))
}
