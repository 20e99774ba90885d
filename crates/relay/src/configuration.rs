//! What the function reads from its environment variables.

use function::variables::{ConfigurationError, parse, url};

/// EventStoreDB's own default up to version 25.0. Later ones take more.
const DEFAULT_MAX_APPEND_BYTES: usize = 1024 * 1024;

/// The function's configuration, complete and within its bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// `HEADWATER_ENVIRONMENT`: the environment's name, a dimension of the metrics.
    pub environment: String,
    /// Where EventStoreDB is, and who it takes us for.
    pub eventstore: Address,
    /// `HEADWATER_MAX_APPEND_BYTES`, optional: the largest append that EventStoreDB takes, in bytes; 1 MiB where it is not set.
    pub max_append_bytes: usize,
    /// `HEADWATER_FAILURE_QUEUE_URL`: the URL of the queue for what can never be appended.
    pub failure_queue_url: String,
    /// `AWS_REGION`, which Lambda sets.
    pub region: String,
    /// `AWS_LAMBDA_FUNCTION_NAME`, which Lambda sets: a dimension of the metrics.
    pub function_name: String,
    /// `AWS_LAMBDA_LOG_LEVEL`, which Lambda sets to the least level of the lines that it keeps; `INFO` where it is not set.
    pub log_level: String,
    /// `AWS_ENDPOINT_URL`, optional: where all calls to AWS go instead, for an emulator.
    pub endpoint_url: Option<String>,
}

/// Where EventStoreDB is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// `HEADWATER_EVENTSTORE_ADDRESS`: `host:port`.
    pub address: String,
    /// `HEADWATER_EVENTSTORE_TLS`: `true`, `unverified` or `false`. Without TLS no credentials are sent.
    pub tls: Option<Tls>,
}

/// What TLS and the credentials that go over it need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// `HEADWATER_EVENTSTORE_SERVER_NAME`, optional: the name that a certificate which is verified must have, where it
    /// is not the address's host.
    pub server_name: Option<String>,
    /// How the server is known.
    pub trust: Trust,
    /// `HEADWATER_EVENTSTORE_USER`, optional: `admin` where it is not set.
    pub user: String,
    /// `HEADWATER_EVENTSTORE_PASSWORD_SECRET`: the ARN of the secret that holds the user's password, plain.
    pub password_secret: String,
}

/// How the server is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// `true`, with `HEADWATER_EVENTSTORE_TRUST_SECRET`: the ARN of the secret that holds the certificates to trust, in
    /// PEM. No others are trusted.
    Secret(String),
    /// `unverified`: by nothing. Its certificate is one that nobody can verify, so whoever answers gets the events and the
    /// password.
    Nobody,
}

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
        Ok(Self {
            environment: required("HEADWATER_ENVIRONMENT", "the environment's name")?,
            eventstore: Address::from_variables(&optional, &required)?,
            max_append_bytes: match optional("HEADWATER_MAX_APPEND_BYTES") {
                None => DEFAULT_MAX_APPEND_BYTES,
                Some(value) => {
                    let expected = "a number of bytes, at least 1";
                    parse("HEADWATER_MAX_APPEND_BYTES", value, expected, |bytes| *bytes > 0)?
                }
            },
            failure_queue_url: url(
                "HEADWATER_FAILURE_QUEUE_URL",
                required("HEADWATER_FAILURE_QUEUE_URL", "the URL of the failure queue")?,
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

impl Address {
    fn from_variables(
        optional: &impl Fn(&str) -> Option<String>,
        required: &impl Fn(&'static str, &str) -> Result<String, ConfigurationError>,
    ) -> Result<Self, ConfigurationError> {
        let expected = "EventStoreDB's host and port, as in eventstore.internal:2113";
        let address = required("HEADWATER_EVENTSTORE_ADDRESS", expected)?;
        let address = parse("HEADWATER_EVENTSTORE_ADDRESS", address, expected, |address: &String| {
            let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty());
            port.is_some_and(|(_, port)| port.parse::<u16>().is_ok()) && !address.contains('/')
        })?;
        let secret = |name, what: &str| required(name, &format!("the ARN of the secret with {what}"));
        let name = "HEADWATER_EVENTSTORE_TLS";
        let expected = "`true`, `unverified` (encrypted to whoever answers) or `false`";
        let value = required(name, expected)?;
        let trust = match value.as_str() {
            "true" => {
                Trust::Secret(secret("HEADWATER_EVENTSTORE_TRUST_SECRET", "the certificates to trust")?)
            }
            "unverified" => Trust::Nobody,
            "false" => return Ok(Self { address, tls: None }),
            _ => return Err(ConfigurationError::Invalid { name, value, expected: expected.to_owned() }),
        };
        let tls = Tls {
            server_name: optional("HEADWATER_EVENTSTORE_SERVER_NAME"),
            trust,
            user: optional("HEADWATER_EVENTSTORE_USER").unwrap_or_else(|| "admin".to_owned()),
            password_secret: secret("HEADWATER_EVENTSTORE_PASSWORD_SECRET", "the user's password")?,
        };
        Ok(Self { address, tls: Some(tls) })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn read(changes: &[(&str, &str)]) -> Result<Configuration, ConfigurationError> {
        let mut variables = HashMap::from([
            ("HEADWATER_ENVIRONMENT", "dev"),
            ("HEADWATER_EVENTSTORE_ADDRESS", "eventstore.headwater-dev:2113"),
            ("HEADWATER_EVENTSTORE_TLS", "true"),
            ("HEADWATER_EVENTSTORE_TRUST_SECRET", "arn:aws:secretsmanager:eu-west-1:1:secret:trust"),
            ("HEADWATER_EVENTSTORE_PASSWORD_SECRET", "arn:aws:secretsmanager:eu-west-1:1:secret:password"),
            (
                "HEADWATER_FAILURE_QUEUE_URL",
                "https://sqs.eu-west-1.amazonaws.com/1/headwater-dev-relay-failures",
            ),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_LAMBDA_FUNCTION_NAME", "headwater-dev-relay"),
        ]);
        variables.extend(changes.iter().copied());
        Configuration::from_variables(|name| variables.get(name).map(|value| (*value).to_owned()))
    }

    #[test]
    fn a_complete_environment_is_read_and_the_user_is_admin() {
        let configuration = read(&[]).unwrap();
        let tls = configuration.eventstore.tls.unwrap();
        assert_eq!((tls.user.as_str(), tls.server_name), ("admin", None));
        assert_eq!(tls.trust, Trust::Secret("arn:aws:secretsmanager:eu-west-1:1:secret:trust".to_owned()));
        assert_eq!(configuration.max_append_bytes, 1_048_576);
    }

    #[test]
    fn without_tls_no_secrets_are_needed_nor_read() {
        let configuration = read(&[
            ("HEADWATER_EVENTSTORE_TLS", "false"),
            ("HEADWATER_EVENTSTORE_TRUST_SECRET", ""),
            ("HEADWATER_EVENTSTORE_ADDRESS", "127.0.0.1:2113"),
        ]);
        assert_eq!(configuration.unwrap().eventstore.tls, None);
    }

    #[test]
    fn unverified_needs_the_password_and_no_certificates() {
        let unverified = ("HEADWATER_EVENTSTORE_TLS", "unverified");
        let without_trust = ("HEADWATER_EVENTSTORE_TRUST_SECRET", "");
        let tls = read(&[unverified, without_trust]).unwrap().eventstore.tls.unwrap();
        assert_eq!(tls.trust, Trust::Nobody);
        let without_password = ("HEADWATER_EVENTSTORE_PASSWORD_SECRET", "");
        let mistake = read(&[unverified, without_trust, without_password]).unwrap_err();
        assert!(matches!(mistake, ConfigurationError::Missing { name, .. } if name == without_password.0));
    }

    #[test]
    fn each_mistake_is_named_with_what_is_wanted() {
        let mistakes = [
            ("HEADWATER_EVENTSTORE_ADDRESS", ""),
            ("HEADWATER_EVENTSTORE_ADDRESS", "eventstore"),
            ("HEADWATER_EVENTSTORE_ADDRESS", "esdb://eventstore:2113"),
            ("HEADWATER_EVENTSTORE_TLS", ""),
            ("HEADWATER_EVENTSTORE_TLS", "yes"),
            ("HEADWATER_EVENTSTORE_TRUST_SECRET", ""),
            ("HEADWATER_EVENTSTORE_PASSWORD_SECRET", ""),
            ("HEADWATER_MAX_APPEND_BYTES", "0"),
            ("HEADWATER_FAILURE_QUEUE_URL", "headwater-dev-relay-failures"),
        ];
        let messages: Vec<String> =
            mistakes.iter().map(|mistake| read(&[*mistake]).unwrap_err().to_string()).collect();
        insta::assert_snapshot!(messages.join("\n"));
    }
}
