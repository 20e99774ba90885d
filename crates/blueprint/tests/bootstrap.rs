//! The bootstrap's graph, and the boundary that it gives to the environment's roles.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeMap;
use std::path::Path;

use blueprint::bootstrap::{self, Documents, Repository};
use blueprint::configuration::{Configuration, Environment};
use blueprint::{PACKAGES, blueprint};
use resource::{Graph, PolicyDocument, Statement};

const PROD: &str = "[environments.prod]\naccount = \"111111111111\"\nregion = \"eu-central-1\"\n";

fn environment(text: &str, name: &str) -> Environment {
    Configuration::parse(text, Path::new("headwater.toml")).unwrap().environment(name).unwrap()
}

fn repository() -> Repository {
    Repository {
        owner: "octo-org".into(),
        owner_id: 65,
        name: "events".into(),
        id: 123_456,
        branch: "main".into(),
    }
}

fn documents() -> Documents {
    let document = |action: &str| PolicyDocument::new(vec![Statement::allow("", [action], ["*"])]);
    Documents {
        boundary: document("sqs:SendMessage"),
        plan: vec![document("iam:GetRole")],
        deploy: vec![document("iam:CreateRole"), document("sqs:CreateQueue")],
    }
}

fn graph(environment: &Environment) -> Graph {
    bootstrap::bootstrap(environment, &repository(), &documents()).unwrap()
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

#[test]
fn the_graph_is_reviewed() {
    insta::assert_snapshot!(json(&graph(&environment(PROD, "prod"))));
}

#[test]
fn each_role_trusts_what_it_is_for_by_names_and_by_names_and_ids() {
    let graph = graph(&environment(PROD, "prod"));
    let trust = |key: &str| {
        let role = graph.get(&key.parse().unwrap()).unwrap();
        let trust: PolicyDocument =
            serde_json::from_value(role.spec["assumeRolePolicyDocument"].clone()).unwrap();
        assert_eq!(trust.statement.len(), 1);
        let equals = trust.statement[0].condition["StringEquals"].clone();
        assert_eq!(equals["token.actions.githubusercontent.com:aud"], ["sts.amazonaws.com"]);
        equals["token.actions.githubusercontent.com:sub"].clone()
    };
    assert_eq!(
        trust("bootstrap/deploy-role"),
        ["repo:octo-org/events:environment:prod", "repo:octo-org@65/events@123456:environment:prod"]
    );
    assert_eq!(
        trust("bootstrap/plan-role"),
        [
            "repo:octo-org/events:pull_request",
            "repo:octo-org/events:ref:refs/heads/main",
            "repo:octo-org@65/events@123456:pull_request",
            "repo:octo-org@65/events@123456:ref:refs/heads/main",
        ]
    );
}

#[test]
fn the_deploy_role_is_for_the_main_branch_alone_where_aws_knows_the_claim() {
    let refs = |region: &str, role: &str| {
        let text = format!("[environments.prod]\naccount = \"111111111111\"\nregion = \"{region}\"\n");
        let graph = graph(&environment(&text, "prod"));
        let trust = &graph.get(&role.parse().unwrap()).unwrap().spec["assumeRolePolicyDocument"];
        let trust: PolicyDocument = serde_json::from_value(trust.clone()).unwrap();
        trust.statement[0].condition["StringEquals"].get("token.actions.githubusercontent.com:ref").cloned()
    };
    assert_eq!(refs("eu-central-1", "bootstrap/deploy-role").unwrap(), ["refs/heads/main"]);
    assert_eq!(refs("us-gov-west-1", "bootstrap/deploy-role"), None);
    // A pull request's token has the ref of its merge.
    assert_eq!(refs("eu-central-1", "bootstrap/plan-role"), None);
}

#[test]
fn names_and_paths_are_the_bootstraps_own_and_within_the_limits() {
    let longest = "project = \"abcdefghijklmnopqrst\"\n[environments.abcdefghijklmnop]\n\
                   account = \"333333333333\"\nregion = \"us-gov-west-1\"\n";
    for environment in [environment(PROD, "prod"), environment(longest, "abcdefghijklmnop")] {
        let (scope, graph) = (environment.scope(), graph(&environment));
        assert_eq!(graph.scope, scope.bootstrap());
        for node in graph.nodes() {
            let Some(name) = &node.name else { continue };
            let limit = if node.kind.as_str() == "AWS::IAM::Role" { 64 } else { 128 };
            assert!(name.len() <= limit && name.starts_with(&graph.scope.name_prefix()), "{name}");
            assert_eq!(node.spec["path"], graph.scope.path());
        }
        let roles = bootstrap::roles(&scope);
        let arn = |name: &str| scope.iam_arn(&format!("role{}{name}", scope.bootstrap().path()));
        assert_eq!(roles.plan.arn(), arn(&scope.bootstrap().physical_name("plan")));
        assert_eq!(roles.deploy.arn(), arn(&scope.bootstrap().physical_name("deploy")));
    }
}

#[test]
fn every_role_of_an_environment_that_was_bootstrapped_carries_its_boundary() {
    let packages: BTreeMap<_, _> = PACKAGES.map(|name| (name.to_owned(), "hash".to_owned())).into();
    let plain = environment(PROD, "prod");
    let arn = bootstrap::boundary(&plain.scope()).arn();
    assert_eq!(
        arn,
        "arn:aws:iam::111111111111:policy/headwater-bootstrap/prod/headwater-bootstrap-prod-boundary"
    );
    let mut bounded = plain.clone();
    bounded.permissions_boundary = Some(arn.clone());
    let boundaries = |environment: &Environment| {
        let graph = blueprint(environment, &packages).unwrap();
        let roles = graph.nodes().filter(|node| node.kind.as_str() == "AWS::IAM::Role");
        roles.map(|role| role.spec["permissionsBoundary"].clone()).collect::<Vec<_>>()
    };
    assert!(boundaries(&plain).iter().all(serde_json::Value::is_null));
    let carried = boundaries(&bounded);
    assert_eq!(carried.len(), 5);
    assert!(carried.iter().all(|boundary| *boundary == arn));
}
