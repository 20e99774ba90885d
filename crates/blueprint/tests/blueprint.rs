//! The graph of each environment, and what must hold of all.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use blueprint::configuration::{Configuration, Environment};
use blueprint::{OUTPUTS, PACKAGES, blueprint};
use resource::{Graph, Key, Node, PolicyDocument};

/// The environments of the file that we ship.
fn shipped() -> Vec<Environment> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../headwater.toml");
    Configuration::load(&path).unwrap().environments().cloned().collect()
}

fn environment(text: &str, name: &str) -> Environment {
    Configuration::parse(text, Path::new("headwater.toml")).unwrap().environment(name).unwrap()
}

fn packages() -> BTreeMap<String, String> {
    let hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    PACKAGES.map(|name| (name.to_owned(), hash.to_owned())).into()
}

fn graph(environment: &Environment) -> Graph {
    blueprint(environment, &packages()).unwrap()
}

/// The environment `dev` with a gateway that is told no more than it must be, and what is said of it besides.
fn with_gateway(besides: &str) -> Environment {
    let text = format!(
        "[environments.dev]\naccount = \"111111111111\"\nregion = \"eu-central-1\"\n\
         [environments.dev.gateway]\nenabled = true\nimage = \"registry.example.com/gateway:1.0.0\"\n\
         routes_file = \"tests/gateway.toml\"\n{besides}\n"
    );
    environment(&text, "dev")
}

/// The shipped environments, one with a gateway, and one with every knob at its other end.
fn graphs() -> Vec<Graph> {
    let extreme = environment(
        r#"
        project = "abcdefghijklmnopqrst"
        [environments.abcdefghijklmnop]
        account = "333333333333"
        region = "us-gov-west-1"
        journal = { index_shards = 64, point_in_time_recovery_days = 1, deletion_protection = false }
        queue = { retention_seconds = 1_000_000, max_receive_count = 100 }
        ingest = { memory_mib = 10240, timeout_seconds = 900, architecture = "x86-64", batch_size = 10_000, batching_window_seconds = 300, maximum_concurrency = 1000, log_retention_days = 3653, log_level = "trace" }
        network = { cidr = "192.168.0.0/22", azs = 4, egress = "nat" }
        eventstore = { release = "21.10", tls = "ephemeral", cpu_units = 16384, memory_mib = 122880, admin_cidrs = ["203.0.113.7/32", "2001:db8::/32"], throughput = "bursting", execute_command = true, log_retention_days = 3653 }
        backup = { mode = "automatic" }
        relay = { memory_mib = 10240, timeout_seconds = 900, batch_size = 10_000, batching_window_seconds = 300, log_retention_days = 3653, log_level = "trace" }
        gateway = { enabled = true, image = "444444444444.dkr.ecr.us-gov-west-1.amazonaws.com/team/gateway:1.4.0", architecture = "arm64", cpu_units = 4096, memory_mib = 30720, desired_count = 100, cluster = "own", port = 65535, routes_file = "tests/gateway.toml", client_cidrs = ["192.168.0.0/22", "2001:db8::/32"], admin_cidrs = ["192.168.0.0/24"], upstreams = ["192.168.0.0/22:8080", "2001:db8::/32:80"], durability = "spool", execute_command = true, log_retention_days = 3653 }
        alarms = { emails = ["ops@example.com"] }
        "#,
        "abcdefghijklmnop",
    );
    shipped().iter().chain([&with_gateway(""), &extreme]).map(graph).collect()
}

fn node<'a>(graph: &'a Graph, key: &str) -> &'a Node {
    graph.get(&key.parse().unwrap()).unwrap()
}

/// As people read it. (Insta's own JSON shows the parts that a number of any precision is made of.)
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

#[test]
fn the_graph_of_every_shipped_environment_is_reviewed() {
    for environment in shipped() {
        insta::assert_snapshot!(format!("graph_{}", environment.name), json(&graph(&environment)));
    }
}

#[test]
fn the_function_may_do_exactly_what_it_does() {
    for environment in shipped() {
        let graph = graph(&environment);
        let spec = &node(&graph, "ingest/role").spec;
        let may = [&spec["assumeRolePolicyDocument"], &spec["policies"]];
        insta::assert_snapshot!(format!("role_{}", environment.name), json(&may));
    }
}

#[test]
fn what_cannot_be_made_again_is_retained_and_lies_in_a_stateful_stack() {
    for graph in graphs() {
        for node in graph.nodes() {
            let irreplaceable = matches!(
                node.kind.as_str(),
                "AWS::DynamoDB::Table"
                    | "AWS::SQS::Queue"
                    | "AWS::EC2::VPC"
                    | "AWS::EC2::Subnet"
                    | "AWS::EFS::FileSystem"
                    | "AWS::EFS::AccessPoint"
                    | "AWS::EFS::MountTarget"
                    | "AWS::SecretsManager::Secret"
                    | "AWS::Backup::BackupVault"
                    | "AWS::Backup::BackupPlan"
            );
            assert!(!irreplaceable || node.key.is_stateful(), "{}", node.key);
            assert_eq!(node.retained, node.key.is_stateful(), "{}", node.key);
        }
    }
}

#[test]
fn a_stateful_resource_never_waits_for_a_stateless_one() {
    for graph in graphs() {
        for node in graph.nodes().filter(|node| node.key.is_stateful()) {
            assert!(node.depends_on.iter().all(Key::is_stateful), "{}: {:?}", node.key, node.depends_on);
        }
    }
}

#[test]
fn whatever_a_spec_names_by_its_arn_comes_first() {
    for graph in graphs() {
        let order: Vec<&Key> = graph.ordered().into_iter().map(|node| &node.key).collect();
        let place = |key: &str| order.iter().position(|other| other.as_str() == key).unwrap();
        for (first, then) in [
            ("stateful/dead-letter-queue", "stateful/queue"),
            ("ingest/role", "ingest/function"),
            ("ingest/log-group", "ingest/function"),
            ("ingest/function", "ingest/event-source-mapping"),
            ("stateful/queue", "ingest/event-source-mapping"),
            ("stateful/journal", "ingest/event-source-mapping"),
        ] {
            assert!(place(first) < place(then), "{first} before {then}");
        }
    }
}

#[test]
fn every_role_lies_under_the_environments_path() {
    for graph in graphs() {
        for role in graph.nodes().filter(|node| node.kind.as_str() == "AWS::IAM::Role") {
            assert_eq!(role.spec["path"], graph.scope.path());
        }
    }
}

#[test]
fn a_role_has_no_more_than_its_grants_each_on_resources_of_this_environment() {
    for graph in graphs() {
        let ours = [graph.scope.name_prefix(), graph.scope.path()];
        for role in graph.nodes().filter(|node| node.kind.as_str() == "AWS::IAM::Role") {
            // AWS Backup's own policy is the one that AWS keeps up to date with what it does.
            let managed = role.spec["managedPolicyArns"].as_array().unwrap();
            assert!(managed.is_empty() || role.key.as_str() == "stateful/backup-role");
            let policies: BTreeMap<String, PolicyDocument> =
                serde_json::from_value(role.spec["policies"].clone()).unwrap();
            for statement in policies.values().flat_map(|policy| &policy.statement) {
                assert!(!statement.action.iter().any(|action| action.contains('*')), "{statement:?}");
                let named = |arn: &String| {
                    ours.iter().any(|prefix| arn.contains(prefix.as_str()))
                        || arn.starts_with("${stateful/")
                        // The gateway's image is whose it is.
                        || arn == "arn:aws-us-gov:ecr:us-gov-west-1:444444444444:repository/team/gateway"
                };
                // These take no narrower resource: AWS documents them with `*` alone.
                let nameless = |action: &String| {
                    action == "dynamodb:ListStreams"
                        || action == "ecr:GetAuthorizationToken"
                        || action.starts_with("ec2:")
                        || action.starts_with("ssmmessages:")
                };
                let everything = statement.resource == ["*"] && statement.action.iter().all(nameless);
                assert!(everything || statement.resource.iter().all(named), "{statement:?}");
            }
        }
    }
}

#[test]
fn a_message_stays_hidden_six_times_as_long_as_an_invocation_lasts() {
    for graph in graphs() {
        let number = |key: &str, field: &str| node(&graph, key).spec[field].as_u64().unwrap();
        let visibility = number("stateful/queue", "visibilityTimeoutSeconds");
        assert!(visibility >= 6 * number("ingest/function", "timeoutSeconds"));
        assert!(visibility <= 12 * 60 * 60, "SQS hides a message for 12 hours at most");
    }
}

#[test]
fn physical_names_are_unique_ours_and_within_the_limits() {
    for graph in graphs() {
        let prefixes = [graph.scope.name_prefix(), graph.scope.path()];
        let mut names = BTreeSet::new();
        for node in graph.nodes() {
            let Some(name) = &node.name else { continue };
            assert!(names.insert((&node.kind, name)), "{name} is there twice");
            let scoped = prefixes
                .iter()
                .map(|prefix| prefix.trim_matches('/'))
                .any(|prefix| name.trim_start_matches('/').starts_with(prefix.trim_end_matches('-')));
            // Within the environment's namespace.
            assert!(scoped || node.kind.as_str() == "AWS::ServiceDiscovery::Service", "{name}");
            // The tightest limits: 50 characters for vaults, 64 for functions and roles, 80 for queues.
            let limit = match node.kind.as_str() {
                "AWS::Backup::BackupVault" | "AWS::Backup::BackupPlan" => 50,
                "AWS::CloudWatch::Alarm" | "AWS::Logs::MetricFilter" | "AWS::SecretsManager::Secret" => 255,
                _ => 64,
            };
            assert!(name.len() <= limit, "{name}");
        }
    }
}

#[test]
fn function_and_queue_agree_on_the_last_receive() {
    for graph in graphs() {
        let redrive = &node(&graph, "stateful/queue").spec["redrivePolicy"]["maxReceiveCount"];
        let variable = &node(&graph, "ingest/function").spec["environment"]["HEADWATER_MAX_RECEIVE_COUNT"];
        assert_eq!(variable, &redrive.to_string());
    }
}

#[test]
fn outputs_name_resources_of_the_blueprint() {
    for graph in graphs() {
        for output in OUTPUTS {
            assert!(node(&graph, output.key).name.is_some(), "{}", output.title);
        }
    }
}

#[test]
fn the_same_environment_and_packages_make_the_same_blueprint() {
    let dev = shipped().into_iter().find(|environment| environment.name.as_str() == "dev").unwrap();
    let other = PACKAGES.map(|name| (name.to_owned(), "other".to_owned())).into();
    assert_eq!(graph(&dev).hash().unwrap(), graph(&dev).hash().unwrap());
    assert_ne!(graph(&dev).hash().unwrap(), blueprint(&dev, &other).unwrap().hash().unwrap());
}

#[test]
fn a_missing_package_is_named() {
    let local = environment("", "local");
    let refused = blueprint(&local, &BTreeMap::new()).unwrap_err().to_string();
    assert_eq!(refused, "there is no package `ingest`; `cargo xtask package` builds it");
}

#[test]
fn a_client_opens_the_port_itself_and_changes_nothing_of_the_server() {
    for graph in graphs() {
        let refers = |node: &Node, to: &str| node.spec.to_string().contains(&format!("${{{to}}}"));
        let rules = |stack: &str| {
            let of_group = |node: &&Node| {
                node.kind.as_str().starts_with("AWS::EC2::SecurityGroup")
                    && node.key.stack() == stack
                    && refers(node, "eventstore/security-group")
            };
            graph.nodes().filter(of_group).map(|node| node.key.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert!(rules("relay").iter().any(|key| key.ends_with("-ingress")), "{:?}", rules("relay"));
        for node in graph.nodes().filter(|node| node.key.stack() == "eventstore") {
            assert!(!node.spec.to_string().contains("${relay/"), "{}", node.key);
        }
    }
}

#[test]
fn every_line_of_eventstoredb_makes_a_blueprint_without_a_secret_in_its_environment() {
    for release in ["21.10", "22.10", "23.10", "24.10", "25.1", "26.0"] {
        for tls in ["managed", "ephemeral", "off"] {
            let text = format!(
                "[environments.dev]\naccount = \"111111111111\"\nregion = \"eu-west-1\"\n\
                 eventstore = {{ release = \"{release}\", tls = \"{tls}\" }}\n"
            );
            let graph = graph(&environment(&text, "dev"));
            let containers = &node(&graph, "eventstore/task-definition").spec["containerDefinitions"];
            let server = &containers["eventstore"];
            let variables = server["environment"].as_object().unwrap();
            let has = |name: &str| variables.keys().any(|variable| variable.ends_with(name));
            assert_eq!(has("_INSECURE"), tls == "off", "{release} {tls}");
            assert_eq!(has("_CERTIFICATE_FILE"), tls != "off", "{release} {tls}");
            assert!(!has("PASSWORD"), "{release} {tls}");
            // The server refuses to start where it is told a password as well.
            let passwords = !server["secrets"].as_object().unwrap().is_empty();
            assert_eq!(passwords, tls != "off" && release >= "23", "{release} {tls}");
            let side = containers.get("passwords").is_some();
            assert_eq!(side, tls != "off" && release < "23", "{release} {tls}");
            assert_eq!(has("_ENABLE_EXTERNAL_TCP"), release < "24", "{release} {tls}");
        }
    }
}

#[test]
fn nothing_runs_as_root_but_what_writes_the_certificate_with_one_capability() {
    for graph in graphs() {
        let definitions = graph.nodes().filter(|node| node.kind.as_str() == "AWS::ECS::TaskDefinition");
        let containers = definitions.flat_map(|node| node.spec["containerDefinitions"].as_object().unwrap());
        for (name, container) in containers {
            let user = container["user"].as_str().unwrap();
            let dropped = &container["linuxParameters"]["capabilities"]["drop"];
            if name == "certificate" {
                assert_eq!(user, "0:0");
                let kept = ["CHOWN"];
                assert!(kept.iter().all(|kept| !dropped.as_array().unwrap().contains(&(*kept).into())));
                assert!(dropped.as_array().unwrap().len() >= 13, "{dropped}");
            } else {
                assert!(!user.starts_with("0:"), "{name}");
                assert_eq!(dropped, &serde_json::json!(["ALL"]), "{name}");
            }
        }
    }
}

/// `sh` reads each script without running it.
#[test]
fn the_containers_scripts_are_shell() {
    for graph in graphs() {
        let containers = &node(&graph, "eventstore/task-definition").spec["containerDefinitions"];
        for container in containers.as_object().unwrap().values() {
            if container["entryPoint"][1] != "-c" {
                continue;
            }
            let script = container["command"][0].as_str().unwrap();
            let read = std::process::Command::new("sh").args(["-n", "-c", script]).output().unwrap();
            assert!(read.status.success(), "{script}\n{}", String::from_utf8_lossy(&read.stderr));
        }
    }
}

/// The nodes of a graph that another has not, or has otherwise.
fn beyond(graph: &Graph, other: &Graph) -> Vec<String> {
    let nodes = graph.nodes().filter(|node| other.get(&node.key) != Some(*node));
    nodes.map(|node| node.key.to_string()).collect()
}

#[test]
fn the_stack_of_the_gateway_is_reviewed() {
    let most = r#"
        cluster = "own"
        client_cidrs = ["10.20.0.0/16"]
        admin_cidrs = ["10.20.0.0/24"]
        upstreams = ["10.20.0.0/16:8080"]
        durability = "spool"
        execute_command = true
    "#;
    for (name, besides) in [("least", ""), ("most", most)] {
        let graph = graph(&with_gateway(besides));
        let nodes: Vec<&Node> = graph.nodes().filter(|node| node.key.stack() == "gateway").collect();
        insta::assert_snapshot!(format!("gateway_{name}"), json(&nodes));
    }
}

#[test]
fn a_gateway_changes_no_other_stack_but_that_of_the_alarms() {
    let dev = "[environments.dev]\naccount = \"111111111111\"\nregion = \"eu-central-1\"\n";
    let (without, with) = (graph(&environment(dev, "dev")), graph(&with_gateway("")));
    assert_eq!(beyond(&without, &with), ["alarms/dashboard"]);
    let besides = beyond(&with, &without).into_iter().filter(|key| !key.starts_with("gateway/"));
    assert_eq!(besides.collect::<Vec<_>>(), ["alarms/dashboard", "alarms/gateway-down-alarm"]);
}

#[test]
fn another_route_is_a_change_of_the_task_definition_and_of_nothing_else() {
    let directory = std::env::temp_dir().join(format!("headwater-routes-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let with_routes = |routes: &str| {
        std::fs::write(directory.join("gateway.toml"), routes).unwrap();
        let text = "[environments.dev]\naccount = \"111111111111\"\nregion = \"eu-central-1\"\n\
                    gateway = { enabled = true, image = \"registry.example.com/gateway:1.0.0\" }\n";
        let configuration = Configuration::parse(text, &directory.join("headwater.toml")).unwrap();
        graph(&configuration.environment("dev").unwrap())
    };
    let (before, after) = (with_routes("a = 1\n"), with_routes("a = 2\n"));
    std::fs::remove_dir_all(&directory).unwrap();
    assert_eq!(beyond(&after, &before), ["gateway/task-definition"]);
    let told =
        &node(&after, "gateway/task-definition").spec["containerDefinitions"]["gateway"]["environment"];
    assert!(told["HEADWATER_GATEWAY_CONFIG"].as_str().unwrap().contains("a = 2\n"), "{told}");
}

#[test]
fn the_gateway_may_send_to_the_one_queue_and_nothing_more() {
    for besides in ["", "durability = \"spool\"\ncluster = \"own\""] {
        let graph = graph(&with_gateway(besides));
        let role = &node(&graph, "gateway/task-role").spec;
        assert_eq!(role["managedPolicyArns"], serde_json::json!([]));
        let policies: BTreeMap<String, PolicyDocument> =
            serde_json::from_value(role["policies"].clone()).unwrap();
        let statements: Vec<_> = policies.into_values().flat_map(|policy| policy.statement).collect();
        let [statement] = statements.as_slice() else { unreachable!("one statement: {statements:?}") };
        assert_eq!(statement.action, ["sqs:SendMessage"]);
        assert_eq!(statement.resource, ["arn:aws:sqs:eu-central-1:111111111111:headwater-dev-event-queue"]);
    }
}

#[test]
fn the_gateways_file_is_as_it_was_but_for_what_the_task_settles() {
    for (besides, listen, durability, spool) in [
        ("", "0.0.0.0:8080", "memory", None),
        ("durability = \"spool\"\nport = 8000", "0.0.0.0:8000", "spool", Some("/var/lib/headwater/spool")),
    ] {
        let graph = graph(&with_gateway(besides));
        let container = &node(&graph, "gateway/task-definition").spec["containerDefinitions"]["gateway"];
        let file = container["environment"]["HEADWATER_GATEWAY_CONFIG"].as_str().unwrap();
        let file: toml::Table = file.parse().unwrap();
        assert_eq!((file["listen"].as_str(), file["admin"].as_str()), (Some(listen), Some("0.0.0.0:9090")));
        let events = file["events"].as_table().unwrap();
        assert_eq!(events["durability"].as_str(), Some(durability));
        assert_eq!(events.get("spool_directory").and_then(toml::Value::as_str), spool);
        let written: toml::Table = include_str!("gateway.toml").parse().unwrap();
        assert_eq!((&file["routes"], &events["source"]), (&written["routes"], &written["events"]["source"]));
        // The shell hands it over, and nothing of it is the shell's.
        let script = container["command"][0].as_str().unwrap();
        assert_eq!(script, "exec gateway /dev/stdin <<FILE\n$HEADWATER_GATEWAY_CONFIG\nFILE\n");
    }
}
