//! The AWS clients.

use aws_config::SdkConfig;

use crate::Configuration;

/// The clients of the function.
#[derive(Debug, Clone)]
pub struct Clients {
    /// For the journal.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// For the dead-letter queue.
    pub sqs: aws_sdk_sqs::Client,
}

impl Clients {
    /// Clients for the configuration's region or endpoint. No call is made.
    pub fn new(configuration: &Configuration) -> Self {
        Self::of(&function::sdk_config(&configuration.region, configuration.endpoint_url.as_deref()))
    }

    pub(crate) fn of(sdk: &SdkConfig) -> Self {
        Self { dynamodb: aws_sdk_dynamodb::Client::new(sdk), sqs: aws_sdk_sqs::Client::new(sdk) }
    }
}
