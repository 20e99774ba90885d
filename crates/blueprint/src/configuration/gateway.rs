//! The gateway's knobs as values, and what its routes file may be.

use std::fmt;
use std::io;

use aws_network::Cidr;
use resource::Scope;

use super::{Architecture, Durability, GatewayCluster};

/// A task definition has 64 KiB. So much of it is left for the routes that they fit with every character escaped.
///
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html>
const ROUTES_BYTES: usize = 24 * 1024;

/// The gateway: a reverse proxy that sends an event of each request.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Gateway {
    /// The image, pinned by a tag or a digest.
    pub image: String,
    /// The processor that the image is for.
    pub architecture: Architecture,
    /// Processor of a task: 1024 units are one.
    pub cpu_units: u16,
    /// Memory of a task, in MiB.
    pub memory_mib: u32,
    /// How many tasks run.
    pub desired_count: u16,
    /// The cluster that they run in.
    pub cluster: GatewayCluster,
    /// The port for clients.
    pub port: u16,
    /// The content of the routes file.
    pub routes: toml::Table,
    /// Who may connect to it.
    pub client_cidrs: Vec<Cidr>,
    /// Who may read its health and metrics.
    pub admin_cidrs: Vec<Cidr>,
    /// To what it may connect, besides port 443.
    pub upstreams: Vec<Upstream>,
    /// Where events wait that SQS has not taken.
    pub durability: Durability,
    /// Whether ECS Exec can open a shell in a task.
    pub execute_command: bool,
    /// Days that its log is kept.
    pub log_retention_days: u16,
}

/// A repository of Amazon ECR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EcrRepository<'a> {
    account: &'a str,
    pub(crate) region: &'a str,
    name: &'a str,
}

impl Gateway {
    /// The repository that the image is in, where that is a private one of ECR:
    /// `<account>.dkr.ecr.<region>.amazonaws.com/<name>`.
    pub(crate) fn ecr_repository(&self) -> Option<EcrRepository<'_>> {
        let (host, path) = self.image.split_once('/')?;
        let (account, rest) = host.split_once(".dkr.ecr.")?;
        let (region, _) = rest.split_once(".amazonaws.com")?;
        let name = path.split(['@', ':']).next()?;
        Some(EcrRepository { account, region, name })
    }
}

impl EcrRepository<'_> {
    pub(crate) fn arn(&self, scope: &Scope) -> String {
        let Self { account, region, name } = self;
        format!("arn:{}:ecr:{region}:{account}:repository/{name}", scope.partition())
    }
}

/// Addresses and a port that the gateway may connect to: `10.20.0.0/16:8080`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Upstream {
    /// The addresses.
    pub cidr: Cidr,
    /// The port.
    pub port: u16,
}

impl Upstream {
    /// None where the text is none.
    pub(super) fn new(text: &str) -> Option<Self> {
        let (cidr, port) = text.rsplit_once(':')?;
        let port = port.parse().ok().filter(|port| *port > 0)?;
        // Without a prefix the last part of an IPv6 address would be taken for a port.
        let cidr = cidr.contains('/').then(|| cidr.parse().ok())??;
        Some(Self { cidr, port })
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.cidr, self.port)
    }
}

/// The routes of a file that was read, or why they are none. What they mean the gateway itself says, at its start.
pub(super) fn routes(read: io::Result<Vec<u8>>) -> Result<toml::Table, String> {
    let bytes = read.map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() > ROUTES_BYTES {
        return Err(format!("has {} bytes, and a task definition has room for {ROUTES_BYTES}", bytes.len()));
    }
    let text = String::from_utf8(bytes)
        .map_err(|error| format!("is not UTF-8 from byte {} on", error.utf8_error().valid_up_to() + 1))?;
    text.parse::<toml::Table>().map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        format!("is not TOML at line {line}: {}", error.message().replace('\n', ", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_toml_that_a_task_definition_has_room_for() {
        let text = "[[routes]]\nprefix = \"/orders\"\n";
        assert_eq!(routes(Ok(text.into())).unwrap().keys().collect::<Vec<_>>(), ["routes"]);
        assert_eq!(
            routes(Ok("a = 1\nb =\n".into())).unwrap_err().split_once(": ").unwrap().0,
            "is not TOML at line 2"
        );
        let large = format!("a = '{}'", "\"".repeat(ROUTES_BYTES));
        assert!(routes(Ok(large.into())).unwrap_err().ends_with("a task definition has room for 24576"));
        assert_eq!(routes(Ok(vec![b'a', 0xff])), Err("is not UTF-8 from byte 2 on".to_owned()));
    }

    #[test]
    fn an_upstream_is_a_network_with_a_port() {
        for text in ["10.20.0.0/16:8080", "0.0.0.0/0:80", "2001:db8::/32:443"] {
            assert_eq!(Upstream::new(text).unwrap().to_string(), text);
        }
        for text in
            ["10.20.0.0/16", "10.20.0.0:8080", "10.20.0.0/16:0", "10.20.0.0/16:65536", "::1:80", "orders:80"]
        {
            assert_eq!(Upstream::new(text), None, "{text}");
        }
    }
}
