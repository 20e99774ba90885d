//! Deleting a group, with all that may hold it.

use std::sync::{Arc, Mutex};

use resource::{Class, Family, Progress, Result};

use super::{
    cloud::{Cloud, Interface, State, group, rule},
    *,
};
use crate::security::SecurityGroups;

fn interface(id: &str, description: &str, status: &str) -> Interface {
    let text = str::to_owned;
    Interface { id: text(id), group: "sg-1".to_owned(), description: text(description), status: text(status) }
}

fn state() -> State {
    State {
        groups: vec![group("sg-1", "headwater-dev-relay", tags("relay/security-group"))],
        ..State::default()
    }
}

/// Deletes the group `sg-1`; what was told while it ran.
async fn delete(script: &aws_env::scripted::Script) -> (Result<()>, Vec<String>) {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let progress = Progress::new({
        let notes = notes.clone();
        move |note| notes.lock().unwrap().push(note)
    });
    let family = SecurityGroups::new(&script.config());
    let observed = {
        let (_, script) = Cloud::new(state());
        SecurityGroups::new(&script.config()).find(&scope(), "sg-1").await.unwrap().unwrap()
    };
    let done = family.delete(&observed, &progress).await;
    let notes = notes.lock().unwrap().clone();
    (done, notes)
}

#[tokio::test(start_paused = true)]
async fn a_group_is_deleted_in_one_call_and_looked_for_until_it_is_gone() {
    let (cloud, script) = Cloud::new(state());
    delete(&script).await.0.unwrap();
    assert!(cloud.state().groups.is_empty());
    assert_eq!(script.operations(), ["DeleteSecurityGroup", "DescribeSecurityGroups"]);
    // Once more: that it is gone already is success.
    delete(&script).await.0.unwrap();
}

#[tokio::test(start_paused = true)]
async fn lambdas_interfaces_are_waited_for_and_deleted_once_it_let_go_of_them() {
    let lambda = "AWS Lambda VPC ENI-headwater-dev-relay-1f2e";
    let busy = Interface { group: "sg-2".to_owned(), ..interface("eni-2", lambda, "available") };
    let interfaces = vec![interface("eni-1", lambda, "in-use"), busy];
    let (cloud, script) = Cloud::new(State { interfaces, ..state() });
    let lets_go = async {
        tokio::time::sleep(std::time::Duration::from_secs(20 * 60)).await;
        cloud.state().interfaces[0].status = "available".to_owned();
    };
    let ((done, notes), ()) = tokio::join!(delete(&script), lets_go);
    done.unwrap();
    assert!(cloud.state().groups.is_empty());
    assert_eq!(cloud.state().interfaces.len(), 1, "another group's interface stays");
    assert!(notes[0].contains("1 network interface of sg-1") && notes[0].contains(lambda), "{notes:?}");
}

#[tokio::test(start_paused = true)]
async fn interfaces_that_stay_end_the_wait_with_what_they_are() {
    let interfaces = vec![interface("eni-1", "somebody's instance", "in-use")];
    let (_, script) = Cloud::new(State { interfaces, ..state() });
    let late = delete(&script).await.0.unwrap_err();
    assert_eq!(late.class, Class::RetryLater);
    assert!(late.says("somebody's instance"), "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn rules_of_our_other_groups_that_refer_to_it_are_revoked_first() {
    let mut state = state();
    state.groups.push(group("sg-2", "headwater-dev-eventstore", tags("eventstore/security-group")));
    state.rules = vec![
        rule("sgr-1", "sg-2", false, ("group", "sg-1"), BTreeMap::new()),
        rule("sgr-2", "sg-2", true, ("group", "sg-1"), BTreeMap::new()),
        rule("sgr-3", "sg-2", false, ("group", "sg-3"), BTreeMap::new()),
        rule("sgr-4", "sg-1", false, ("group", "sg-1"), BTreeMap::new()),
    ];
    let (cloud, script) = Cloud::new(state);
    delete(&script).await.0.unwrap();
    assert_eq!(cloud.rules(), ["sgr-3"]);
}

#[tokio::test(start_paused = true)]
async fn a_rule_of_somebody_elses_group_that_refers_to_it_is_named_and_left() {
    let mut state = state();
    let other = tags("eventstore/security-group").into_iter().map(|(name, value)| match name.as_str() {
        "headwater:env" => (name, "prod".to_owned()),
        _ => (name, value),
    });
    state.groups.push(group("sg-2", "headwater-prod-eventstore", other.collect()));
    state.rules = vec![rule("sgr-1", "sg-2", false, ("group", "sg-1"), BTreeMap::new())];
    let (cloud, script) = Cloud::new(state);
    let refused = delete(&script).await.0.unwrap_err();
    assert_eq!(refused.class, Class::Fatal);
    assert!(refused.says("the rule sgr-1 of sg-2, which is not ours, refers to it"), "{refused:?}");
    assert_eq!(cloud.rules(), ["sgr-1"]);
}
