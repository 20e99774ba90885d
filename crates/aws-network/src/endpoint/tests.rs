//! The family against scripted EC2.

use aws_env::scripted::{Reply, Request, Script, assert_actions};
use resource::{Class, Desired, Effect, Family, Observed, Progress, Result, Spec};
use serde_json::Value;

use super::*;
use crate::security::tests::{answer, error, key, parameters, scope, tag_set, tags};

const KEY: &str = "stateful/logs-endpoint";
const ID: &str = "vpce-1";

fn ids(prefix: &str, numbers: &[u8]) -> Vec<String> {
    numbers.iter().map(|number| format!("{prefix}-{number}")).collect()
}

fn spec() -> VpcEndpointSpec {
    VpcEndpointSpec::interface("vpc-1", "eu-west-1", "logs", ids("subnet", &[1, 2]), ids("sg", &[1]))
}

fn gateway() -> VpcEndpointSpec {
    VpcEndpointSpec::gateway("vpc-1", "eu-west-1", "dynamodb", ids("rtb", &[1, 2]))
}

/// The endpoint as EC2 describes it.
fn item(spec: &VpcEndpointSpec, state: &str) -> String {
    let set = |name: &str, items: String| format!("<{name}>{items}</{name}>");
    let plain = |id: &String| format!("<item>{id}</item>");
    let group = |id: &String| format!("<item><groupId>{id}</groupId></item>");
    [
        "<item>".to_owned(),
        set("vpcEndpointId", ID.to_owned()),
        set("vpcEndpointType", format!("{:?}", spec.vpc_endpoint_type)),
        set("vpcId", spec.vpc_id.clone()),
        set("serviceName", spec.service_name.clone()),
        set("state", state.to_owned()),
        set("routeTableIdSet", spec.route_table_ids.iter().map(plain).collect()),
        set("subnetIdSet", spec.subnet_ids.iter().map(plain).collect()),
        set("groupSet", spec.security_group_ids.iter().map(group).collect()),
        set("privateDnsEnabled", spec.private_dns_enabled.to_string()),
        set("lastError", "<message>no address is left</message>".to_owned()),
        set("creationTimestamp", "2026-11-22T10:00:00Z".to_owned()),
        tag_set(&tags(KEY)),
        "</item>".to_owned(),
    ]
    .concat()
}

fn described(items: &str) -> Reply {
    answer("DescribeVpcEndpoints", &format!("<vpcEndpointSet>{items}</vpcEndpointSet>"))
}

fn created() -> Reply {
    answer("CreateVpcEndpoint", &format!("<vpcEndpoint><vpcEndpointId>{ID}</vpcEndpointId></vpcEndpoint>"))
}

/// EC2 that answers each operation with what is listed for it, one after another, the last for ever.
fn ec2(answers: Vec<(&'static str, Reply)>) -> Script {
    let mut answers = answers;
    Script::new(move |request: &Request| {
        let mine: Vec<_> = (0..answers.len()).filter(|at| answers[*at].0 == request.operation).collect();
        match mine.as_slice() {
            [] => panic!("{} is not expected", request.operation),
            [last] => answers[*last].1.clone(),
            [first, ..] => answers.remove(*first).1,
        }
    })
}

async fn ensure(
    script: &Script,
    spec: VpcEndpointSpec,
    observed: Option<&Observed<VpcEndpointSpec>>,
) -> Result<Observed<VpcEndpointSpec>> {
    let desired = Desired { key: key(KEY), name: None, spec };
    VpcEndpoints::new(&script.config()).ensure(&scope(), &desired, observed, &Progress::silent()).await
}

async fn observed(spec: &VpcEndpointSpec, state: &str) -> Observed<VpcEndpointSpec> {
    let script = ec2(vec![("DescribeVpcEndpoints", described(&item(spec, state)))]);
    let mut seen = VpcEndpoints::new(&script.config()).survey(&scope()).await.unwrap();
    seen.remove(0)
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_of_each_type_is_made_in_one_call_with_its_tags_and_waited_for() {
    let mut sent = Vec::new();
    for spec in [spec(), gateway()] {
        let script = ec2(vec![
            ("CreateVpcEndpoint", created()),
            ("DescribeVpcEndpoints", error("InvalidVpcEndpointId.NotFound", "does not exist")),
            ("DescribeVpcEndpoints", described(&item(&spec, "pending"))),
            ("DescribeVpcEndpoints", described(&item(&spec, "available"))),
        ]);
        let made = ensure(&script, spec.clone(), None).await.unwrap();
        assert_eq!((made.id.as_str(), &made.spec, made.pending.as_deref()), (ID, &spec, None));
        assert_eq!(made, observed(&spec, "available").await);
        let mut parameters = parameters(&script.requests()[0]);
        assert!(parameters.remove("ClientToken").is_some());
        sent.push(parameters);
        ensure(&script, spec, Some(&made)).await.unwrap();
        assert_eq!(script.operations().len(), 4, "a converged endpoint takes no call");
    }
    insta::assert_json_snapshot!(sent);
}

#[tokio::test(start_paused = true)]
async fn what_ec2_does_not_know_yet_or_has_not_forgotten_yet_is_waited_for_under_one_token() {
    let conflict =
        "private-dns-enabled cannot be set because there is already a conflicting DNS domain for logs";
    let script = ec2(vec![
        ("CreateVpcEndpoint", error("InvalidSubnetId.NotFound", "The subnet ID 'subnet-1' does not exist")),
        ("CreateVpcEndpoint", error("InvalidGroup.NotFound", "The security group 'sg-1' does not exist")),
        ("CreateVpcEndpoint", error("RouteAlreadyExists", "route table rtb-1 already has a route")),
        ("CreateVpcEndpoint", error("InvalidParameter", conflict)),
        ("CreateVpcEndpoint", Reply::reset()),
        ("CreateVpcEndpoint", created()),
        ("DescribeVpcEndpoints", described(&item(&spec(), "available"))),
    ]);
    ensure(&script, spec(), None).await.unwrap();
    let requests = script.requests();
    let tokens: std::collections::BTreeSet<_> =
        requests[..6].iter().map(|request| parameters(request)["ClientToken"].clone()).collect();
    assert_eq!(tokens.len(), 1);

    let script = ec2(vec![("CreateVpcEndpoint", error("InvalidServiceName", "does not exist"))]);
    assert_eq!(ensure(&script, spec(), None).await.unwrap_err().class, Class::Fatal);
    assert_eq!(script.operations().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_fails_says_why_and_the_next_run_makes_another() {
    let failed = ec2(vec![
        ("CreateVpcEndpoint", created()),
        ("DescribeVpcEndpoints", described(&item(&spec(), "failed"))),
    ]);
    let error_ = ensure(&failed, spec(), None).await.unwrap_err();
    assert!(error_.says("the VPC endpoint is failed: no address is left"), "{error_:?}");

    let script = ec2(vec![
        ("CreateVpcEndpoint", created()),
        ("DeleteVpcEndpoints", answer("DeleteVpcEndpoints", "<unsuccessful/>")),
        ("DescribeVpcEndpoints", described(&item(&spec(), "failed"))),
        ("DescribeVpcEndpoints", described(&item(&spec(), "deleted"))),
        ("DescribeVpcEndpoints", described(&item(&spec(), "available"))),
    ]);
    let before = observed(&spec(), "failed").await;
    assert_eq!(before.pending.as_deref(), Some("failed"));
    assert_eq!(ensure(&script, spec(), Some(&before)).await.unwrap().pending, None);
    let (describe, delete, create) = ("DescribeVpcEndpoints", "DeleteVpcEndpoints", "CreateVpcEndpoint");
    assert_eq!(script.operations(), [describe, delete, describe, create, describe]);
}

#[tokio::test(start_paused = true)]
async fn each_field_that_differs_is_changed_by_one_call_and_the_others_are_left_out_of_it() {
    type Case = (VpcEndpointSpec, fn(&mut VpcEndpointSpec), &'static [(&'static str, &'static str)]);
    let cases: [Case; 4] = [
        (
            gateway(),
            |spec| spec.route_table_ids = ids("rtb", &[2, 3]).into_iter().collect(),
            &[("AddRouteTableId.1", "rtb-3"), ("RemoveRouteTableId.1", "rtb-1")],
        ),
        (
            spec(),
            |spec| spec.subnet_ids = ids("subnet", &[2, 3]).into_iter().collect(),
            &[("AddSubnetId.1", "subnet-3"), ("RemoveSubnetId.1", "subnet-1")],
        ),
        (
            spec(),
            |spec| spec.security_group_ids = ids("sg", &[2]).into_iter().collect(),
            &[("AddSecurityGroupId.1", "sg-2"), ("RemoveSecurityGroupId.1", "sg-1")],
        ),
        (spec(), |spec| spec.private_dns_enabled = false, &[("PrivateDnsEnabled", "false")]),
    ];
    for (from, change, expected) in cases {
        let mut to = from.clone();
        change(&mut to);
        let script = ec2(vec![
            ("ModifyVpcEndpoint", answer("ModifyVpcEndpoint", "<return>true</return>")),
            ("DescribeVpcEndpoints", described(&item(&from, "available"))),
            ("DescribeVpcEndpoints", described(&item(&to, "pending"))),
            ("DescribeVpcEndpoints", described(&item(&to, "available"))),
        ]);
        let done = ensure(&script, to.clone(), Some(&observed(&from, "available").await)).await.unwrap();
        assert_eq!((done.spec, done.pending), (to, None));
        let mut sent = parameters(&script.requests()[0]);
        assert_eq!(sent.remove("VpcEndpointId").as_deref(), Some(ID));
        let sent: Vec<_> = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(sent, expected);
        assert_eq!(script.operations()[1..], ["DescribeVpcEndpoints"; 3]);
    }
}

#[tokio::test]
async fn a_survey_finds_ours_in_whatever_state_and_not_what_goes_away() {
    let theirs = item(&spec(), "available").replace("headwater:key", "key").replace(ID, "vpce-2");
    let going = item(&spec(), "deleting").replace(ID, "vpce-3");
    let first = format!("<nextToken>2</nextToken><vpcEndpointSet>{theirs}{going}</vpcEndpointSet>");
    let script = ec2(vec![
        ("DescribeVpcEndpoints", answer("DescribeVpcEndpoints", &first)),
        ("DescribeVpcEndpoints", described(&item(&gateway(), "Available"))),
    ]);
    let seen = VpcEndpoints::new(&script.config()).survey(&scope()).await.unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!((&seen[0].spec, seen[0].pending.as_deref()), (&gateway(), None));
    assert_eq!(script.operations().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_is_over_when_the_endpoint_is_gone_and_its_refusal_is_seen() {
    let refused = |code: &str| {
        let error = format!("<error><code>{code}</code><message>so it is</message></error>");
        let item = format!("<item>{error}<resourceId>{ID}</resourceId></item>");
        answer("DeleteVpcEndpoints", &format!("<unsuccessful>{item}</unsuccessful>"))
    };
    let there = observed(&spec(), "available").await;
    let delete = |script: Script| {
        let there = there.clone();
        async move {
            let done = VpcEndpoints::new(&script.config()).delete(&there, &Progress::silent()).await;
            (done, script.operations())
        }
    };
    let (done, operations) = delete(ec2(vec![
        ("DeleteVpcEndpoints", refused("IncorrectState")),
        ("DeleteVpcEndpoints", answer("DeleteVpcEndpoints", "<unsuccessful/>")),
        ("DescribeVpcEndpoints", described(&item(&spec(), "deleting"))),
        ("DescribeVpcEndpoints", error("InvalidVpcEndpointId.NotFound", "does not exist")),
    ]))
    .await;
    done.unwrap();
    assert_eq!(operations.len(), 4);

    let (done, _) = delete(ec2(vec![
        ("DeleteVpcEndpoints", refused("InvalidVpcEndpoint.NotFound")),
        ("DescribeVpcEndpoints", described("")),
    ]))
    .await;
    done.unwrap();

    let (done, _) = delete(ec2(vec![("DeleteVpcEndpoints", refused("OperationNotPermitted"))])).await;
    assert!(done.unwrap_err().says("OperationNotPermitted: so it is"));
}

#[tokio::test]
async fn an_endpoint_is_found_by_id_or_arn_and_adopted_by_its_tags() {
    let script = ec2(vec![
        ("DescribeVpcEndpoints", described(&item(&spec(), "available"))),
        ("CreateTags", answer("CreateTags", "<return>true</return>")),
    ]);
    let family = VpcEndpoints::new(&script.config());
    let found = family.find(&scope(), ID).await.unwrap().unwrap();
    assert_eq!(family.find(&scope(), &found.outputs["arn"]).await.unwrap().as_ref(), Some(&found));
    assert_eq!(family.find(&scope(), "a name").await.unwrap(), None);
    family.adopt(&scope(), &key(KEY), &found).await.unwrap();
    let sent = parameters(&script.requests().pop().unwrap());
    assert_eq!((sent["ResourceId.1"].as_str(), sent["Tag.2.Value"].as_str()), (ID, KEY));
}

#[test]
fn what_is_fixed_makes_another_endpoint_and_a_plan_names_the_fields_as_ec2_does() {
    let effect = |field| VpcEndpointSpec::effect(field, &Value::Null, &Value::Null);
    for field in ["vpcId", "serviceName", "vpcEndpointType"] {
        assert_eq!(effect(field), Effect::Replace);
    }
    assert_eq!(effect("subnetIds"), Effect::Update);
    insta::assert_json_snapshot!([spec(), gateway()]);
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    let code = [
        include_str!("../endpoint.rs"),
        include_str!("change.rs"),
        include_str!("read.rs"),
        include_str!("../ec2.rs"),
    ];
    assert_actions::<VpcEndpoints>(&code, &[]);
}
