//! Which path leads to which route, and which paths lead nowhere.
//!
//! A path is routed by its segments, each without its percent-encoding, so `/%6frders` goes where `/orders` goes. It is forwarded
//! as it came, never rewritten: what was routed is what the service reads. What a service could read otherwise than we do is
//! [refused](refused).

use std::borrow::Cow;
use std::fmt;

use super::configuration::Route;

/// What the paths of a route begin with: whole segments of letters, digits and `-._~`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(Cow<'static, str>);

impl Prefix {
    /// All paths.
    pub const ROOT: Self = Self(Cow::Borrowed("/"));

    /// `None` for what is not such a path, or has a slash at its end.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |segment: &str| {
            let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            !segment.is_empty() && segment.bytes().all(known) && !matches!(segment, "." | "..")
        };
        let is_prefix = text == "/" || text.strip_prefix('/').is_some_and(|text| text.split('/').all(plain));
        is_prefix.then(|| Self(text.to_owned().into()))
    }

    /// The part of the path behind the prefix, empty or with its slash; `None` where the path begins otherwise.
    pub fn rest<'p>(&self, path: &'p str) -> Option<&'p str> {
        let mut rest = path;
        for wanted in self.segments() {
            let (segment, behind) = first_segment(rest)?;
            if !is(segment, wanted) {
                return None;
            }
            rest = behind;
        }
        Some(rest)
    }

    fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').skip(1).filter(|segment| !segment.is_empty())
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What paths stand for, such as `/orders/{id}`: a name in braces is any one segment that is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(String);

impl Template {
    /// `None` for what is not such a path.
    pub fn parse(text: &str) -> Option<Self> {
        let named = |name: &str| {
            let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            !name.is_empty() && name.bytes().all(known)
        };
        let valid = |segment: &str| match placeholder(segment) {
            Some(name) => named(name),
            None => {
                !segment.is_empty()
                    && segment.bytes().all(|byte| byte.is_ascii_graphic() && !b"{}%?#*\\\"".contains(&byte))
            }
        };
        let rest = text.strip_prefix('/')?;
        (rest.is_empty() || rest.split('/').all(valid)).then(|| Self(text.to_owned()))
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether all paths that it stands for begin with the prefix.
    pub fn is_below(&self, prefix: &Prefix) -> bool {
        prefix.rest(&self.0).is_some()
    }

    fn fits(&self, path: &str) -> bool {
        let (mut wanted, mut path) = (self.0.split('/'), path.split('/'));
        loop {
            match (wanted.next(), path.next()) {
                (None, None) => return true,
                (Some(wanted), Some(segment)) if placeholder(wanted).is_some() => {
                    if segment.is_empty() {
                        return false;
                    }
                }
                (Some(wanted), Some(segment)) if is(segment, wanted) => {}
                _ => return false,
            }
        }
    }
}

/// The routes, those with the most segments first.
#[derive(Debug)]
pub(super) struct Routes<T>(Vec<(Route, T)>);

impl<T> Routes<T> {
    pub(super) fn new(mut routes: Vec<(Route, T)>) -> Self {
        routes.sort_by_key(|(route, _)| std::cmp::Reverse(route.prefix.segments().count()));
        Self(routes)
    }

    /// The route with the longest prefix of `path`, and the path that its upstream gets.
    pub(super) fn find<'r, 'p>(&'r self, path: &'p str) -> Option<(&'r T, &'r Route, &'p str)> {
        self.0.iter().find_map(|(route, of_route)| {
            let rest = route.prefix.rest(path)?;
            Some((
                of_route,
                route,
                if !route.strip_prefix {
                    path
                } else if rest.is_empty() {
                    "/"
                } else {
                    rest
                },
            ))
        })
    }
}

/// What the path stands for on a route: its first template that fits, or the prefix and `/*`.
pub(super) fn template(route: &Route, path: &str) -> String {
    match route.templates.iter().find(|template| template.fits(path)) {
        Some(template) => template.as_str().to_owned(),
        None => format!("{}/*", route.prefix.to_string().trim_end_matches('/')),
    }
}

/// Why a path is not forwarded, where it is not.
///
/// Servers differ in what they make of dot segments, of slashes and backslashes in other guises and of path parameters (`..;`).
/// So none of them may stand where it could climb out of the route. Control characters and bad percent-encoding are never meant
/// well. All else that RFC 3986 knows is passed on as it came.
pub(super) fn refused(path: &str) -> Option<&'static str> {
    if !path.starts_with('/') {
        return Some("the path does not begin with a slash");
    }
    if path.starts_with("//") {
        return Some("the path begins with two slashes");
    }
    if !path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
        return Some("the path has characters that must be percent-encoded");
    }
    path.split('/').find_map(|segment| {
        let Some(decoded) = decode(segment) else { return Some("the path's percent-encoding is broken") };
        if decoded.iter().any(u8::is_ascii_control) {
            return Some("the path has control characters");
        }
        let mut parts = decoded.split(|byte| b"/\\;".contains(byte));
        parts.any(|part| matches!(part, b"." | b"..")).then_some("the path has dot segments")
    })
}

/// The first segment of a path that begins with a slash, and what is behind it.
fn first_segment(path: &str) -> Option<(&str, &str)> {
    let path = path.strip_prefix('/')?;
    Some(path.split_at(path.find('/').unwrap_or(path.len())))
}

fn placeholder(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

/// Whether a segment of a path is, without its percent-encoding, the one that is wanted.
fn is(segment: &str, wanted: &str) -> bool {
    segment == wanted
        || (segment.contains('%') && decode(segment).is_some_and(|decoded| *decoded == *wanted.as_bytes()))
}

/// The bytes that a segment stands for; `None` where a percent sign is not followed by two hexadecimal digits.
fn decode(segment: &str) -> Option<Cow<'_, [u8]>> {
    if !segment.contains('%') {
        return Some(Cow::Borrowed(segment.as_bytes()));
    }
    let mut pieces = segment.split('%');
    let mut decoded = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let digits = piece.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        decoded.push(u8::from_str_radix(digits, 16).ok()?);
        decoded.extend_from_slice(&piece.as_bytes()[2..]);
    }
    Some(Cow::Owned(decoded))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn routes(prefixes: &[(&str, bool)]) -> Routes<String> {
        let route = |&(prefix, strip_prefix): &(&str, bool)| {
            let route = Route {
                prefix: Prefix::parse(prefix).unwrap(),
                service: "A".into(),
                upstreams: Vec::new(),
                strip_prefix,
                templates: Vec::new(),
                http2: false,
                connect_attempts: 1,
            };
            (route, prefix.to_owned())
        };
        Routes::new(prefixes.iter().map(route).collect())
    }

    #[test]
    fn the_longest_prefix_on_segment_borders_counts() {
        let routes = routes(&[("/orders", false), ("/orders/7/lines", false), ("/Orders", false)]);
        for (path, prefix) in [
            ("/orders", Some("/orders")),
            ("/orders/", Some("/orders")),
            ("/orders/7", Some("/orders")),
            ("/orders/7/lines", Some("/orders/7/lines")),
            ("/orders/7/lines/1", Some("/orders/7/lines")),
            ("/orders/7/lines2", Some("/orders")),
            ("/%6frders/7", Some("/orders")),
            ("/orders%2F7", None),
            ("/orders2", None),
            ("/ORDERS", None),
            ("/", None),
        ] {
            assert_eq!(routes.find(path).map(|(found, ..)| found.as_str()), prefix, "{path}");
        }
    }

    #[test]
    fn the_root_has_every_path_and_a_stripped_prefix_leaves_the_rest_as_it_came() {
        let routes = routes(&[("/", false), ("/orders", true)]);
        for (path, forwarded) in [
            ("/orders", "/"),
            ("/orders/", "/"),
            ("/%6Frders/a%2Fb", "/a%2Fb"),
            ("/orders//x", "//x"),
            ("/else", "/else"),
            ("/", "/"),
        ] {
            assert_eq!(routes.find(path).map(|(_, _, forwarded)| forwarded), Some(forwarded), "{path}");
        }
    }

    #[test]
    fn a_template_names_the_path_and_else_the_prefix_does() {
        let mut routes = routes(&[("/orders", false)]);
        let texts = ["/orders", "/orders/open", "/orders/{id}", "/orders/{id}/lines/{line}"];
        routes.0[0].0.templates = texts.iter().map(|text| Template::parse(text).unwrap()).collect();
        for (path, name) in [
            ("/orders", "/orders"),
            ("/orders/open", "/orders/open"),
            ("/orders/7", "/orders/{id}"),
            ("/orders/a%2Fb", "/orders/{id}"),
            ("/orders/7/lines/1", "/orders/{id}/lines/{line}"),
            ("/orders/", "/orders/*"),
            ("/orders/7/", "/orders/*"),
            ("/orders/7/secret", "/orders/*"),
        ] {
            assert_eq!(template(&routes.0[0].0, path), name, "{path}");
        }
    }

    #[test]
    fn what_a_service_could_read_otherwise_is_refused() {
        for path in [
            "/a/../b",
            "/a/..",
            "/a/.",
            "/./a",
            "/%2e%2e/a",
            "/a/%2E.",
            "/a/..%2fb",
            "/a/..%5cb",
            "/a/..;/b",
            "/a/..%3bx/b",
            "/a\\..\\b",
            "//a",
            "/a%00",
            "/a%0d%0ab",
            "/a%7f",
            "/%",
            "/%2",
            "/%zz",
            "/%+1",
            "/ä",
            "",
            "a",
            "*",
        ] {
            assert!(refused(path).is_some(), "{path:?}");
        }
        for path in [
            "/",
            "/a",
            "/a/",
            "/a//b",
            "/...",
            "/a.b",
            "/.well-known/x",
            "/a%2Fb",
            "/a;v=1/b",
            "/%C3%A4",
            "/a%252e%252e/b",
            "/a:b@c,d",
        ] {
            assert_eq!(refused(path), None, "{path:?}");
        }
    }

    #[test]
    fn prefixes_and_templates_are_plain_paths() {
        for text in ["", "orders", "/orders/", "//", "/a//b", "/a/../b", "/a b", "/{id}", "/a%20"] {
            assert_eq!(Prefix::parse(text), None, "{text}");
        }
        for text in ["", "orders", "/orders/{}", "/{a}{b}", "/a{b}", "/a//b", "/a?b", "/*"] {
            assert_eq!(Template::parse(text), None, "{text}");
        }
    }

    proptest! {
        /// Whoever resolves a path that we forward, once and by any of the usual readings, stays on its route.
        #[test]
        fn no_path_that_is_not_refused_climbs_out_of_its_route(
            parts in prop::collection::vec(prop::sample::select(vec![
                "/", "orders", "..", ".", "%2e", "%2E", "%2f", "%5c", "\\", ";", "admin", "%6f", "%00", "%",
            ]), 0..12)
        ) {
            let path = format!("/orders/{}", parts.concat());
            prop_assume!(refused(&path).is_none());
            let decoded = String::from_utf8_lossy(&decode(&path).unwrap()).replace('\\', "/");
            let mut depth = 0;
            for segment in decoded.split('/').map(|segment| segment.split(';').next().unwrap()) {
                match segment {
                    ".." => depth -= 1,
                    "" | "." => {}
                    _ => depth += 1,
                }
                prop_assert!(depth >= 0, "{path}");
                prop_assert!(segment != "..", "{path}");
            }
        }
    }
}
