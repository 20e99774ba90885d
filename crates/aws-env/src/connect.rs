//! From an environment's settings to the SDK's configuration.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_credential_types::provider::ProvideCredentials;
use aws_smithy_http_client::{Builder, tls};
use url::{Host, Url};

/// How an environment is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The region.
    pub region: String,
    /// The profile of the shared configuration files; `None` leaves it to the standard chain (`AWS_PROFILE`, …).
    pub profile: Option<String>,
    /// Another AWS-compatible endpoint for all services; `None` leaves it to the standard chain
    /// (`AWS_ENDPOINT_URL`, …).
    pub endpoint_url: Option<String>,
    /// Whether the environment is an emulator on this host: then anything but a loopback endpoint and dummy
    /// credentials is refused before any call.
    pub local: bool,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The endpoint is no URL.
    #[error("the endpoint `{0}` is no URL; write it like `http://127.0.0.1:4566`")]
    EndpointUrl(String),
    /// A local environment without an endpoint would reach AWS.
    #[error(
        "the environment is local, but no endpoint is given; run `cargo xtask up` and pass the endpoint that it \
         prints with `--endpoint-url`"
    )]
    NoEndpoint,
    /// A local environment with an endpoint elsewhere.
    #[error(
        "the environment is local, but its endpoint {0} is not on this host; a local run talks to 127.0.0.1, [::1] \
         or localhost only"
    )]
    NotLoopback(Url),
    /// A local environment with credentials that may be real.
    #[error(
        "the environment is local, but AWS_ACCESS_KEY_ID ({0}…) is no dummy; unset it for this command, or set \
         AWS_ACCESS_KEY_ID=test and AWS_SECRET_ACCESS_KEY=test"
    )]
    RealCredentials(String),
}

/// The SDK's configuration for `connection`, by the standard credential chain. Makes no call to the service endpoints.
///
/// Calls are retried by the SDK (standard mode, five attempts: throttling, 5xx, lost connections), each attempt
/// bounded to 30 s.
///
/// # Errors
/// [`ConnectError`], above all where a local environment would leave this host.
pub async fn connect(connection: &Connection) -> Result<SdkConfig, ConnectError> {
    let client = Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .build_https();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(client)
        .region(Region::new(connection.region.clone()))
        .retry_config(RetryConfig::standard().with_max_attempts(5))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(Duration::from_secs(5))
                .operation_attempt_timeout(Duration::from_secs(30))
                .build(),
        );
    if let Some(profile) = &connection.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(endpoint) = &connection.endpoint_url {
        let url = Url::parse(endpoint).map_err(|_| ConnectError::EndpointUrl(endpoint.clone()))?;
        loader = loader.endpoint_url(url.as_str().trim_end_matches('/'));
    }
    if connection.local {
        loader = loader.credentials_provider(dummies());
    }
    let config = loader.load().await;
    if connection.local {
        stays_on_this_host(&config)?;
        has_dummies(&config).await?;
    }
    Ok(config)
}

/// Local runs bring their own dummies rather than look for the user's: only an explicit pair of dummy keys in the
/// environment, such as an emulator's account id, takes their place.
fn dummies() -> aws_credential_types::provider::SharedCredentialsProvider {
    let from_environment = || std::env::var("AWS_ACCESS_KEY_ID").ok();
    let key = from_environment().unwrap_or_else(|| "test".to_owned());
    let secret = std::env::var("AWS_SECRET_ACCESS_KEY").unwrap_or_else(|_| "test".to_owned());
    let token = std::env::var("AWS_SESSION_TOKEN").ok();
    aws_credential_types::provider::SharedCredentialsProvider::new(aws_credential_types::Credentials::new(
        key,
        secret,
        token,
        None,
        "HeadwaterLocal",
    ))
}

fn stays_on_this_host(config: &SdkConfig) -> Result<(), ConnectError> {
    let endpoint = config.endpoint_url().ok_or(ConnectError::NoEndpoint)?;
    let url = Url::parse(endpoint).map_err(|_| ConnectError::EndpointUrl(endpoint.to_owned()))?;
    if is_loopback(&url) { Ok(()) } else { Err(ConnectError::NotLoopback(url)) }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

async fn has_dummies(config: &SdkConfig) -> Result<(), ConnectError> {
    let Some(provider) = config.credentials_provider() else { return Ok(()) };
    match provider.provide_credentials().await {
        Ok(found) if !is_dummy(found.access_key_id()) => {
            Err(ConnectError::RealCredentials(found.access_key_id().chars().take(4).collect()))
        }
        _ => Ok(()),
    }
}

/// AWS's own access keys are 16 to 128 characters that begin with a four-letter prefix such as `AKIA` or `ASIA`
/// (IAM user guide, "Unique identifiers"); emulators take any short word or an account id.
fn is_dummy(access_key: &str) -> bool {
    access_key.len() < 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_host_is_loopback() {
        let loopback = |url: &str| is_loopback(&Url::parse(url).unwrap());
        for here in ["http://127.0.0.1:4566", "http://127.8.0.1", "http://[::1]:1", "http://localhost:4566"] {
            assert!(loopback(here), "{here}");
        }
        for elsewhere in [
            "http://10.0.0.1",
            "https://sqs.eu-west-1.amazonaws.com",
            "http://127.0.0.1.example.org",
            "http://localhost.example.org",
        ] {
            assert!(!loopback(elsewhere), "{elsewhere}");
        }
    }

    #[tokio::test]
    async fn a_local_environment_does_not_leave_this_host() {
        let connection = |endpoint: &str| Connection {
            region: "us-east-1".into(),
            profile: None,
            endpoint_url: Some(endpoint.into()),
            local: true,
        };
        connect(&connection("http://127.0.0.1:4566")).await.unwrap();
        let mut refusals = Vec::new();
        for endpoint in ["https://sqs.eu-west-1.amazonaws.com", "127.0.0.1"] {
            refusals.push(connect(&connection(endpoint)).await.unwrap_err().to_string());
        }
        insta::assert_snapshot!(refusals.join("\n"), @r"
        the environment is local, but its endpoint https://sqs.eu-west-1.amazonaws.com/ is not on this host; a local run talks to 127.0.0.1, [::1] or localhost only
        the endpoint `127.0.0.1` is no URL; write it like `http://127.0.0.1:4566`
        ");
    }

    #[test]
    fn real_access_keys_are_told_from_dummies() {
        assert!(is_dummy("test") && is_dummy("000000000000"));
        assert!(!is_dummy("AKIAIOSFODNN7EXAMPLE") && !is_dummy("ASIAIOSFODNN7EXAMPLE"));
    }
}
