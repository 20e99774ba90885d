//! Groups: survey, creation, and the rule that EC2 begins each with.

use aws_env::scripted::{Reply, Script, assert_actions};
use resource::{Class, Desired, Effect, Family, Observed, Owner, Progress, Result, Spec};
use serde_json::Value;

use super::{
    cloud::{Cloud, Group, IPV4, IPV6, State, default_egress, group},
    *,
};
use crate::security::{SecurityGroup, SecurityGroupSpec, SecurityGroups};

const NAME: &str = "headwater-dev-relay";
const KEY: &str = "relay/security-group";

fn desired() -> Desired<SecurityGroupSpec> {
    let spec = SecurityGroupSpec::new("vpc-1", "Of a test");
    Desired { key: key(KEY), name: Some(NAME.to_owned()), spec }
}

async fn ensure(
    script: &Script,
    observed: Option<&Observed<SecurityGroupSpec>>,
) -> Result<Observed<SecurityGroupSpec>> {
    SecurityGroups::new(&script.config()).ensure(&scope(), &desired(), observed, &Progress::silent()).await
}

async fn survey(script: &Script) -> Vec<Observed<SecurityGroupSpec>> {
    SecurityGroups::new(&script.config()).survey(&scope()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_group_is_made_with_its_tags_and_then_emptied() {
    let (cloud, script) = Cloud::new(State::default());
    let made = ensure(&script, None).await.unwrap();
    assert_eq!((made.id.as_str(), &made.owner), ("sg-new1", &Owner::Us(key(KEY))));
    assert_eq!(made.spec, desired().spec);
    assert_eq!(cloud.rules(), [""; 0]);
    let describe = ["DescribeSecurityGroups", "DescribeSecurityGroupRules"];
    let revoke = ["RevokeSecurityGroupEgress"];
    assert_eq!(script.operations(), [&["CreateSecurityGroup"][..], &describe, &revoke, &describe].concat());
    insta::assert_json_snapshot!(parameters(&script.requests()[0]));
    // The next survey sees it as it is desired, and nothing more is done.
    let seen = survey(&script).await;
    assert_eq!(seen, [made]);
    let before = script.operations().len();
    ensure(&script, Some(&seen[0])).await.unwrap();
    assert_eq!(script.operations().len(), before);
}

#[tokio::test(start_paused = true)]
async fn a_vpc_and_a_group_that_are_not_known_everywhere_yet_are_waited_for() {
    let faults = vec![
        ("CreateSecurityGroup", error("InvalidVpcID.NotFound", "The vpc ID 'vpc-1' does not exist")),
        ("DescribeSecurityGroups", error("InvalidGroup.NotFound", "The security group does not exist")),
        ("DescribeSecurityGroupRules", answer("DescribeSecurityGroupRules", "")),
        ("DescribeSecurityGroupRules", answer("DescribeSecurityGroupRules", "")),
        ("RevokeSecurityGroupEgress", error("InvalidSecurityGroupRuleId.NotFound", "not yet")),
    ];
    let (cloud, script) = Cloud::new(State { faults, ..State::default() });
    assert_eq!(ensure(&script, None).await.unwrap().spec, desired().spec);
    assert_eq!((cloud.rules().len(), cloud.state().faults.len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn after_a_lost_reply_or_a_killed_run_the_group_that_was_made_is_gone_on_with() {
    let default = default_egress("sgr-1", "sg-1", IPV4, BTreeMap::new());
    let state = || State {
        groups: vec![group("sg-1", NAME, tags(KEY))],
        rules: vec![default.clone()],
        ..State::default()
    };
    let (cloud, script) =
        Cloud::new(State { faults: vec![("CreateSecurityGroup", Reply::reset())], ..state() });
    let made = ensure(&script, None).await.unwrap();
    assert_eq!((made.id.as_str(), cloud.rules().len()), ("sg-1", 0));

    // A run that was killed before it emptied the group: the survey shows it.
    let (cloud, script) = Cloud::new(state());
    let seen = survey(&script).await;
    assert!(seen[0].spec.default_egress);
    assert!(!ensure(&script, Some(&seen[0])).await.unwrap().spec.default_egress);
    assert_eq!(cloud.rules(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_somebody_elses_is_an_error_that_says_whose() {
    let groups = vec![group("sg-1", NAME, BTreeMap::from([("Name".to_owned(), "by hand".to_owned())]))];
    let (_, script) = Cloud::new(State { groups, ..State::default() });
    let refused = ensure(&script, None).await.unwrap_err();
    assert_eq!(refused.class, Class::AlreadyExists);
    assert!(refused.says("`headwater-dev-relay` already (sg-1), tagged Name=by hand"), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_rule_of_ours_that_lets_everything_out_stays() {
    let rules = vec![
        default_egress("sgr-1", "sg-1", IPV4, tags("relay/relay-to-all-egress")),
        default_egress("sgr-2", "sg-1", IPV6, BTreeMap::new()),
    ];
    let groups = vec![group("sg-1", NAME, tags(KEY))];
    let (cloud, script) = Cloud::new(State { groups, rules, ..State::default() });
    let seen = survey(&script).await;
    assert!(seen[0].spec.default_egress);
    ensure(&script, Some(&seen[0])).await.unwrap();
    assert_eq!(cloud.rules(), ["sgr-1"]);
    assert!(!survey(&script).await[0].spec.default_egress);
}

#[tokio::test]
async fn a_survey_reads_all_pages_and_finds_ours_and_what_has_a_name_as_ours() {
    let first = "<nextToken>2</nextToken><securityGroupInfo><item><groupId>sg-0</groupId>\
                 <groupName>headwater-dev-other</groupName><vpcId>vpc-1</vpcId></item></securityGroupInfo>";
    let faults = vec![("DescribeSecurityGroups", answer("DescribeSecurityGroups", first))];
    let groups = vec![group("sg-1", NAME, tags(KEY)), group("sg-2", "default", BTreeMap::new())];
    let (_, script) = Cloud::new(State { groups, faults, ..State::default() });
    let seen = survey(&script).await;
    let found: Vec<_> = seen.iter().map(|one| (one.id.as_str(), one.name.as_deref().unwrap())).collect();
    assert_eq!(found, [("sg-0", "headwater-dev-other"), ("sg-1", NAME)]);
    assert_eq!(seen[0].owner, Owner::Other("without Headwater's tags".to_owned()));
    assert_eq!(seen[1].outputs["arn"], "arn:aws:ec2:eu-west-1:111111111111:security-group/sg-1");
    // A group without the rule that lets everything out takes no call more.
    assert_eq!(script.operations(), ["DescribeSecurityGroups"; 2]);
}

#[tokio::test]
async fn a_group_is_found_by_id_arn_or_name_and_adopted_by_its_tags() {
    let groups = vec![group("sg-1", "theirs", BTreeMap::new()), group("sg-2", "twice", BTreeMap::new())];
    let twin = Group { vpc_id: "vpc-2".to_owned(), ..group("sg-3", "twice", BTreeMap::new()) };
    let groups = [groups, vec![twin]].concat();
    let (cloud, script) = Cloud::new(State { groups, ..State::default() });
    let family = SecurityGroups::new(&script.config());
    let found = family.find(&scope(), "sg-1").await.unwrap().unwrap();
    for id in [&found.outputs["arn"], "theirs"] {
        assert_eq!(family.find(&scope(), id).await.unwrap().as_ref(), Some(&found));
    }
    for id in ["sg-9", "nobody", "arn:aws:ec2:us-east-1:222222222222:security-group/sg-1"] {
        assert_eq!(family.find(&scope(), id).await.unwrap(), None);
    }
    assert!(family.find(&scope(), "twice").await.unwrap_err().says("say its id"));
    family.adopt(&scope(), &key(KEY), &found).await.unwrap();
    assert_eq!(cloud.state().groups[0].tags, tags(KEY));
}

#[test]
fn only_the_default_rule_can_be_changed_and_a_plan_names_the_fields_as_ec2_does() {
    let effect = |field| SecurityGroupSpec::effect(field, &Value::Null, &Value::Null);
    assert_eq!(effect("defaultEgress"), Effect::Update);
    assert_eq!(["vpcId", "description"].map(effect), [Effect::Replace, Effect::Replace]);
    insta::assert_json_snapshot!(desired().spec);
}

#[test]
fn a_handle_tells_name_and_reference_before_anything_is_there() {
    let group = SecurityGroup::new(&scope(), &key(KEY), "relay");
    assert_eq!((group.name(), group.id().as_str()), (NAME, "${relay/security-group}"));
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    let code = [
        include_str!("../groups.rs"),
        include_str!("../groups/delete.rs"),
        include_str!("../../ec2.rs"),
        include_str!("../../interfaces.rs"),
    ];
    assert_actions::<SecurityGroups>(&code, &[]);
}
