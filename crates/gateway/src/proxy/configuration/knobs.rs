//! The knobs of `gateway.toml`: the one table that reading, messages and the reference come from.

use std::borrow::Cow;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use settings_file::{Domain, Flag, Knob, Number, OneOf, Required, Table, Text, Texts};
use toml::de::DeValue;

use super::{Network, Upstream};
use crate::proxy::route::{Prefix, Template};

/// Every table of the file.
pub(super) static TABLES: &[Table] = &[
    Table { table: "", knobs: &[&LISTEN, &ADMIN, &TRUSTED_PROXIES] },
    Table { table: "events", knobs: &[&SOURCE, &QUEUE_URL, &DURABILITY, &SPOOL_DIRECTORY, &MAX_MIB] },
    Table { table: "limits", knobs: &[&CONNECTIONS, &REQUESTS_PER_SERVICE, &HEADER_KIB] },
    Table {
        table: "timeouts",
        knobs: &[
            &CLIENT_HEADER_SECONDS,
            &CLIENT_IDLE_SECONDS,
            &CONNECT_SECONDS,
            &RESPONSE_HEADER_SECONDS,
            &BODY_IDLE_SECONDS,
            &UPSTREAM_IDLE_SECONDS,
            &DRAIN_SECONDS,
            &FLUSH_SECONDS,
        ],
    },
    Table {
        table: "[routes]",
        knobs: &[&PREFIX, &SERVICE, &UPSTREAMS, &STRIP_PREFIX, &TEMPLATES, &HTTP2, &CONNECT_ATTEMPTS],
    },
];

type TextKnob = Knob<Text<Cow<'static, str>>>;
pub(super) type NumberKnob = Knob<Number<u32>>;

const ADDRESS: Text<SocketAddr> = Text {
    accepts: "an address and a port, such as \"0.0.0.0:8080\"",
    read: |text| text.parse().ok(),
    show: |address| format!("{:?}", address.to_string()),
};

const NAME: Text<Cow<'static, str>> = Text {
    accepts: "a name of 1 to 128 characters",
    read: |text| {
        let plain = (1..=128).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        plain.then(|| text.to_owned().into())
    },
    show: |text| format!("{text:?}"),
};

pub(super) static LISTEN: Knob<Text<SocketAddr>> = Knob {
    key: "listen",
    takes: ADDRESS,
    default: SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 8080)),
    required: false,
    purpose: "Where clients connect to, by HTTP/1.1 or HTTP/2 without TLS. Port 0 is any that is free; the start says which.",
};

pub(super) static ADMIN: Knob<Text<SocketAddr>> = Knob {
    key: "admin",
    takes: ADDRESS,
    default: SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9901)),
    required: false,
    purpose: "Where `/health/live`, `/health/ready` and `/metrics` are. It is open to whoever reaches it.",
};

pub(super) static TRUSTED_PROXIES: Knob<Texts<Network>> = Knob {
    key: "trusted_proxies",
    takes: Texts {
        accepts: "a list of networks, such as [\"10.0.0.0/8\"]",
        read: Network::parse,
        show: |network| format!("{network:?}"),
    },
    default: Vec::new(),
    required: false,
    purpose: "Clients whose `Forwarded` and `X-Forwarded-*` are kept and added to, such as a load balancer. Everybody else's are replaced.",
};

pub(super) static SOURCE: TextKnob = Knob {
    key: "source",
    takes: NAME,
    default: Cow::Borrowed("Gateway"),
    required: false,
    purpose: "The caller's name: the events' `source`.",
};

pub(super) static QUEUE_URL: TextKnob = Knob {
    key: "queue_url",
    takes: Text {
        accepts: "the URL of an SQS queue that is not FIFO",
        read: |text| {
            let uri: http::Uri = text.parse().ok()?;
            let http = matches!(uri.scheme_str(), Some("http" | "https"));
            (http && uri.path().len() > 1 && !text.ends_with(".fifo")).then(|| text.to_owned().into())
        },
        show: |text| if text.is_empty() { "`HEADWATER_QUEUE_URL`".to_owned() } else { format!("{text:?}") },
    },
    default: Cow::Borrowed(""),
    required: false,
    purpose: "The queue that events go to. The environment variable, where it is set, comes before it.",
};

pub(super) static DURABILITY: Knob<OneOf<bool>> = Knob {
    key: "durability",
    takes: OneOf(&[("memory", false), ("spool", true)]),
    default: false,
    required: false,
    purpose: "Where events are until the queue has them. `spool` writes each to a file first, so that they outlive the process.",
};

pub(super) static SPOOL_DIRECTORY: TextKnob = Knob {
    key: "spool_directory",
    takes: Text {
        accepts: "a directory of this process alone",
        read: |text| (!text.is_empty() && !text.contains('\0')).then(|| text.to_owned().into()),
        show: |text| if text.is_empty() { "none".to_owned() } else { format!("{text:?}") },
    },
    default: Cow::Borrowed(""),
    required: false,
    purpose: "Where the spool's files are. It is made where it is missing.",
};

pub(super) static MAX_MIB: NumberKnob = Knob {
    key: "max_mib",
    takes: Number { min: 1, max: 1_048_576, unit: "MiB" },
    default: 64,
    required: false,
    purpose: "How much room waiting events have. What does not fit is dropped, and counted.",
};

pub(super) static CONNECTIONS: NumberKnob = Knob {
    key: "connections",
    takes: Number { min: 1, max: 1_000_000, unit: "connections" },
    default: 10_000,
    required: false,
    purpose: "Connections of clients at once. Further ones wait until one ends. The process needs about twice as many open files.",
};

pub(super) static REQUESTS_PER_SERVICE: NumberKnob = Knob {
    key: "requests_per_service",
    takes: Number { min: 1, max: 1_000_000, unit: "requests" },
    default: 1_000,
    required: false,
    purpose: "Requests to one service at once. Further ones get 503 with `Retry-After`.",
};

pub(super) static HEADER_KIB: NumberKnob = Knob {
    key: "header_kib",
    takes: Number { min: 8, max: 1_024, unit: "KiB" },
    default: 64,
    required: false,
    purpose: "A request's line and headers. Larger ones get 431.",
};

/// A time-out in seconds.
const fn seconds(key: &'static str, default: u32, purpose: &'static str) -> NumberKnob {
    Knob { key, takes: Number { min: 1, max: 86_400, unit: "seconds" }, default, required: false, purpose }
}

pub(super) static CLIENT_HEADER_SECONDS: NumberKnob =
    seconds("client_header_seconds", 10, "From a request's first byte to the end of its headers.");
pub(super) static CLIENT_IDLE_SECONDS: NumberKnob = seconds(
    "client_idle_seconds",
    75,
    "For the next request on a connection. Longer than a load balancer before it keeps one, or that meets closed ones.",
);
pub(super) static CONNECT_SECONDS: NumberKnob =
    seconds("connect_seconds", 5, "For a connection to an upstream, with its TLS.");
pub(super) static RESPONSE_HEADER_SECONDS: NumberKnob = seconds(
    "response_header_seconds",
    60,
    "For the head of the response, from the last part of the request that the upstream took.",
);
pub(super) static BODY_IDLE_SECONDS: NumberKnob = seconds(
    "body_idle_seconds",
    60,
    "For the next part of a body, whoever sends it, and for the client to take it. A body as a whole may take as long as it likes.",
);
pub(super) static UPSTREAM_IDLE_SECONDS: NumberKnob = seconds(
    "upstream_idle_seconds",
    30,
    "How long an unused connection to an upstream is kept. Shorter than the upstream keeps it, or requests meet closed ones.",
);
pub(super) static DRAIN_SECONDS: NumberKnob =
    seconds("drain_seconds", 20, "For requests in flight, after the signal to end.");
pub(super) static FLUSH_SECONDS: NumberKnob = seconds(
    "flush_seconds",
    5,
    "For events that are left after that. ECS kills 30 seconds after its signal.",
);

pub(super) static PREFIX: Required<Text<Prefix>> = Required(Knob {
    key: "prefix",
    takes: Text {
        accepts: "a path such as \"/orders\", of plain segments and without a slash at its end, or \"/\"",
        read: Prefix::parse,
        show: |prefix| format!("{:?}", prefix.to_string()),
    },
    default: Prefix::ROOT,
    required: true,
    purpose: "The paths that it is for: this one, and what continues it behind a slash. The longest one counts.",
});

pub(super) static SERVICE: Required<Text<Cow<'static, str>>> = Required(Knob {
    key: "service",
    takes: NAME,
    default: Cow::Borrowed(""),
    required: true,
    purpose: "The service's name in events and metrics. Several routes may lead to one service, which then share its limit.",
});

/// A list of one text or more.
pub(super) struct OneOrMore<T>(Texts<T>);

impl<T: Clone> Domain for OneOrMore<T> {
    type Value = Vec<T>;

    fn read(&self, value: &DeValue<'_>) -> Option<Vec<T>> {
        self.0.read(value).filter(|list| !list.is_empty())
    }

    fn accepts(&self) -> String {
        self.0.accepts()
    }

    fn show(&self, value: &Vec<T>) -> String {
        self.0.show(value)
    }

    fn suggest(&self, value: &DeValue<'_>) -> Option<String> {
        self.0.suggest(value)
    }
}

pub(super) static UPSTREAMS: Required<OneOrMore<Upstream>> = Required(Knob {
    key: "upstreams",
    takes: OneOrMore(Texts {
        accepts: "a list of one address or more, such as [\"http://10.0.1.7:8080\"], each of scheme, host and port alone",
        read: upstream,
        show: |upstream| format!("\"{}://{}\"", upstream.scheme, upstream.authority),
    }),
    default: Vec::new(),
    required: true,
    purpose: "Where the service is: each in turn. `https` is verified by the system's certificates.",
});

pub(super) static STRIP_PREFIX: Knob<Flag> = Knob {
    key: "strip_prefix",
    takes: Flag,
    default: false,
    required: false,
    purpose: "Whether the upstream gets the path without the prefix.",
};

pub(super) static TEMPLATES: Knob<Texts<Template>> = Knob {
    key: "templates",
    takes: Texts {
        accepts: "a list of paths such as [\"/orders/{id}\"]",
        read: Template::parse,
        show: |template| format!("{:?}", template.as_str()),
    },
    default: Vec::new(),
    required: false,
    purpose: "What the paths stand for, in events. The first that fits counts; where none does it is the prefix with `/*`.",
};

pub(super) static HTTP2: Knob<Flag> = Knob {
    key: "http2",
    takes: Flag,
    default: false,
    required: false,
    purpose: "Whether the upstreams speak HTTP/2: by prior knowledge for `http`, by ALPN for `https`.",
};

pub(super) static CONNECT_ATTEMPTS: NumberKnob = Knob {
    key: "connect_attempts",
    takes: Number { min: 1, max: 10, unit: "attempts" },
    default: 1,
    required: false,
    purpose: "How many upstreams are tried where one does not let connect. Only idempotent requests without a body are tried again.",
};

fn upstream(text: &str) -> Option<Upstream> {
    let uri: http::Uri = text.parse().ok()?;
    let parts = uri.into_parts();
    let scheme = parts.scheme.filter(|scheme| matches!(scheme.as_str(), "http" | "https"))?;
    let authority = parts.authority.filter(|authority| {
        let port = authority.as_str().rsplit_once(':').filter(|(_, port)| !port.ends_with(']'));
        !authority.as_str().contains('@')
            && !authority.host().is_empty()
            && port.is_none_or(|(_, port)| port.parse::<u16>().is_ok_and(|port| port > 0))
    })?;
    let bare = parts.path_and_query.is_none_or(|path| path == "/");
    bare.then_some(Upstream { scheme, authority })
}
