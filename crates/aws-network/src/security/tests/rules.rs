//! Rules of both directions: survey, creation over what is there, description, deletion.

use aws_env::scripted::{Reply, Script, assert_actions};
use resource::{Class, Desired, Effect, Family, Observed, Owner, Progress, Result, Spec};
use serde_json::Value;

use super::{
    cloud::{Cloud, State, group, rule},
    *,
};
use crate::security::{
    Direction, Egress, Ingress, RulePeer, SecurityGroupEgressRules, SecurityGroupIngressRules,
    SecurityGroupRuleSpec, SecurityGroupRules,
};

const KEY: &str = "relay/relay-to-eventstore-2113-ingress";
const PEER: (&str, &str) = ("group", "sg-2");

fn spec(peer: RulePeer) -> SecurityGroupRuleSpec {
    SecurityGroupRuleSpec {
        group_id: "sg-1".to_owned(),
        ip_protocol: "tcp".to_owned(),
        from_port: 2113,
        to_port: 2113,
        peer,
        description: "relay to eventstore, tcp 2113".to_owned(),
    }
}

fn desired() -> Desired<SecurityGroupRuleSpec> {
    let spec = spec(RulePeer::SecurityGroupId("sg-2".to_owned()));
    Desired { key: key(KEY), name: None, spec }
}

fn state() -> State {
    let groups = vec![group("sg-1", "server", BTreeMap::new()), group("sg-2", "client", BTreeMap::new())];
    State { groups, ..State::default() }
}

async fn ensure<D: Direction>(
    script: &Script,
    desired: &Desired<SecurityGroupRuleSpec>,
    observed: Option<&Observed<SecurityGroupRuleSpec>>,
) -> Result<Observed<SecurityGroupRuleSpec>> {
    let family = SecurityGroupRules::<D>::new(&script.config());
    family.ensure(&scope(), desired, observed, &Progress::silent()).await
}

async fn each_peer<D: Direction>() -> Vec<BTreeMap<String, String>> {
    let peers = [
        RulePeer::SecurityGroupId("sg-2".to_owned()),
        RulePeer::CidrIpv4("10.0.0.0/16".to_owned()),
        RulePeer::CidrIpv6("2001:db8::/48".to_owned()),
        RulePeer::PrefixListId("pl-1".to_owned()),
    ];
    let (cloud, script) = Cloud::new(state());
    let mut sent = Vec::new();
    for (n, peer) in peers.into_iter().enumerate() {
        let desired = Desired { key: key(&format!("relay/rule-{n}")), name: None, spec: spec(peer) };
        let before = script.operations().len();
        let made = ensure::<D>(&script, &desired, None).await.unwrap();
        assert_eq!((&made.spec, &made.owner), (&desired.spec, &Owner::Us(desired.key.clone())));
        assert_eq!(script.operations()[before..][1..], ["DescribeSecurityGroupRules"]);
        sent.push(parameters(&script.requests()[before]));
        // What was made is seen as it was wanted, and nothing more is done.
        let seen = SecurityGroupRules::<D>::new(&script.config()).survey(&scope()).await.unwrap();
        assert_eq!(seen[n], made);
        let before = script.operations().len();
        ensure::<D>(&script, &desired, Some(&seen[n])).await.unwrap();
        assert_eq!(script.operations().len(), before);
    }
    assert!(cloud.state().rules.iter().all(|rule| rule.is_egress == D::IS_EGRESS));
    sent
}

#[tokio::test]
async fn a_rule_of_each_peer_is_made_in_one_call_with_its_tags() {
    insta::assert_json_snapshot!([each_peer::<Ingress>().await, each_peer::<Egress>().await]);
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_is_there_already_becomes_ours_with_the_wanted_description() {
    let theirs = rule("sgr-1", "sg-1", false, PEER, BTreeMap::new());
    let other_port = cloud::Rule {
        ports: ("80".into(), "80".into()),
        ..rule("sgr-0", "sg-1", false, PEER, BTreeMap::new())
    };
    let (cloud, script) = Cloud::new(State { rules: vec![other_port, theirs], ..state() });
    let made = ensure::<Ingress>(&script, &desired(), None).await.unwrap();
    assert_eq!((made.id.as_str(), &made.spec), ("sgr-1", &desired().spec));
    let rules = cloud.state().rules.clone();
    assert_eq!((&rules[1].tags, &rules[1].description), (&tags(KEY), &desired().spec.description));
    assert!(rules[0].tags.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_rule_is_made_again_where_the_one_that_was_there_went_away_or_the_reply_was_lost() {
    let faults = vec![
        ("AuthorizeSecurityGroupIngress", error("InvalidPermission.Duplicate", "it exists")),
        ("AuthorizeSecurityGroupIngress", Reply::reset()),
    ];
    let (cloud, script) = Cloud::new(State { faults, ..state() });
    let made = ensure::<Ingress>(&script, &desired(), None).await.unwrap();
    assert_eq!(cloud.rules(), [made.id]);
}

#[tokio::test(start_paused = true)]
async fn groups_and_rules_that_are_not_known_everywhere_yet_are_waited_for() {
    let faults = vec![
        ("AuthorizeSecurityGroupEgress", error("InvalidGroup.NotFound", "The security group does not exist")),
        ("DescribeSecurityGroupRules", error("InvalidSecurityGroupRuleId.NotFound", "not yet")),
    ];
    let (cloud, script) = Cloud::new(State { faults, ..state() });
    let made = ensure::<Egress>(&script, &desired(), None).await.unwrap();
    assert_eq!((cloud.rules(), cloud.state().faults.len()), (vec![made.id], 0));
}

#[tokio::test(start_paused = true)]
async fn a_description_is_changed_by_one_call_and_all_else_not_at_all() {
    let (cloud, script) =
        Cloud::new(State { rules: vec![rule("sgr-1", "sg-1", false, PEER, tags(KEY))], ..state() });
    let family = SecurityGroupIngressRules::new(&script.config());
    let seen = family.survey(&scope()).await.unwrap();
    let before = script.operations().len();
    let now = ensure::<Ingress>(&script, &desired(), Some(&seen[0])).await.unwrap();
    assert_eq!((&now.spec, now.id.as_str()), (&desired().spec, "sgr-1"));
    assert_eq!(script.operations()[before..], ["ModifySecurityGroupRules"]);
    insta::assert_json_snapshot!(parameters(&script.requests()[before]));
    assert_eq!(cloud.state().rules[0].description, desired().spec.description);

    let mut other = desired();
    other.spec.to_port = 2114;
    let refused = ensure::<Ingress>(&script, &other, Some(&seen[0])).await.unwrap_err();
    assert_eq!(refused.class, Class::Fatal);
    let effect = |field| SecurityGroupRuleSpec::effect(field, &Value::Null, &Value::Null);
    assert_eq!(effect("description"), Effect::Update);
    for field in ["groupId", "ipProtocol", "fromPort", "toPort", "peer.cidrIpv4"] {
        assert_eq!(effect(field), Effect::Replace, "{field}");
    }
}

#[tokio::test]
async fn a_survey_finds_ours_of_its_direction() {
    let rules = vec![
        rule("sgr-1", "sg-1", false, PEER, tags(KEY)),
        rule("sgr-2", "sg-1", true, PEER, tags("relay/out")),
        rule("sgr-3", "sg-1", false, ("cidrIpv4", "10.0.0.0/8"), BTreeMap::new()),
    ];
    let (_, script) = Cloud::new(State { rules, ..state() });
    let ids = |seen: Vec<Observed<_>>| seen.into_iter().map(|one| one.id).collect::<Vec<_>>();
    let ingress = SecurityGroupIngressRules::new(&script.config());
    assert_eq!(ids(ingress.survey(&scope()).await.unwrap()), ["sgr-1"]);
    let egress = SecurityGroupEgressRules::new(&script.config());
    assert_eq!(ids(egress.survey(&scope()).await.unwrap()), ["sgr-2"]);
    assert_eq!(script.operations(), ["DescribeSecurityGroupRules"; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_rule_is_deleted_unless_it_is_another_resource_of_ours_by_now() {
    let (cloud, script) =
        Cloud::new(State { rules: vec![rule("sgr-1", "sg-1", true, PEER, tags("relay/old"))], ..state() });
    let family = SecurityGroupEgressRules::new(&script.config());
    let old = family.survey(&scope()).await.unwrap().remove(0);
    // Its stack was given another name: the new node is made first, of the rule that is there.
    let new = ensure::<Egress>(&script, &desired(), None).await.unwrap();
    assert_eq!(new.id, "sgr-1");
    family.delete(&old, &Progress::silent()).await.unwrap();
    assert_eq!(cloud.rules(), ["sgr-1"]);

    family.delete(&new, &Progress::silent()).await.unwrap();
    assert_eq!(cloud.rules(), [""; 0]);
    // Gone already, with its group or without.
    family.delete(&new, &Progress::silent()).await.unwrap();
}

#[tokio::test]
async fn a_rule_is_found_by_id_or_arn_within_its_direction_and_adopted_by_its_tags() {
    let (cloud, script) =
        Cloud::new(State { rules: vec![rule("sgr-1", "sg-1", false, PEER, BTreeMap::new())], ..state() });
    let family = SecurityGroupIngressRules::new(&script.config());
    let found = family.find(&scope(), "sgr-1").await.unwrap().unwrap();
    assert_eq!(family.find(&scope(), &found.outputs["arn"]).await.unwrap().as_ref(), Some(&found));
    assert_eq!(family.find(&scope(), "sgr-9").await.unwrap(), None);
    assert_eq!(family.find(&scope(), "a name").await.unwrap(), None);
    let egress = SecurityGroupEgressRules::new(&script.config());
    assert_eq!(egress.find(&scope(), "sgr-1").await.unwrap(), None);
    family.adopt(&scope(), &key(KEY), &found).await.unwrap();
    assert_eq!(cloud.state().rules[0].tags, tags(KEY));
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    let shared =
        [include_str!("../rules.rs"), include_str!("../rules/wire.rs"), include_str!("../../ec2.rs")];
    let with = |code| [&shared[..], &[code]].concat();
    assert_actions::<SecurityGroupIngressRules>(&with(include_str!("../rules/ingress.rs")), &[]);
    assert_actions::<SecurityGroupEgressRules>(&with(include_str!("../rules/egress.rs")), &[]);
}
