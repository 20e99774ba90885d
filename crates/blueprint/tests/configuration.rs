//! What `headwater.toml` may say, what comes of it, and every message that a mistake in it gets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

use std::path::Path;

use blueprint::configuration::{Architecture, Configuration, Error, LogLevel, reference};
use proptest::prelude::*;

fn parse(text: &str) -> Result<Configuration, Error> {
    Configuration::parse(text, Path::new("headwater.toml"))
}

/// The message that a file gets.
fn message(text: &str) -> String {
    parse(text).expect_err("the text must have a mistake").to_string()
}

/// The message for a dev environment with these lines at its end.
fn in_dev(lines: &str) -> String {
    message(&format!(
        "[environments.dev]\naccount = \"111111111111\"\nregion = \"eu-central-1\"\n{}\n",
        lines.trim_end()
    ))
}

/// The same for a gateway that is on.
fn with_gateway(lines: &str) -> String {
    let routes = if lines.contains("routes_file") { "" } else { "\nroutes_file = \"tests/gateway.toml\"" };
    in_dev(&format!("[environments.dev.gateway]\nenabled = true\n{lines}{routes}"))
}

/// A snapshot of the message for each case, in a file of the case's name.
macro_rules! messages {
    ($($name:ident: $message:expr;)+) => {
        $(#[test]
        fn $name() {
            insta::assert_snapshot!(stringify!($name), $message);
        })+
    };
}

messages! {
    everybody_as_admin: in_dev("[environments.dev.eventstore]\nadmin_cidrs = [\"0.0.0.0/0\"]");
    an_address_that_is_no_network: in_dev("[environments.dev.eventstore]\nadmin_cidrs = [\"203.0.113.7\"]");
    a_network_of_public_addresses: in_dev("[environments.dev.network]\ncidr = \"8.8.0.0/16\"");
    a_line_that_is_unknown: in_dev("[environments.dev.eventstore]\nrelease = \"26\"");
    a_task_that_fargate_does_not_have: in_dev("[environments.dev.eventstore]\ncpu_units = 1024\nmemory_mib = 9000");
    no_tls_in_production: in_dev("production = true\n[environments.dev.eventstore]\ntls = \"off\"");
    a_shell_in_production: in_dev("production = true\n[environments.dev.eventstore]\nexecute_command = true");
    a_completion_window_that_is_too_short: in_dev("[environments.dev.backup]\nstart_window_minutes = 120");
    a_schedule_that_is_none: in_dev("[environments.dev.backup]\nschedule = \"daily\"");
    a_gateway_without_an_image: in_dev("[environments.dev.gateway]\nenabled = true\nroutes_file = \"tests/gateway.toml\"");
    an_image_that_is_not_pinned: with_gateway("image = \"gateway:latest\"");
    an_image_in_another_region:
        with_gateway("image = \"111111111111.dkr.ecr.eu-west-1.amazonaws.com/gateway:1.0.0\"");
    routes_that_are_not_there: with_gateway("image = \"gateway:1\"\nroutes_file = \"tests/no-such-file.toml\"");
    routes_that_are_not_toml: with_gateway("image = \"gateway:1\"\nroutes_file = \"tests/blueprint.rs\"");
    a_gateway_that_fargate_does_not_have: with_gateway("image = \"gateway:1\"\nmemory_mib = 4096");
    a_gateway_at_the_port_of_its_metrics: with_gateway("image = \"gateway:1\"\nport = 9090");
    an_upstream_without_a_port: with_gateway("image = \"gateway:1\"\nupstreams = [\"10.20.0.0/16\"]");
    a_gateway_for_everybody: with_gateway("image = \"gateway:1\"\nclient_cidrs = [\"0.0.0.0/0\"]");
    an_address_that_is_no_email: in_dev("[environments.dev.alarms]\nemails = [\"ops\"]");
    unknown_key_at_the_top: message("projekt = \"headwater\"");
    unknown_table: message("[environment.dev]");
    unknown_key_near_another: in_dev("[environments.dev.journal]\nindex_shard = 4");
    unknown_key_with_hyphens: in_dev("[environments.dev.journal]\nindex-shards = 4");
    unknown_key_that_is_near_none: in_dev("[environments.dev.queue]\ncolour = 4");
    unknown_key_that_another_table_knows: in_dev("batch_size = 10");
    project_below_a_table: in_dev("project = \"headwater\"");
    table_that_is_no_table: in_dev("journal = 4");
    environment_that_is_no_table: message("[environments]\ndev = \"eu-central-1\"");
    environment_that_is_a_list: message("[[environments.dev]]\naccount = \"111111111111\"");
    environment_name_of_the_wrong_shape: message("[environments.pr-123]\naccount = \"111111111111\"");
    project_of_the_wrong_shape: message("project = \"Headwater\"");
    project_that_aws_keeps: message("project = \"aws-events\"");
    account_and_region_missing: message("[environments.dev]");
    account_as_a_number: message("[environments.dev]\naccount = 111111111111\nregion = \"eu-central-1\"");
    account_too_short: message("[environments.dev]\naccount = \"1111\"\nregion = \"eu-central-1\"");
    region_of_the_wrong_shape: message("[environments.dev]\naccount = \"111111111111\"\nregion = \"Frankfurt\"");
    region_in_capitals: message("[environments.dev]\naccount = \"111111111111\"\nregion = \"EU-CENTRAL-1\"");
    profile_empty: in_dev("profile = \"\"");
    endpoint_without_scheme: in_dev("endpoint_url = \"127.0.0.1:4566\"");
    endpoint_with_a_path: in_dev("endpoint_url = \"http://127.0.0.1:4566/aws\"");
    number_too_large: in_dev("[environments.dev.ingest]\nbatch_size = 20_000");
    number_too_small: in_dev("[environments.dev.queue]\nretention_seconds = 59");
    number_negative: in_dev("[environments.dev.ingest]\nmemory_mib = -1");
    number_of_40_digits: in_dev("lease_seconds = 1111111111222222222233333333334444444444");
    number_as_a_text: in_dev("[environments.dev.ingest]\nmemory_mib = \"256\"");
    number_with_a_unit: in_dev("[environments.dev.queue]\nretention_seconds = \"4 days\"");
    number_with_a_fraction: in_dev("lease_seconds = 60.5");
    number_as_a_date: in_dev("lease_seconds = 2020-05-01");
    flag_as_a_text: in_dev("production = \"yes\"");
    word_near_another: in_dev("[environments.dev.ingest]\narchitecture = \"x86_64\"");
    word_near_none: in_dev("[environments.dev.ingest]\nlog_level = \"chatty\"");
    log_retention_that_cloudwatch_does_not_have: in_dev("[environments.dev.ingest]\nlog_retention_days = 31");
    large_batch_without_a_window: in_dev("[environments.dev.ingest]\nbatch_size = 100");
    large_batch_with_a_window_of_zero:
        in_dev("[environments.dev.ingest]\nbatch_size = 100\nbatching_window_seconds = 0");
    dead_letters_kept_no_longer_than_messages: in_dev("[environments.dev.queue]\nretention_seconds = 1_209_600");
    message_that_expires_before_its_last_receive: in_dev("[environments.dev.queue]\nretention_seconds = 600");
    production_without_deletion_protection:
        in_dev("production = true\n[environments.dev.journal]\ndeletion_protection = false");
    local_endpoint_elsewhere: message("[environments.local]\nendpoint_url = \"http://localhost.example.com:4566\"");
    local_with_a_profile_and_in_production: message("[environments.local]\nprofile = \"dev\"\nproduction = true");
    duplicate_key: in_dev("region = \"eu-west-1\"");
    duplicate_table: in_dev("[environments.dev]\nlease_seconds = 30");
    not_toml: in_dev("production = yes\nlease_seconds =\n[environments.prod");
    all_mistakes_of_a_file: message(concat!(
        "project = \"Head Water\"\n\n",
        "[environments.dev]\nregoin = \"eu-central-1\"\naccount = \"111111111111\"\n\n",
        "[environments.dev.ingest]\narchitecture = \"arm\"\nbatch_size = 0\n\n",
        "[environments.prod]\naccount = \"222222222222\"\nregion = \"eu-central-1\"\n\n",
        "[environments.prod.ingest]\nbatch_size = 1000\n",
    ));
    unprintable_and_wide_characters: in_dev("\tprofile = 'dév' ; colour = \u{1b}[31m");
}

#[test]
fn an_unknown_environment_is_shown_the_nearest_one() {
    let configuration =
        parse("[environments.prod]\naccount = \"222222222222\"\nregion = \"eu-central-1\"\n").unwrap();
    insta::assert_snapshot!(
        "unknown_environment_near_another",
        configuration.environment("pord").unwrap_err()
    );
    insta::assert_snapshot!("unknown_environment_near_none", configuration.environment("qa").unwrap_err());
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let missing = Configuration::load(Path::new("no-such-directory/headwater.toml")).unwrap_err();
    assert_eq!(missing.to_string(), "cannot read the configuration file no-such-directory/headwater.toml");
    let source = std::error::Error::source(&missing).expect("the system's own words are its source");
    assert!(source.to_string().contains("No such file"), "{source}");
}

#[test]
fn what_a_gateway_that_is_off_is_told_is_checked_and_its_routes_are_not_read() {
    let off = "[environments.local.gateway]\nroutes_file = \"no-such-file.toml\"\n";
    assert_eq!(parse(off).unwrap().environment("local").unwrap().gateway, None);
    assert!(message(&off.replace("routes_file", "routes_flie")).contains("did you mean `routes_file`?"));
}

#[test]
fn problems_tell_their_position_to_programs() {
    let Err(Error::Invalid(invalid)) = parse("project = \"headwater\"\ncolour = 1\n") else {
        panic!("colour is unknown")
    };
    let [problem] = invalid.problems() else { panic!("one problem: {invalid}") };
    assert_eq!(
        (problem.position(), problem.message()),
        (Some((2, 1)), "unknown key `colour` at the top of the file")
    );
}

#[test]
fn an_empty_file_has_a_local_environment_of_defaults() {
    let configuration = parse("").unwrap();
    let local = configuration.environment("local").unwrap();
    assert!(local.is_local());
    insta::assert_debug_snapshot!("local_by_default", local);
    assert_eq!(configuration.environments().count(), 1);
}

#[test]
fn every_value_of_a_file_arrives_in_its_field() {
    let text = r#"
        project = "spring"
        [environments.qa]
        account = "333333333333"
        region = "us-gov-west-1"
        profile = "qa"
        endpoint_url = "https://aws.example.com"
        production = true
        lease_seconds = 45
        journal = { index_shards = 2, point_in_time_recovery_days = 3, deletion_protection = true }
        [environments.qa.queue]
        retention_seconds = 7200
        dead_letter_retention_seconds = 86_400
        max_receive_count = 7
        [environments.qa.ingest]
        memory_mib = 1769
        timeout_seconds = 20
        architecture = "x86-64"
        batch_size = 25
        batching_window_seconds = 2
        maximum_concurrency = 3
        log_retention_days = 14
        log_level = "trace"
        [environments.qa.network]
        cidr = "10.4.0.0/20"
        azs = 3
        egress = "nat"
        [environments.qa.eventstore]
        release = "23.10"
        image = "registry.example.com/eventstore:23.10.1"
        tls = "ephemeral"
        cpu_units = 2048
        memory_mib = 8192
        admin_cidrs = ["203.0.113.7/32", "2001:db8::/32"]
        throughput = "bursting"
        log_retention_days = 7
        [environments.qa.backup]
        mode = "automatic"
        schedule = "rate(12 hours)"
        start_window_minutes = 90
        completion_window_minutes = 180
        delete_after_days = 14
        [environments.qa.relay]
        memory_mib = 512
        timeout_seconds = 90
        batch_size = 500
        batching_window_seconds = 1
        log_retention_days = 60
        log_level = "debug"
        [environments.qa.gateway]
        enabled = true
        image = "gateway:1.0.0"
        architecture = "arm64"
        cpu_units = 512
        memory_mib = 1024
        desired_count = 3
        cluster = "own"
        port = 8000
        routes_file = "tests/gateway.toml"
        client_cidrs = ["10.4.0.0/20"]
        admin_cidrs = ["10.4.0.0/24"]
        upstreams = ["10.4.0.0/20:8080"]
        durability = "spool"
        log_retention_days = 14
        [environments.qa.alarms]
        emails = ["ops@example.com"]
    "#;
    let qa = parse(text).unwrap().environment("qa").unwrap();
    assert_eq!((qa.ingest.architecture, qa.ingest.log_level), (Architecture::X86_64, LogLevel::Trace));
    assert_eq!(qa.visibility_timeout_seconds(), 6 * 20 + 2);
    insta::assert_debug_snapshot!("every_value_set", qa);
}

#[test]
fn the_file_that_we_ship_is_valid() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../headwater.toml");
    let configuration = Configuration::load(&path).unwrap();
    let names: Vec<_> = configuration.environments().map(|environment| environment.name.as_str()).collect();
    assert_eq!(names, ["dev", "local", "prod"]);
    assert!(configuration.environment("prod").unwrap().production);
}

#[test]
fn the_defaults_that_the_shipped_file_shows_are_the_defaults() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../headwater.toml");
    let shipped = std::fs::read_to_string(&path).unwrap();
    let optional = ["profile", "endpoint_url"];
    let written_out: String = shipped
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(shown) if shown.contains(" = ") && !optional.iter().any(|key| shown.starts_with(key)) => {
                shown
            }
            _ => line,
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    assert_ne!(shipped, written_out, "there are commented defaults");
    let dev = |text: &str| parse(text).unwrap().environment("dev").unwrap();
    assert_eq!(dev(&shipped), dev(&written_out));
}

#[test]
fn the_reference_names_every_knob() {
    insta::assert_snapshot!("reference", reference());
}

proptest! {
    /// Pieces of the file's own kind, so that much of it gets past the parser.
    #[test]
    fn whatever_a_file_holds_every_problem_is_shown_with_its_line(
        pieces in prop::collection::vec(
            prop_oneof![
                Just("[environments.dev]\n".to_owned()),
                Just("[environments.dev.queue]\r\n".to_owned()),
                Just("[[environments]]\n".to_owned()),
                Just("project.x = 1\n".to_owned()),
                Just("retention_seconds = 0x7fff_ffff_ffff_ffff\n".to_owned()),
                "[a-z_]{1,8} = ('[^'\\pC]{0,8}'|[0-9]{1,40}|[tf]rue|\\[[0-9]?\\]|\\{ a = 1 \\})\t# \\PC{0,8}\n",
                "\\PC{0,12}\r?\n?",
            ],
            0..8,
        )
    ) {
        let text = pieces.concat();
        if let Err(Error::Invalid(invalid)) = parse(&text) {
            let lines = text.lines().count() + 1;
            prop_assert!(!invalid.to_string().is_empty());
            for problem in invalid.problems() {
                let (line, column) = problem.position().expect("a place in the file is to blame");
                prop_assert!((1..=lines).contains(&line) && column > 0, "{line}:{column}");
            }
        }
    }
}
