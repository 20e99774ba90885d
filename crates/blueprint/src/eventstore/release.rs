//! The lines of EventStoreDB that can be run, and how each is told what to do.

/// A line of EventStoreDB's releases. From 25.0 on it is named KurrentDB; protocol and clients are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "a variant is the line of its number")]
pub enum Release {
    V21_10,
    V22_10,
    V23_10,
    Lts24_10,
    V25_1,
    Lts26_0,
}

/// What a line is made of.
pub(crate) struct Line {
    /// The image that is run unless the configuration names another.
    pub(crate) image: &'static str,
    /// What the names of its environment variables begin with.
    pub(crate) prefix: &'static str,
    /// The server in the image, whose entry point it is.
    pub(crate) server: &'static str,
    /// Where it keeps its data and its logs.
    pub(crate) data: &'static str,
    pub(crate) logs: &'static str,
    /// The user that the image runs as. Files on EFS belong to the access points' user, whoever writes them.
    pub(crate) user: u32,
    /// The options that set the port of gRPC and HTTP, and the name that clients are told.
    pub(crate) port_option: &'static str,
    pub(crate) advertise_option: &'static str,
    /// Whether it serves the TCP protocol on 1113, which was taken out in 24.2: its options stop a newer server's start.
    pub(crate) tcp: bool,
    /// Whether it can be given its first passwords. One that cannot begins with `changeit`.
    pub(crate) first_passwords: bool,
}

impl Release {
    /// The lines by the name that the configuration has for them.
    pub(crate) const BY_NAME: &'static [(&'static str, Self)] = &[
        ("21.10", Self::V21_10),
        ("22.10", Self::V22_10),
        ("23.10", Self::V23_10),
        ("24.10", Self::Lts24_10),
        ("25.1", Self::V25_1),
        ("26.0", Self::Lts26_0),
    ];

    /// What the line is made of: <https://docs.kurrent.io/server/> and the images' own files.
    pub(crate) fn line(self) -> Line {
        let eventstore = Line {
            image: "",
            prefix: "EVENTSTORE_",
            server: "/opt/eventstore/EventStore.ClusterNode",
            data: "/var/lib/eventstore",
            logs: "/var/log/eventstore",
            user: 1000,
            port_option: "HTTP_PORT",
            advertise_option: "EXT_HOST_ADVERTISE_AS",
            tcp: true,
            first_passwords: false,
        };
        let kurrent = Line {
            prefix: "KURRENTDB_",
            server: "/opt/kurrentdb/KurrentDB",
            data: "/var/lib/kurrentdb",
            logs: "/var/log/kurrentdb",
            port_option: "NODE_PORT",
            advertise_option: "NODE_HOST_ADVERTISE_AS",
            tcp: false,
            first_passwords: true,
            ..eventstore
        };
        match self {
            Self::V21_10 => Line { image: "eventstore/eventstore:21.10.0-buster-slim", ..eventstore },
            Self::V22_10 => Line { image: "eventstore/eventstore:22.10.5-jammy", ..eventstore },
            Self::V23_10 => {
                Line { image: "eventstore/eventstore:23.10.1-jammy", first_passwords: true, ..eventstore }
            }
            Self::Lts24_10 => Line {
                image: "docker.eventstore.com/eventstore/eventstoredb-ee:24.10.6",
                port_option: "NODE_PORT",
                advertise_option: "NODE_HOST_ADVERTISE_AS",
                tcp: false,
                first_passwords: true,
                ..eventstore
            },
            Self::V25_1 => Line { image: "docker.kurrent.io/kurrent-latest/kurrentdb:25.1.4", ..kurrent },
            Self::Lts26_0 => {
                Line { image: "docker.kurrent.io/kurrent-lts/kurrentdb:26.0.3", user: 1001, ..kurrent }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_tcp_has_no_option_of_it_and_a_renamed_one_its_own_paths() {
        for (name, release) in Release::BY_NAME {
            let line = release.line();
            let renamed = *name >= "25";
            assert_eq!(line.prefix == "KURRENTDB_", renamed, "{name}");
            assert_eq!(
                line.data.ends_with("kurrentdb") && line.logs.ends_with("kurrentdb"),
                renamed,
                "{name}"
            );
            assert_eq!(line.tcp, *name < "24", "{name}");
            assert_eq!(line.first_passwords, *name >= "23", "{name}");
            assert_eq!(line.port_option == "NODE_PORT", *name >= "24", "{name}");
        }
    }
}
