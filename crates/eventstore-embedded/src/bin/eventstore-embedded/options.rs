//! The program's options: EventStoreDB's environment variables, with its old and its new prefix.
//!
//! An option that EventStoreDB does not have makes it refuse to start. So does this program, with an option that changes what
//! it would do and that it does not have. What changes nothing here is accepted and has no effect.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context, bail};
use eventstore_embedded::{Access, Config, Flush, Password, Storage, Tls};

/// The prefixes of the variables, the one that wins last.
const PREFIXES: [&str; 2] = ["EVENTSTORE_", "KURRENTDB_"];

/// Options without an effect: they are of a cluster, of projections, of the user interface, of certificates of other nodes,
/// of caches, of telemetry, or of log files. None of that is here.
const WITHOUT_EFFECT: &[&str] = &[
    "ADVERTISE_HOST_TO_CLIENT_AS",
    "ADVERTISE_NODE_PORT_TO_CLIENT_AS",
    "CACHED_CHUNKS",
    "CERTIFICATE_RESERVED_NODE_COMMON_NAME",
    "CHUNKS_CACHE_SIZE",
    "DISCOVER_VIA_DNS",
    "ENABLE_ATOM_PUB_OVER_HTTP",
    "EXT_HOST_ADVERTISE_AS",
    "GOSSIP_ON_SINGLE_NODE",
    "INDEX",
    "INT_IP",
    "LOG",
    "LOG_LEVEL",
    "NODE_PORT_ADVERTISE_AS",
    "REPLICATION_IP",
    "REPLICATION_PORT",
    "RUN_PROJECTIONS",
    "START_STANDARD_PROJECTIONS",
    "STATS_PERIOD_SEC",
    "STREAM_INFO_CACHE_CAPACITY",
    "TELEMETRY_OPTOUT",
    "TRUSTED_ROOT_CERTIFICATES_PATH",
    "WORKER_THREADS",
];

/// What the program was told.
#[derive(Debug)]
pub(crate) struct Options {
    /// Where to listen.
    pub(crate) address: SocketAddr,
    pub(crate) log_format: LogFormat,
    storage: Storage,
    access: Access,
    /// The files of the certificate and of its key. Without them it is insecure.
    certificate: Option<(PathBuf, PathBuf)>,
    advertised_host: Option<String>,
    max_append_size: Option<u32>,
}

/// How lines of the log look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Plain,
    Json,
}

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "plain" => Ok(Self::Plain),
            "json" => Ok(Self::Json),
            _ => Err("neither Plain nor Json"),
        }
    }
}

impl Options {
    /// Reads the variables that have one of the prefixes.
    ///
    /// # Errors
    /// One is not known, makes no sense, or does not go with another.
    pub(crate) fn from_environment(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> anyhow::Result<Self> {
        let mut given = Given::collect(variables)?;
        let insecure = given.flag("INSECURE")?;
        let log_format = given.parsed("LOG_CONSOLE_FORMAT")?.unwrap_or(LogFormat::Plain);
        let advertised_host = given.text("NODE_HOST_ADVERTISE_AS");
        let max_append_size = given.parsed("MAX_APPEND_SIZE")?;
        if given.parsed("CLUSTER_SIZE")?.is_some_and(|size: u32| size != 1) {
            bail!("CLUSTER_SIZE is not 1: this server is one node");
        }
        let options = Self {
            address: given.address()?,
            log_format,
            storage: given.storage()?,
            access: given.access(insecure)?,
            certificate: given.certificate(insecure)?,
            advertised_host,
            max_append_size,
        };
        given.nothing_is_left()?;
        Ok(options)
    }

    /// The server's configuration. Reads the certificate.
    pub(crate) fn config(self) -> anyhow::Result<Config> {
        let read = |path: &Path| {
            fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))
        };
        let tls = match self.certificate {
            Some((chain, key)) => {
                Some(Tls { certificate_chain_pem: read(&chain)?, private_key_pem: read(&key)? })
            }
            None => None,
        };
        let default = Config::default();
        Ok(Config {
            storage: self.storage,
            access: self.access,
            tls,
            advertised_host: self.advertised_host,
            max_append_size: self.max_append_size.unwrap_or(default.max_append_size),
            ..default
        })
    }
}

/// The options that were given and not looked at yet, by their names without the prefix.
struct Given(BTreeMap<String, String>);

impl Given {
    fn collect(variables: impl IntoIterator<Item = (OsString, OsString)>) -> anyhow::Result<Self> {
        let mut given = BTreeMap::new();
        let variables: Vec<_> = variables.into_iter().collect();
        for prefix in PREFIXES {
            for (name, value) in &variables {
                let Some(option) = name.to_str().and_then(|name| name.strip_prefix(prefix)) else { continue };
                let Some(value) = value.to_str() else { bail!("the value of {option} is not UTF-8") };
                given.insert(option.to_owned(), value.to_owned());
            }
        }
        WITHOUT_EFFECT.iter().for_each(|option| drop(given.remove(*option)));
        Ok(Self(given))
    }

    /// What is empty was not given.
    fn text(&mut self, option: &str) -> Option<String> {
        self.0.remove(option).filter(|value| !value.is_empty())
    }

    fn parsed<T: FromStr<Err: std::fmt::Display>>(&mut self, option: &str) -> anyhow::Result<Option<T>> {
        let parsed = self.text(option).map(|value| value.parse::<T>());
        parsed.transpose().map_err(|error| anyhow::anyhow!("the value of {option} makes no sense: {error}"))
    }

    fn flag(&mut self, option: &str) -> anyhow::Result<bool> {
        match self.text(option).map(|value| value.to_ascii_lowercase()).as_deref() {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(_) => bail!("the value of {option} is neither true nor false"),
        }
    }

    fn address(&mut self) -> anyhow::Result<SocketAddr> {
        let (old_port, old_ip) = (self.parsed("HTTP_PORT")?, self.parsed("EXT_IP")?);
        let port = self.parsed("NODE_PORT")?.or(old_port).unwrap_or(2113);
        let ip = self.parsed("NODE_IP")?.or(old_ip).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        Ok(SocketAddr::new(ip, port))
    }

    fn storage(&mut self) -> anyhow::Result<Storage> {
        let path = self.text("DB").unwrap_or_else(|| "/var/lib/eventstore".to_owned()).into();
        let flush = match self.flag("UNSAFE_DISABLE_FLUSH_TO_DISK")? {
            true => Flush::LeaveToSystem,
            false => Flush::EveryBatch,
        };
        Ok(if self.flag("MEM_DB")? { Storage::Memory } else { Storage::Directory { path, flush } })
    }

    /// Unlike EventStoreDB, which keeps the passwords of its first start in the database.
    fn access(&mut self, insecure: bool) -> anyhow::Result<Access> {
        let (admin, ops) = (self.text("DEFAULT_ADMIN_PASSWORD"), self.text("DEFAULT_OPS_PASSWORD"));
        match insecure {
            true if admin.is_some() || ops.is_some() => {
                bail!(
                    "INSECURE goes with neither DEFAULT_ADMIN_PASSWORD nor DEFAULT_OPS_PASSWORD: it lets everybody in"
                )
            }
            true => Ok(Access::Insecure),
            false => {
                let password =
                    |text: Option<String>| Password::new(text.unwrap_or_else(|| "changeit".to_owned()));
                Ok(Access::Passwords { admin: password(admin), ops: password(ops) })
            }
        }
    }

    fn certificate(&mut self, insecure: bool) -> anyhow::Result<Option<(PathBuf, PathBuf)>> {
        match (self.text("CERTIFICATE_FILE"), self.text("CERTIFICATE_PRIVATE_KEY_FILE")) {
            _ if insecure => Ok(None),
            (Some(chain), Some(key)) => Ok(Some((chain.into(), key.into()))),
            _ => bail!(
                "CERTIFICATE_FILE and CERTIFICATE_PRIVATE_KEY_FILE are missing: give both, or INSECURE=true"
            ),
        }
    }

    fn nothing_is_left(self) -> anyhow::Result<()> {
        match self.0.into_keys().collect::<Vec<_>>() {
            unknown if unknown.is_empty() => Ok(()),
            unknown => bail!("these options are not known here: {}", unknown.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(variables: &[(&str, &str)]) -> anyhow::Result<Options> {
        Options::from_environment(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())))
    }

    fn refused(variables: &[(&str, &str)]) -> String {
        options(variables).expect_err("it is refused").to_string()
    }

    #[test]
    fn what_a_container_of_eventstoredb_is_told_is_understood() {
        let options = options(&[
            ("EVENTSTORE_CLUSTER_SIZE", "1"),
            ("EVENTSTORE_RUN_PROJECTIONS", "All"),
            ("EVENTSTORE_HTTP_PORT", "2114"),
            ("EVENTSTORE_EXT_IP", "0.0.0.0"),
            ("EVENTSTORE_DB", "/data"),
            ("EVENTSTORE_LOG_CONSOLE_FORMAT", "Json"),
            ("EVENTSTORE_CERTIFICATE_FILE", "/certificate.pem"),
            ("EVENTSTORE_CERTIFICATE_PRIVATE_KEY_FILE", "/key.pem"),
            ("EVENTSTORE_DEFAULT_ADMIN_PASSWORD", "s3cret"),
            ("KURRENTDB_NODE_HOST_ADVERTISE_AS", "eventstore.internal"),
            ("PATH", "/bin"),
        ])
        .expect("they are understood");
        assert_eq!(options.address, ([0, 0, 0, 0], 2114).into());
        assert_eq!(options.log_format, LogFormat::Json);
        assert_eq!(options.storage, Storage::Directory { path: "/data".into(), flush: Flush::EveryBatch });
        let (admin, ops) = (Password::new("s3cret"), Password::new("changeit"));
        assert_eq!(options.access, Access::Passwords { admin, ops });
        assert_eq!(options.certificate, Some(("/certificate.pem".into(), "/key.pem".into())));
        assert_eq!(options.advertised_host.as_deref(), Some("eventstore.internal"));
    }

    #[test]
    fn the_new_prefix_wins_and_the_new_name_of_the_port() {
        let options = options(&[
            ("KURRENTDB_NODE_PORT", "3"),
            ("EVENTSTORE_NODE_PORT", "2"),
            ("KURRENTDB_HTTP_PORT", "1"),
            ("KURRENTDB_INSECURE", "True"),
            ("KURRENTDB_MEM_DB", "true"),
        ])
        .expect("they are understood");
        assert_eq!(options.address, ([127, 0, 0, 1], 3).into());
        assert_eq!(
            (options.storage, options.access, options.certificate),
            (Storage::Memory, Access::Insecure, None)
        );
    }

    #[test]
    fn what_it_could_not_honour_is_refused() {
        const INSECURE: (&str, &str) = ("EVENTSTORE_INSECURE", "true");
        for (variables, complaint) in [
            (
                &[INSECURE, ("EVENTSTORE_RUN_PROJECTION", "All"), ("KURRENTDB_X", "")][..],
                "not known here: RUN_PROJECTION, X",
            ),
            (&[INSECURE, ("EVENTSTORE_ENABLE_EXTERNAL_TCP", "true")], "not known here: ENABLE_EXTERNAL_TCP"),
            (&[INSECURE, ("EVENTSTORE_DEFAULT_OPS_PASSWORD", "0ps")], "INSECURE goes with neither"),
            (&[INSECURE, ("EVENTSTORE_CLUSTER_SIZE", "3")], "one node"),
            (&[INSECURE, ("EVENTSTORE_NODE_PORT", "many")], "NODE_PORT makes no sense"),
            (&[("EVENTSTORE_INSECURE", "maybe")], "INSECURE is neither true nor false"),
            (&[("EVENTSTORE_CERTIFICATE_FILE", "/certificate.pem")], "give both, or INSECURE=true"),
        ] {
            let said = refused(variables);
            assert!(said.contains(complaint) && !said.contains("0ps"), "{said}");
        }
    }
}
