//! What `gateway.toml` may say, and every message that a mistake in it gets.

use std::path::Path;

use gateway::proxy::{Configuration, configuration::reference};

fn message(text: &str) -> String {
    Configuration::parse(text, Path::new("gateway.toml"))
        .expect_err("the text must have a mistake")
        .to_string()
}

/// The message for a file with one route, and these lines before it.
fn with(lines: &str) -> String {
    message(&format!("{lines}\n{ROUTE}"))
}

/// The message for a route with these lines at its end.
fn in_route(lines: &str) -> String {
    message(&format!("{ROUTE}{lines}\n"))
}

const ROUTE: &str =
    "[[routes]]\nprefix = \"/orders\"\nservice = \"Orders\"\nupstreams = [\"http://10.0.1.7:8080\"]\n";

macro_rules! messages {
    ($($name:ident: $message:expr;)+) => {
        $(#[test]
        fn $name() {
            insta::assert_snapshot!(stringify!($name), $message);
        })+
    };
}

messages! {
    nothing_at_all: message("");
    not_toml: message("listen = ");
    a_listen_address_without_a_port: with("listen = \"0.0.0.0\"");
    one_address_for_both: with("listen = \"127.0.0.1:80\"\nadmin = \"127.0.0.1:80\"");
    a_network_with_bits_behind_its_prefix: with("trusted_proxies = [\"10.0.0.1/8\"]");
    an_unknown_key: with("lissten = \"0.0.0.0:80\"");
    a_key_of_another_table: with("drain_seconds = 5");
    a_queue_that_is_fifo: with("[events]\nqueue_url = \"https://sqs.eu-central-1.amazonaws.com/1/a.fifo\"");
    a_spool_without_a_directory: with("[events]\ndurability = \"spool\"");
    a_directory_without_a_spool: with("[events]\nspool_directory = \"/var/spool\"");
    a_durability_that_is_unknown: with("[events]\ndurability = \"disk\"");
    a_timeout_of_none: with("[timeouts]\nconnect_seconds = 0");
    a_timeout_as_a_text: with("[timeouts]\nconnect_seconds = \"5\"");
    routes_that_are_a_table: message("[routes]\nprefix = \"/\"");
    a_route_without_anything: message("[[routes]]");
    a_prefix_with_a_slash_at_its_end: message(&ROUTE.replace("/orders", "/orders/"));
    two_routes_of_one_prefix: in_route(ROUTE);
    a_wrong_prefix_beside_the_root: message(&format!("{}\n{}", ROUTE.replace("/orders", "/"), ROUTE.replace("/orders", "/orders/")));
    an_upstream_with_a_path: message(&ROUTE.replace("8080", "8080/api"));
    an_upstream_that_is_no_list: message(&ROUTE.replace(['[', ']'], "").replace("routes\n", "[[routes]]\n"));
    no_upstream: message(&ROUTE.replace("\"http://10.0.1.7:8080\"", ""));
    a_template_beside_the_prefix: in_route("templates = [\"/order/{id}\"]");
    a_template_that_is_none: in_route("templates = [\"/orders/{}\"]");
    a_misspelt_key_of_a_route: in_route("strip_prefixx = true");
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once() {
    let text = "listen = 8080\n\n[limits]\nconnections = 0\n\n[events]\ndurability = \"spool\"\n\n[[routes]]\nprefix = \"orders\"\n\
                servce = \"Orders\"\nupstreams = [\"10.0.1.7:8080\"]\n";
    insta::assert_snapshot!("all_mistakes_of_a_file", message(text));
}

#[test]
fn the_example_is_a_configuration() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("gateway.example.toml");
    let configuration = Configuration::load(&path).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(configuration.routes.len(), 2);
}

/// The example shows each key, so that nobody has to look for one.
#[test]
fn the_example_has_every_key() {
    let text = include_str!("../../gateway.example.toml");
    let reference = reference();
    let keys = reference.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let missing: Vec<&str> = keys.filter(|key| !text.contains(&format!("{key} = "))).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn the_readme_has_the_reference() {
    let readme = include_str!("../../../../README.md");
    assert!(
        readme.contains(&reference()),
        "put this into README's chapter on the gateway:\n\n{}",
        reference()
    );
}
