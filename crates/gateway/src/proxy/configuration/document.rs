//! From TOML to a configuration: walks the document's tables and gathers every fault with its place.

use std::time::Duration;

use settings_file::{Domain, Fault, Section, document};
use toml::Spanned;
use toml::de::DeValue;

use super::{Configuration, Events, Limits, Route, Timeouts, knobs};
use crate::Durability;
use crate::proxy::route::Prefix;

/// One MiB.
const MIB: u32 = 1024 * 1024;
/// Less than an event of a call has as JSON.
const SHORTEST_EVENT_BYTES: usize = 192;

pub(super) fn read(text: &str) -> Result<Configuration, Vec<Fault>> {
    let document = document(text)?;
    let mut faults = Vec::new();
    let mut rules = Vec::new();
    let mut top = Section::new(knobs::TABLES, String::new(), Some(document.get_ref()), 0..0, &mut faults);
    let listen = top.get(&knobs::LISTEN);
    let admin = top.get(&knobs::ADMIN);
    if listen == admin && listen.port() != 0 {
        rules.push(Fault {
            place: Some(top.place("admin")),
            message: format!("`admin` and `listen` are both {listen}"),
            help: Some("give health and metrics a port of their own".to_owned()),
            note: None,
        });
    }
    let trusted_proxies = top.get(&knobs::TRUSTED_PROXIES);
    let events = top.within("events", |section| events(section, &mut rules));
    let limits = top.within("limits", limits);
    let timeouts = top.within("timeouts", timeouts);
    let tables = top.tables("routes");
    let none =
        |routes: &Spanned<DeValue<'_>>| routes.get_ref().as_array().is_some_and(|list| list.is_empty());
    if document.get_ref().get("routes").is_none_or(none) {
        rules.push(Fault {
            place: None,
            message: "there is no route".to_owned(),
            help: Some("begin one with [[routes]]: `prefix`, `service` and `upstreams`".to_owned()),
            note: None,
        });
    }
    top.finish();

    let mut routes: Vec<Route> = Vec::new();
    for (table, place) in tables {
        let mut section = Section::new(knobs::TABLES, "[routes]".to_owned(), Some(table), place, &mut faults);
        // A wrong one reads as the default.
        let written =
            table.get("prefix").is_some_and(|value| knobs::PREFIX.0.takes.read(value.get_ref()).is_some());
        let route = route(&mut section, &mut rules);
        let twice = routes.iter().any(|other| other.prefix == route.prefix);
        if written && twice {
            rules.push(twice_there(&route.prefix, &section));
        }
        section.finish();
        if written {
            routes.push(route);
        }
    }
    // Rules between values mean little while a value is wrong, but what is wrong elsewhere is told all the same.
    faults.extend(rules);
    if faults.is_empty() {
        Ok(Configuration { listen, admin, trusted_proxies, events, limits, timeouts, routes })
    } else {
        Err(faults)
    }
}

fn events(section: &mut Section<'_, '_>, rules: &mut Vec<Fault>) -> Events {
    let source = section.get(&knobs::SOURCE).into_owned();
    let queue_url = Some(section.get(&knobs::QUEUE_URL).into_owned()).filter(|url| !url.is_empty());
    let spool = section.get(&knobs::DURABILITY);
    let directory = section.get(&knobs::SPOOL_DIRECTORY);
    let max_mib = section.get(&knobs::MAX_MIB);
    if spool == directory.is_empty() {
        rules.push(Fault {
            place: Some(section.place(if spool { "durability" } else { "spool_directory" })),
            message: match spool {
                true => "a spool needs a directory".to_owned(),
                false => "there is a `spool_directory`, but events wait in memory".to_owned(),
            },
            help: Some(match spool {
                true => "add `spool_directory`, one of this process alone".to_owned(),
                false => "set `durability = \"spool\"`, or leave `spool_directory` out".to_owned(),
            }),
            note: None,
        });
    }
    let durability = if spool {
        Durability::Spool {
            directory: directory.into_owned().into(),
            max_bytes: u64::from(max_mib) * u64::from(MIB),
        }
    } else {
        // The bytes are the bound: no event of a call is so short that they had room for more.
        let max_bytes = bytes(max_mib, MIB);
        Durability::Memory { max_events: max_bytes / SHORTEST_EVENT_BYTES, max_bytes }
    };
    Events { source, queue_url, durability }
}

fn limits(section: &mut Section<'_, '_>) -> Limits {
    Limits {
        connections: bytes(section.get(&knobs::CONNECTIONS), 1),
        requests_per_service: bytes(section.get(&knobs::REQUESTS_PER_SERVICE), 1),
        header_bytes: bytes(section.get(&knobs::HEADER_KIB), 1024),
    }
}

/// So many units of so many bytes.
fn bytes(number: u32, unit: u32) -> usize {
    usize::try_from(u64::from(number) * u64::from(unit)).unwrap_or(usize::MAX)
}

fn timeouts(section: &mut Section<'_, '_>) -> Timeouts {
    let mut seconds = |knob: &'static knobs::NumberKnob| Duration::from_secs(section.get(knob).into());
    Timeouts {
        client_header: seconds(&knobs::CLIENT_HEADER_SECONDS),
        client_idle: seconds(&knobs::CLIENT_IDLE_SECONDS),
        connect: seconds(&knobs::CONNECT_SECONDS),
        response_header: seconds(&knobs::RESPONSE_HEADER_SECONDS),
        body_idle: seconds(&knobs::BODY_IDLE_SECONDS),
        upstream_idle: seconds(&knobs::UPSTREAM_IDLE_SECONDS),
        drain: seconds(&knobs::DRAIN_SECONDS),
        flush: seconds(&knobs::FLUSH_SECONDS),
    }
}

fn route(section: &mut Section<'_, '_>, rules: &mut Vec<Fault>) -> Route {
    let route = Route {
        prefix: section.require(&knobs::PREFIX.0),
        service: section.require(&knobs::SERVICE.0).into(),
        upstreams: section.require(&knobs::UPSTREAMS.0),
        strip_prefix: section.get(&knobs::STRIP_PREFIX),
        templates: section.get(&knobs::TEMPLATES),
        http2: section.get(&knobs::HTTP2),
        connect_attempts: section.get(&knobs::CONNECT_ATTEMPTS).into(),
    };
    for template in route.templates.iter().filter(|template| !template.is_below(&route.prefix)) {
        rules.push(Fault {
            place: Some(section.place("templates")),
            message: format!(
                "the template {:?} is not below the prefix {:?}",
                template.as_str(),
                route.prefix.to_string()
            ),
            help: Some("write templates as clients ask, with the prefix".to_owned()),
            note: None,
        });
    }
    route
}

fn twice_there(prefix: &Prefix, section: &Section<'_, '_>) -> Fault {
    Fault {
        place: Some(section.place("prefix")),
        message: format!("there are two routes for the prefix {:?}", prefix.to_string()),
        help: Some("keep one of them; its `upstreams` may be several".to_owned()),
        note: None,
    }
}
