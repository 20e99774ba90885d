//! What the function reads from its environment variables.

use std::num::NonZeroU16;
use std::ops::RangeInclusive;

use function::variables::{ConfigurationError, parse, url};

/// The function's configuration, complete and within its bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// `HEADWATER_ENVIRONMENT`: the environment's name, a dimension of the metrics.
    pub environment: String,
    /// `HEADWATER_TABLE`: the journal's table.
    pub table: String,
    /// `HEADWATER_INDEX_SHARDS`: over how many partitions the journal's indexes spread each type and source.
    pub index_shards: NonZeroU16,
    /// `HEADWATER_DLQ_URL`: the URL of the dead-letter queue.
    pub dead_letter_queue_url: String,
    /// `HEADWATER_MAX_RECEIVE_COUNT`: the `maxReceiveCount` of the queue's redrive policy, 1 to 1,000.
    pub max_receive_count: u32,
    /// `AWS_REGION`, which Lambda sets.
    pub region: String,
    /// `AWS_LAMBDA_FUNCTION_NAME`, which Lambda sets: a dimension of the metrics.
    pub function_name: String,
    /// `AWS_LAMBDA_LOG_LEVEL`, which Lambda sets to the least level of the lines that it keeps; `INFO` where it is not set.
    pub log_level: String,
    /// `AWS_ENDPOINT_URL`, optional: where all calls go instead of AWS, for an emulator.
    pub endpoint_url: Option<String>,
}

/// The range of `maxReceiveCount` (API reference of `SetQueueAttributes`).
const MAX_RECEIVE_COUNT: RangeInclusive<u32> = 1..=1000;

impl Configuration {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// The first variable that is missing or cannot be used.
    pub fn from_env() -> Result<Self, ConfigurationError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigurationError> {
        let optional = |name: &str| variable(name).filter(|value| !value.is_empty());
        let required = |name: &'static str, expected: &str| {
            optional(name).ok_or_else(|| ConfigurationError::Missing { name, expected: expected.to_owned() })
        };
        let shards = "a whole number from 1 to 65535";
        let receives = "a whole number from 1 to 1000";
        Ok(Self {
            environment: required("HEADWATER_ENVIRONMENT", "the environment's name")?,
            table: required("HEADWATER_TABLE", "the name of the journal's table")?,
            index_shards: parse(
                "HEADWATER_INDEX_SHARDS",
                required("HEADWATER_INDEX_SHARDS", shards)?,
                shards,
                |_: &NonZeroU16| true,
            )?,
            dead_letter_queue_url: url(
                "HEADWATER_DLQ_URL",
                required("HEADWATER_DLQ_URL", "the URL of the dead-letter queue")?,
            )?,
            max_receive_count: parse(
                "HEADWATER_MAX_RECEIVE_COUNT",
                required("HEADWATER_MAX_RECEIVE_COUNT", receives)?,
                receives,
                |count| MAX_RECEIVE_COUNT.contains(count),
            )?,
            region: required("AWS_REGION", "the AWS region (Lambda sets it)")?,
            function_name: required("AWS_LAMBDA_FUNCTION_NAME", "the function's name (Lambda sets it)")?,
            log_level: optional("AWS_LAMBDA_LOG_LEVEL").unwrap_or_else(|| "INFO".to_owned()),
            endpoint_url: optional("AWS_ENDPOINT_URL")
                .map(|value| url("AWS_ENDPOINT_URL", value))
                .transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn read(changes: &[(&str, &str)]) -> Result<Configuration, ConfigurationError> {
        let mut variables = HashMap::from([
            ("HEADWATER_ENVIRONMENT", "dev"),
            ("HEADWATER_TABLE", "headwater-dev-event"),
            ("HEADWATER_INDEX_SHARDS", "8"),
            ("HEADWATER_DLQ_URL", "https://sqs.eu-west-1.amazonaws.com/1/headwater-dev-event-dlq"),
            ("HEADWATER_MAX_RECEIVE_COUNT", "5"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_LAMBDA_FUNCTION_NAME", "headwater-dev-ingest"),
        ]);
        variables.extend(changes.iter().copied());
        Configuration::from_variables(|name| variables.get(name).map(|value| (*value).to_owned()))
    }

    #[test]
    fn a_complete_environment_is_read() {
        let configuration = read(&[]).unwrap();
        assert_eq!((configuration.index_shards.get(), configuration.max_receive_count), (8, 5));
        assert_eq!((configuration.endpoint_url, configuration.log_level.as_str()), (None, "INFO"));
    }

    #[test]
    fn an_endpoint_of_an_emulator_is_honoured_and_an_empty_one_is_none() {
        let local = "http://127.0.0.1:4566";
        assert_eq!(read(&[("AWS_ENDPOINT_URL", local)]).unwrap().endpoint_url.as_deref(), Some(local));
        assert_eq!(read(&[("AWS_ENDPOINT_URL", "")]).unwrap().endpoint_url, None);
    }

    #[test]
    fn each_mistake_is_named_with_what_is_wanted() {
        let mistakes = [
            ("HEADWATER_TABLE", ""),
            ("HEADWATER_INDEX_SHARDS", ""),
            ("HEADWATER_INDEX_SHARDS", "0"),
            ("HEADWATER_MAX_RECEIVE_COUNT", "many"),
            ("HEADWATER_DLQ_URL", "headwater-dev-event-dlq"),
            ("AWS_ENDPOINT_URL", "localhost:4566"),
            ("AWS_REGION", ""),
        ];
        let messages: Vec<String> =
            mistakes.iter().map(|mistake| read(&[*mistake]).unwrap_err().to_string()).collect();
        insta::assert_snapshot!(messages.join("\n"));
    }
}
