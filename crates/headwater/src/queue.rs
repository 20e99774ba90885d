//! The event queue and its dead-letter queue as a client uses them: send in batches, receive, delete.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result};
use aws_env::{At, SdkConfig};
use aws_sdk_sqs::{
    Client,
    primitives::Blob,
    types::{
        ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, MessageAttributeValue,
        MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry,
    },
};
use event::dead_letter::{Attribute, MAX_BATCH_MESSAGES, Message, Value};
use resource::Class;

/// How often a part of a batch that SQS could not take for now is sent again.
const ATTEMPTS: u32 = 6;

/// One queue.
#[derive(Clone, Debug)]
pub struct Queue {
    client: Client,
    url: String,
}

/// A message that was received.
#[derive(Clone, Debug)]
pub struct Received {
    /// Its id.
    pub id: String,
    /// What it takes to delete it.
    pub receipt_handle: String,
    /// When it was sent to this queue, in milliseconds since the Unix epoch.
    pub sent_at_millis: Option<u64>,
    /// Body and attributes.
    pub message: Message,
}

/// A message that SQS did not take.
#[derive(Clone, Debug, thiserror::Error)]
#[error("SQS did not take message {}: {code}: {message}", .index + 1)]
pub struct NotSent {
    /// Its place among those that were to be sent, from 0; people are told it from 1.
    pub index: usize,
    /// SQS's error code.
    pub code: String,
    /// SQS's message.
    pub message: String,
}

impl Queue {
    /// The queue called `name`.
    ///
    /// # Errors
    /// It is not there, or may not be asked for.
    pub async fn named(sdk: &SdkConfig, name: &str) -> Result<Self> {
        let client = Client::new(sdk);
        let answer = client.get_queue_url().queue_name(name).send().await.at("sqs:GetQueueUrl", name);
        let url = match answer {
            Err(error) if error.class == Class::NotFound => {
                return Err(error).context(format!("the queue {name} is not there; `deploy` makes it"));
            }
            answer => answer?.queue_url.context("SQS gave no URL for the queue")?,
        };
        Ok(Self { client, url })
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its ARN.
    ///
    /// # Errors
    /// SQS does not say.
    pub async fn arn(&self) -> Result<String> {
        let answer = self
            .client
            .get_queue_attributes()
            .queue_url(&self.url)
            .attribute_names(QueueAttributeName::QueueArn)
            .send()
            .await
            .at("sqs:GetQueueAttributes", &self.url)?;
        let arn =
            answer.attributes.and_then(|mut attributes| attributes.remove(&QueueAttributeName::QueueArn));
        arn.context("SQS gave no ARN for the queue")
    }

    /// How many messages wait, are in flight, and are delayed: SQS's approximations.
    ///
    /// # Errors
    /// SQS does not say.
    pub async fn depth(&self) -> Result<Depth> {
        use QueueAttributeName::{ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible};
        let answer = self
            .client
            .get_queue_attributes()
            .queue_url(&self.url)
            .attribute_names(ApproximateNumberOfMessages)
            .attribute_names(ApproximateNumberOfMessagesNotVisible)
            .send()
            .await
            .at("sqs:GetQueueAttributes", &self.url)?;
        let number = |name| {
            answer
                .attributes
                .as_ref()
                .and_then(|all| all.get(&name))
                .and_then(|n| n.parse().ok())
                .unwrap_or(0)
        };
        Ok(Depth {
            waiting: number(ApproximateNumberOfMessages),
            in_flight: number(ApproximateNumberOfMessagesNotVisible),
        })
    }

    /// Sends a message, or one of the [`Batches`](event::dead_letter::Batches). What SQS cannot take for now is sent again
    /// alone; what it refuses is returned. A lost reply may make a message arrive twice: the journal folds it.
    ///
    /// # Errors
    /// The whole batch is refused.
    pub async fn send(&self, messages: &[Message]) -> Result<Vec<NotSent>> {
        let mut left: Vec<usize> = (0..messages.len()).collect();
        let mut refused = Vec::new();
        for attempt in 1.. {
            let entries =
                left.iter().map(|&index| entry(index, &messages[index])).collect::<Result<Vec<_>>>()?;
            let answer = self
                .client
                .send_message_batch()
                .queue_url(&self.url)
                .set_entries(Some(entries))
                .send()
                .await
                .at("sqs:SendMessage", &self.url)?;
            left.clear();
            for failed in answer.failed {
                let index = failed.id.parse().unwrap_or(0);
                if failed.sender_fault || attempt == ATTEMPTS {
                    let message = failed.message.unwrap_or_else(|| "no message".to_owned());
                    refused.push(NotSent { index, code: failed.code, message });
                } else {
                    left.push(index);
                }
            }
            if left.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100) * 2_u32.pow(attempt)).await;
        }
        Ok(refused)
    }

    /// Receives up to ten messages and hides them from others for `hidden`; none where none came within a second.
    ///
    /// # Errors
    /// SQS refuses.
    pub async fn receive(&self, hidden: Duration) -> Result<Vec<Received>> {
        let answer = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(10)
            .wait_time_seconds(1)
            .visibility_timeout(i32::try_from(hidden.as_secs()).unwrap_or(i32::MAX))
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .send()
            .await
            .at("sqs:ReceiveMessage", &self.url)?;
        Ok(answer.messages.unwrap_or_default().into_iter().map(received).collect())
    }

    /// Deletes what was received.
    ///
    /// # Errors
    /// SQS refuses one of them; it comes again when its time is over.
    pub async fn delete(&self, messages: &[Received]) -> Result<()> {
        for batch in messages.chunks(MAX_BATCH_MESSAGES) {
            let entries = batch.iter().enumerate().map(|(index, message)| {
                DeleteMessageBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(&message.receipt_handle)
                    .build()
            });
            let entries: Vec<_> = entries.collect::<Result<_, _>>()?;
            let request = self.client.delete_message_batch().queue_url(&self.url).set_entries(Some(entries));
            let answer = request.send().await.at("sqs:DeleteMessage", &self.url)?;
            if let Some(failed) = answer.failed.first() {
                anyhow::bail!("SQS did not delete a message: {}", failed.code);
            }
        }
        Ok(())
    }

    /// Shows to others again at once what was received.
    ///
    /// # Errors
    /// SQS refuses the call. A single message that it refuses shows by itself when its time is over.
    pub async fn release(&self, messages: &[Received]) -> Result<()> {
        for batch in messages.chunks(MAX_BATCH_MESSAGES) {
            let entries = batch.iter().enumerate().map(|(index, message)| {
                ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(&message.receipt_handle)
                    .visibility_timeout(0)
                    .build()
            });
            let entries: Vec<_> = entries.collect::<Result<_, _>>()?;
            let request =
                self.client.change_message_visibility_batch().queue_url(&self.url).set_entries(Some(entries));
            request.send().await.at("sqs:ChangeMessageVisibility", &self.url)?;
        }
        Ok(())
    }

    /// Sets how long a received message is hidden, in seconds: what `test-local` changes from outside.
    ///
    /// # Errors
    /// SQS refuses.
    pub async fn set_visibility_timeout(&self, seconds: u32) -> Result<()> {
        let request = self.client.set_queue_attributes().queue_url(&self.url);
        let request = request.attributes(QueueAttributeName::VisibilityTimeout, seconds.to_string());
        request.send().await.at("sqs:SetQueueAttributes", &self.url)?;
        Ok(())
    }

    /// The client that it is reached with.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }
}

/// How full a queue is, approximately.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Depth {
    /// Messages that can be received.
    pub waiting: u64,
    /// Messages that somebody works on.
    pub in_flight: u64,
}

fn entry(index: usize, message: &Message) -> Result<SendMessageBatchRequestEntry> {
    let attributes =
        message.attributes.iter().map(|(name, attribute)| Ok((name.clone(), to_sqs(attribute)?)));
    let attributes = attributes.collect::<Result<_>>()?;
    Ok(SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_body(&message.body)
        .set_message_attributes(Some(attributes))
        .build()?)
}

fn to_sqs(attribute: &Attribute) -> Result<MessageAttributeValue> {
    let value = MessageAttributeValue::builder().data_type(&attribute.data_type);
    let value = match &attribute.value {
        Value::StringValue(text) => value.string_value(text),
        Value::BinaryValue(bytes) => value.binary_value(Blob::new(bytes.clone())),
    };
    Ok(value.build()?)
}

fn received(message: aws_sdk_sqs::types::Message) -> Received {
    let sent_at_millis = message
        .attributes
        .as_ref()
        .and_then(|attributes| attributes.get(&MessageSystemAttributeName::SentTimestamp))
        .and_then(|millis| millis.parse().ok());
    let attributes: BTreeMap<_, _> = message
        .message_attributes
        .unwrap_or_default()
        .into_iter()
        .map(|(name, value)| {
            let data_type = value.data_type;
            let value = match value.binary_value {
                Some(bytes) => Value::BinaryValue(bytes.into_inner()),
                None => Value::StringValue(value.string_value.unwrap_or_default()),
            };
            (name, Attribute { data_type, value })
        })
        .collect();
    Received {
        id: message.message_id.unwrap_or_default(),
        receipt_handle: message.receipt_handle.unwrap_or_default(),
        sent_at_millis,
        message: Message { body: message.body.unwrap_or_default(), attributes },
    }
}
