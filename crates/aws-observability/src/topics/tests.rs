//! The family against scripted responses.

use aws_env::scripted::{Reply, Request, Script, assert_actions};
use resource::Spec;

use super::*;
use crate::scripted::scope;

const ARN: &str = "arn:aws:sns:eu-west-1:111111111111:headwater-dev-alarms";
const OPERATIONS: [&str; 3] = ["GetTopicAttributes", "ListTagsForResource", "ListSubscriptionsByTopic"];

fn key() -> Key {
    "alarms/topic".parse().unwrap()
}

fn spec() -> TopicSpec {
    TopicSpec { kms_master_key_id: None, email_addresses: ["a@example.org".into()].into() }
}

fn ok(operation: &str, result: &str) -> Reply {
    Reply::xml(
        200,
        format!("<{operation}Response><{operation}Result>{result}</{operation}Result></{operation}Response>"),
    )
}

fn told_tags(tags: &BTreeMap<String, String>) -> Reply {
    let member =
        |(key, value): (&String, &String)| format!("<member><Key>{key}</Key><Value>{value}</Value></member>");
    let tags: String = tags.iter().map(member).collect();
    ok("ListTagsForResource", &format!("<Tags>{tags}</Tags>"))
}

/// `arn` is an ARN's end, or one of SNS's words in place of an ARN.
fn told_subscriptions(subscriptions: &[(&str, &str)]) -> Reply {
    let member = |(address, arn): &(&str, &str)| {
        let arn = if arn.len() > 1 { (*arn).to_owned() } else { format!("{ARN}:{arn}") };
        format!(
            "<member><SubscriptionArn>{arn}</SubscriptionArn><Protocol>email</Protocol><Endpoint>{address}</Endpoint></member>"
        )
    };
    let members: String = subscriptions.iter().map(member).collect();
    let other = "<member><SubscriptionArn>arn:aws:sns:x</SubscriptionArn><Protocol>sqs</Protocol><Endpoint>q</Endpoint></member>";
    ok("ListSubscriptionsByTopic", &format!("<Subscriptions>{members}{other}</Subscriptions>"))
}

/// SNS with our topic, its key and its subscriptions; `answer` is asked for all that changes something.
fn sns(
    kms_key: &'static str,
    subscriptions: &'static [(&str, &str)],
    mut answer: impl FnMut(&Request) -> Option<Reply> + Send + 'static,
) -> Script {
    Script::new(move |request| match request.operation.as_str() {
        "ListTopics" => {
            ok("ListTopics", &format!("<Topics><member><TopicArn>{ARN}</TopicArn></member></Topics>"))
        }
        "GetTopicAttributes" => ok(
            "GetTopicAttributes",
            &format!(
                "<Attributes><entry><key>KmsMasterKeyId</key><value>{kms_key}</value></entry></Attributes>"
            ),
        ),
        "ListTagsForResource" => told_tags(&scope().tags(&key())),
        "ListSubscriptionsByTopic" => told_subscriptions(subscriptions),
        operation => answer(request).unwrap_or_else(|| ok(operation, "")),
    })
}

async fn observed(script: &Script) -> Observed<TopicSpec> {
    Topics::new(&script.config()).survey(&scope()).await.unwrap().remove(0)
}

async fn ensure(
    script: &Script,
    want: TopicSpec,
    observed: Option<&Observed<TopicSpec>>,
) -> Result<Observed<TopicSpec>> {
    let desired = Desired { key: key(), name: Some("headwater-dev-alarms".into()), spec: want };
    Topics::new(&script.config()).ensure(&scope(), &desired, observed, &Progress::silent()).await
}

/// What was asked besides reading.
fn writes(script: &Script) -> Vec<String> {
    let reads = |operation: &String| operation.starts_with("Get") || operation.starts_with("List");
    script.operations().into_iter().filter(|operation| !reads(operation)).collect()
}

#[tokio::test]
async fn a_survey_reads_every_page_and_an_address_counts_from_the_moment_that_it_was_asked() {
    let script = Script::new(|request| {
        let going = request.body.contains("going");
        match request.operation.as_str() {
            "ListTopics" if request.body.contains("NextToken") => {
                ok("ListTopics", &format!("<Topics><member><TopicArn>{ARN}</TopicArn></member></Topics>"))
            }
            "ListTopics" => ok(
                "ListTopics",
                "<Topics><member><TopicArn>arn:aws:sns:eu-west-1:111111111111:other</TopicArn></member><member>\
                 <TopicArn>arn:aws:sns:eu-west-1:111111111111:headwater-dev-going</TopicArn></member></Topics>\
                 <NextToken>2</NextToken>",
            ),
            _ if going => Reply::xml_error(404, "NotFound", "Topic does not exist"),
            "GetTopicAttributes" => ok("GetTopicAttributes", "<Attributes></Attributes>"),
            "ListTagsForResource" => told_tags(&scope().tags(&key())),
            _ => told_subscriptions(&[
                ("b@example.org", "1"),
                ("a@example.org", "PendingConfirmation"),
                ("c@example.org", "Deleted"),
            ]),
        }
    });
    let found = Topics::new(&script.config()).survey(&scope()).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].owner, Owner::Us(key()));
    let addresses: Vec<_> = found[0].spec.email_addresses.iter().map(String::as_str).collect();
    assert_eq!(addresses, ["a@example.org", "b@example.org"]);
    assert_eq!(found[0].spec.kms_master_key_id, None);
    assert_eq!(found[0].outputs["arn"], Topic::new(&scope(), "alarms").arn());
    assert_eq!(found[0].outputs["unconfirmedEmailAddresses"], "a@example.org");
}

#[tokio::test]
async fn a_topic_is_made_with_its_tags_in_the_create_call_and_asks_its_people() {
    let script = sns("", &[], |_| None);
    let want = TopicSpec { kms_master_key_id: Some("alias/ours".into()), ..spec() };
    let made = ensure(&script, want.clone(), None).await.unwrap();
    assert_eq!((made.spec, made.id.as_str()), (want, ARN));
    assert_eq!(script.operations(), ["CreateTopic", "Subscribe"]);
    let create = &script.requests()[0].body;
    for part in ["headwater%3Akey", "alarms%2Ftopic", "KmsMasterKeyId", "alias%2Fours"] {
        assert!(create.contains(part), "{part} in {create}");
    }
    assert!(script.requests()[1].body.contains("a%40example.org"));
}

#[tokio::test]
async fn each_difference_makes_its_own_call_and_a_converged_topic_gets_none() {
    const HERE: &[(&str, &str)] = &[("a@example.org", "1"), ("b@example.org", "2")];
    let with = |key: Option<&str>, addresses: &[&str]| TopicSpec {
        kms_master_key_id: key.map(str::to_owned),
        email_addresses: addresses.iter().map(|&address| address.to_owned()).collect(),
    };
    let cases: [(TopicSpec, &[&str]); 5] = [
        (with(Some("k"), &["a@example.org", "b@example.org"]), &[]),
        (with(Some("else"), &["a@example.org", "b@example.org"]), &["SetTopicAttributes"]),
        (with(None, &["a@example.org", "b@example.org"]), &["SetTopicAttributes"]),
        (with(Some("k"), &["a@example.org", "b@example.org", "c@example.org"]), &["Subscribe"]),
        (with(Some("k"), &["b@example.org"]), &["Unsubscribe"]),
    ];
    for (want, calls) in cases {
        let script = sns("k", HERE, |_| None);
        let found = observed(&script).await;
        assert_eq!(ensure(&script, want.clone(), Some(&found)).await.unwrap().spec, want);
        assert_eq!(writes(&script), calls, "{want:?}");
        let unsubscribed = script.requests().into_iter().find(|request| request.operation == "Unsubscribe");
        assert!(unsubscribed.is_none_or(|request| request.body.contains("alarms%3A1")));
    }
}

#[tokio::test]
async fn who_never_confirmed_and_is_no_longer_wanted_is_left_to_sns_and_said() {
    let script = sns("", &[("a@example.org", "1"), ("b@example.org", "PendingConfirmation")], |_| None);
    let found = observed(&script).await;
    let wanted = TopicSpec { email_addresses: found.spec.email_addresses.clone(), ..spec() };
    ensure(&script, wanted, Some(&found)).await.unwrap();
    let after = ensure(&script, spec(), Some(&found)).await.unwrap();
    assert!(after.spec.email_addresses.contains("b@example.org"));
    assert!(writes(&script).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_topic_just_made_that_is_not_found_and_a_change_of_tags_under_way_are_waited_out() {
    let (mut creates, mut subscribes) = (0, 0);
    let script = sns("", &[], move |request| match request.operation.as_str() {
        "CreateTopic" => {
            creates += 1;
            (creates == 1).then(|| Reply::xml_error(400, "ConcurrentAccess", "tags are being changed"))
        }
        _ => {
            subscribes += 1;
            (subscribes == 1).then(|| Reply::xml_error(404, "NotFound", "Topic does not exist"))
        }
    });
    ensure(&script, spec(), None).await.unwrap();
    assert_eq!(script.operations(), ["CreateTopic", "CreateTopic", "Subscribe", "Subscribe"]);
}

#[tokio::test]
async fn a_name_that_is_taken_is_ours_from_an_attempt_before_or_somebody_elses() {
    let refusal = || {
        let reason = "Invalid parameter: Attributes Reason: Topic already exists with different attributes";
        Some(Reply::xml_error(400, "InvalidParameter", reason))
    };
    let ours = sns("", &[("a@example.org", "1")], move |_| refusal());
    assert_eq!(ensure(&ours, spec(), None).await.unwrap().spec, spec());
    let others = Script::new(move |request| match request.operation.as_str() {
        "CreateTopic" => refusal().unwrap(),
        "GetTopicAttributes" => ok("GetTopicAttributes", "<Attributes></Attributes>"),
        "ListTagsForResource" => told_tags(&BTreeMap::new()),
        _ => told_subscriptions(&[]),
    });
    assert_eq!(ensure(&others, spec(), None).await.unwrap_err().class, Class::AlreadyExists);
}

#[tokio::test]
async fn a_topic_is_found_by_name_or_arn_adopted_by_its_tags_and_deleted_though_it_is_gone() {
    let script = sns("", &[], |request| {
        (request.operation == "DeleteTopic").then(|| Reply::xml_error(404, "NotFound", "gone"))
    });
    let family = Topics::new(&script.config());
    let found = family.find(&scope(), ARN).await.unwrap().unwrap();
    assert_eq!(family.find(&scope(), "headwater-dev-alarms").await.unwrap().unwrap(), found);
    assert_eq!(script.operations().len(), 2 * OPERATIONS.len());
    family.adopt(&scope(), &key(), &found).await.unwrap();
    assert!(script.requests().pop().unwrap().body.contains("alarms%2Ftopic"));
    family.delete(&found, &Progress::silent()).await.unwrap();
}

#[test]
fn nothing_makes_another_topic() {
    use serde_json::Value;
    let effect = TopicSpec::effect("kmsMasterKeyId", &Value::Null, &Value::Null);
    assert_eq!(effect, resource::Effect::Update);
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    let code = [include_str!("../topics.rs"), include_str!("subscriptions.rs")];
    assert_actions::<Topics>(&code, &[]);
}
