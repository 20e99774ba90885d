//! The URL of an endpoint on this machine: no other can be written.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::Uri;

use crate::Error;

/// An `http` or `https` URL whose host is this machine: a loopback address or `localhost`.
///
/// A local run takes no other endpoint, so that no mistake in configuration reaches an AWS account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoopbackUrl {
    text: String,
    host: String,
    port: u16,
}

impl LoopbackUrl {
    pub(crate) fn of_port(port: u16) -> Self {
        Self { text: format!("http://127.0.0.1:{port}"), host: "127.0.0.1".into(), port }
    }

    /// The URL as text, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host, an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, the scheme's own where the URL names none.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for LoopbackUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = |reason: &'static str| Error::NotLoopback { url: text.to_owned(), reason };
        let uri: Uri = text.parse().map_err(|_| refuse("it is not a URL"))?;
        let default_port = match uri.scheme_str() {
            Some("http") => 80,
            Some("https") => 443,
            _ => return Err(refuse("it does not begin with http:// or https://")),
        };
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(refuse("it holds credentials"));
        }
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let loopback = host.eq_ignore_ascii_case("localhost")
            || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        if !loopback {
            return Err(refuse("its host is not this machine"));
        }
        Ok(Self {
            text: text.trim_end_matches('/').to_owned(),
            host: host.to_owned(),
            port: uri.port_u16().unwrap_or(default_port),
        })
    }
}

impl fmt::Display for LoopbackUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Asks for a port early, before anything is installed or started.
pub(crate) fn free(port: u16) -> Result<(), Error> {
    match std::net::TcpListener::bind(("127.0.0.1", port)) {
        Ok(_) => Ok(()),
        Err(source) => Err(Error::Port { port, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_refused_with_the_port() -> std::io::Result<()> {
        let taken = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        let port = taken.local_addr()?.port();
        assert!(matches!(free(port), Err(Error::Port { port: named, .. }) if named == port));
        Ok(())
    }

    #[test]
    fn urls_of_this_machine_are_taken() {
        for (text, host, port) in [
            ("http://127.0.0.1:4566/", "127.0.0.1", 4566),
            ("http://127.8.9.1:1", "127.8.9.1", 1),
            ("http://[::1]:4566", "::1", 4566),
            ("https://LocalHost", "LocalHost", 443),
        ] {
            let url: LoopbackUrl = text.parse().unwrap();
            assert_eq!((url.host(), url.port()), (host, port));
            assert_eq!(url.as_str(), text.trim_end_matches('/'));
        }
    }

    #[test]
    fn every_other_url_is_refused_with_the_reason() {
        let refused = [
            "https://sqs.eu-central-1.amazonaws.com",
            "http://10.0.0.1:4566",
            "http://0.0.0.0:4566",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://localhost@example.com",
            "http://example.com@localhost",
            "localhost:4566",
            "ftp://localhost",
            "not a url",
            "",
        ];
        let messages: Vec<_> =
            refused.iter().map(|text| text.parse::<LoopbackUrl>().unwrap_err().to_string()).collect();
        insta::assert_snapshot!(messages.join("\n"));
    }
}
