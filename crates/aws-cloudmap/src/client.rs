//! The client, which reaches an emulator on this host as well.

use aws_env::SdkConfig;
use aws_sdk_servicediscovery::{
    Client,
    config::{
        Builder, ConfigBag, Intercept, RuntimeComponents,
        interceptors::BeforeSerializationInterceptorContextMut,
    },
};
use aws_smithy_runtime_api::{box_error::BoxError, client::endpoint::EndpointPrefix};
use url::{Host, Url};

/// A client of Cloud Map. Some of its operations are served by a host with a prefix, `data-`; where the endpoint is this
/// host, no such name exists, and the prefix is left out.
pub(crate) fn client(config: &SdkConfig) -> Client {
    let builder = Builder::from(config);
    let local = config.endpoint_url().is_some_and(is_loopback);
    Client::from_conf(if local { builder.interceptor(WithoutPrefix).build() } else { builder.build() })
}

fn is_loopback(endpoint: &str) -> bool {
    match Url::parse(endpoint).ok().as_ref().and_then(Url::host) {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

#[derive(Debug)]
struct WithoutPrefix;

impl Intercept for WithoutPrefix {
    fn name(&self) -> &'static str {
        "WithoutPrefix"
    }

    /// The operation has set its prefix by now, and the endpoint is not resolved yet.
    fn modify_before_serialization(
        &self,
        _: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        configuration: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        configuration.interceptor_state().unset::<EndpointPrefix>();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_left_out_on_this_host_alone() {
        for here in ["http://127.0.0.1:4566", "http://[::1]:1", "http://localhost:4566"] {
            assert!(is_loopback(here), "{here}");
        }
        for elsewhere in ["https://servicediscovery.eu-west-1.amazonaws.com", "http://10.0.0.1", "nonsense"] {
            assert!(!is_loopback(elsewhere), "{elsewhere}");
        }
    }
}
