//! URIs and references to them by RFC 3986.

use std::net::Ipv6Addr;

/// Whether it is a URI-reference (section 4.1), and not empty.
pub(super) fn is_reference(text: &str) -> bool {
    !text.is_empty() && split(text).is_some()
}

/// Whether it is a URI (section 3): a reference that begins with a scheme.
///
/// CloudEvents asks for an absolute URI (section 4.3), which has no fragment. Schemas are often named with one, so it passes.
pub(super) fn is_uri(text: &str) -> bool {
    split(text).is_some_and(|scheme| scheme.is_some())
}

/// Any text as a URI-reference: every byte that is neither unreserved nor a slash is percent-encoded.
pub(super) fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_unreserved(byte) || byte == b'/' {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// The scheme, where there is one. None: it is no reference.
fn split(text: &str) -> Option<Option<&str>> {
    let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
    let (text, query) = text.split_once('?').unwrap_or((text, ""));
    let is_tail = |part| is_made_of(part, b"!$&'()*+,;=:@/?");
    // A colon in the first segment ends a scheme.
    let (scheme, text) = match text.split_once(':').filter(|(before, _)| !before.contains('/')) {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, text),
    };
    let path = match text.strip_prefix("//") {
        Some(rest) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            is_authority(authority).then_some(path)?
        }
        None => text,
    };
    let is_good = scheme.is_none_or(is_scheme)
        && is_made_of(path, b"!$&'()*+,;=:@/")
        && is_tail(query)
        && is_tail(fragment);
    is_good.then_some(scheme)
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn is_authority(text: &str) -> bool {
    let (user, host) = text.split_once('@').unwrap_or(("", text));
    let (host, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((literal, port)) if is_literal(literal) => ("", port),
        _ => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let is_port = port.strip_prefix(':').unwrap_or(port).bytes().all(|byte| byte.is_ascii_digit())
        && (port.is_empty() || port.starts_with(':'));
    is_made_of(user, b"!$&'()*+,;=:") && is_made_of(host, b"!$&'()*+,;=") && is_port
}

/// What is in brackets: an IPv6 address, or `v`, a version and what that version says.
fn is_literal(text: &str) -> bool {
    let future = text.strip_prefix(['v', 'V']).and_then(|text| text.split_once('.'));
    text.parse::<Ipv6Addr>().is_ok()
        || future.is_some_and(|(version, rest)| {
            let is_hexadecimal = version.bytes().all(|byte| byte.is_ascii_hexdigit());
            !version.is_empty()
                && is_hexadecimal
                && !rest.is_empty()
                && !rest.contains('%')
                && is_made_of(rest, b"!$&'()*+,;=:")
        })
}

/// Whether it consists of unreserved characters, percent-encoded bytes and `others`.
fn is_made_of(text: &str, others: &[u8]) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let is_good = match byte {
            b'%' => [bytes.next(), bytes.next()]
                .into_iter()
                .all(|digit| digit.is_some_and(|digit| digit.is_ascii_hexdigit())),
            _ => is_unreserved(byte) || others.contains(&byte),
        };
        if !is_good {
            return false;
        }
    }
    true
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_what_rfc_3986_says() {
        for text in [
            // The examples of RFC 3986, section 1.1.2, and of CloudEvents for `source`.
            "ftp://ftp.is.co.za/rfc/rfc1808.txt",
            "http://www.ietf.org/rfc/rfc2396.txt",
            "ldap://[2001:db8::7]/c=GB?objectClass?one",
            "mailto:John.Doe@example.com",
            "news:comp.infosystems.www.servers.unix",
            "tel:+1-816-555-1212",
            "telnet://192.0.2.16:80/",
            "urn:oasis:names:specification:docbook:dtd:xml:4.1.2",
            "/sensors/tn-1234567/alerts",
            "1-555-123-4567",
            // And the corners.
            "Gateway",
            "//pubsub.googleapis.com/projects/p/topics/t",
            "http://user:pass@[v1.a:b]:/",
            "?only=query",
            "#fragment?/x",
            "./10:30",
            "a%20b%2F",
            "http://a/b%C3%A9?q#f",
        ] {
            assert!(is_reference(text), "{text}");
        }
        for text in [
            "",
            "Microservice A",
            "10:30",
            "a%2",
            "a%zz",
            "a#b#c",
            "é",
            "http://[::1",
            "http://a:b/",
            "a[0]",
            "a\\b",
            "http://[1::2]x/",
            "<a>",
            "a\"b",
            "a|b",
            "a^b",
            "a`b",
            "{id}",
            ":a",
            "http://a@b@c/",
        ] {
            assert!(!is_reference(text), "{text}");
        }
    }

    #[test]
    fn a_uri_begins_with_a_scheme() {
        let uris = ["https://example.com/schema.json#/order", "urn:a", "a:"];
        assert!(uris.iter().all(|text| is_uri(text)));
        assert!(!["", "/schema.json", "schema.json", "//host/a"].iter().any(|text| is_uri(text)));
    }

    #[test]
    fn whatever_is_percent_encoded_is_a_reference() {
        assert_eq!(percent_encode("Microservice A/é"), "Microservice%20A/%C3%A9");
        for text in ["10:30", "//a b", "%", "[", "#?", "\u{0}"] {
            assert!(is_reference(&percent_encode(text)), "{text}");
        }
    }
}
