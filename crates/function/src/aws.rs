//! The SDK's configuration: credentials of the environment, one connection pool for all clients.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::{
    Connector,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};

/// AWS answers in milliseconds: a connection or an answer that takes longer is dead, and is tried again.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// The configuration of a function's clients, for a region or an endpoint. No call is made.
///
/// TLS and its root certificates are loaded here, not at the first call: Lambda gives a function's start the whole
/// of a processor, and the first invocation only its share. A plain http endpoint loads none.
pub fn sdk_config(region: &str, endpoint_url: Option<&str>) -> SdkConfig {
    let credentials = SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new());
    sdk_config_with(region, endpoint_url, http_client(endpoint_url), credentials)
}

pub(crate) fn sdk_config_with(
    region: &str,
    endpoint_url: Option<&str>,
    http_client: SharedHttpClient,
    credentials: SharedCredentialsProvider,
) -> SdkConfig {
    let mut sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .credentials_provider(credentials)
        .http_client(http_client);
    sdk.set_endpoint_url(endpoint_url.map(str::to_owned));
    sdk.build()
}

/// One connector for all clients. (The SDK's own HTTP client makes one for each, and another to validate it, each with
/// its own copy of the root certificates.)
fn http_client(endpoint_url: Option<&str>) -> SharedHttpClient {
    let timeouts =
        HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT).build();
    let builder = Connector::builder().connector_settings(timeouts);
    let connector = SharedHttpConnector::new(if endpoint_url.is_some_and(|url| url.starts_with("http://")) {
        builder.build_http()
    } else {
        builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).build()
    });
    http_client_fn(move |_, _| connector.clone())
}
