//! Seeing what is there.

use aws_env::scripted::{Reply, Script, assert_actions};
use resource::{Class, Family, Owner};
use serde_json::json;

use super::{
    NAME,
    cloud::{Sqs, not_there, url},
    key, scope,
};
use crate::Queues;

#[tokio::test]
async fn all_pages_are_read_and_a_queue_that_is_gone_is_left_out() {
    let script = Script::new(|request| {
        let body = request.json();
        let gone = body["QueueUrl"].as_str().is_some_and(|url| url.ends_with("gone"));
        let queue =
            |name: &str| format!("https://sqs.eu-west-1.amazonaws.com/111111111111/headwater-dev-{name}");
        match (request.operation.as_str(), body["NextToken"].as_str()) {
            ("ListQueues", None) => {
                Reply::json(200, json!({"QueueUrls": [queue("a"), queue("gone")], "NextToken": "2"}))
            }
            ("ListQueues", Some("2")) => Reply::json(200, json!({"QueueUrls": [queue("b")]})),
            _ if gone => not_there(),
            ("ListQueueTags", _) => Reply::json(200, json!({})),
            _ => Reply::json(
                200,
                json!({"Attributes": {
                    "VisibilityTimeout": "30", "MessageRetentionPeriod": "60", "DelaySeconds": "0",
                    "ReceiveMessageWaitTimeSeconds": "0", "MaximumMessageSize": "1024",
                }}),
            ),
        }
    });
    let seen = Queues::new(&script.config()).survey(&scope()).await.unwrap();
    let names: Vec<_> = seen.iter().filter_map(|queue| queue.name.as_deref()).collect();
    assert_eq!(names, ["headwater-dev-a", "headwater-dev-b"]);
    assert_eq!(script.requests()[0].json(), json!({"QueueNamePrefix": "headwater-dev-", "MaxResults": 1000}));
    assert!(script.operations().len() <= 2 + 2 * 3);
}

#[tokio::test]
async fn a_queue_is_found_by_name_arn_or_url_and_no_other_accounts() {
    let (script, _) = Sqs::with_queue(scope().tags(&key())).script();
    let queues = Queues::new(&script.config());
    for id in [NAME.to_owned(), url(), scope().arn("sqs", NAME)] {
        let found = queues.find(&scope(), &id).await.unwrap().expect("found");
        assert_eq!((found.id, found.outputs["arn"].clone()), (url(), scope().arn("sqs", NAME)));
    }
    let elsewhere = format!("arn:aws:sqs:us-east-1:222222222222:{NAME}");
    assert_eq!(queues.find(&scope(), &elsewhere).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_what_is_denied_is_an_error() {
    let (script, state) = Sqs::default().script();
    let queues = Queues::new(&script.config());
    assert_eq!(queues.find(&scope(), NAME).await.unwrap(), None);
    state.lock().unwrap().faults = vec![("ListQueues", Reply::error(403, "AccessDenied", "no"))];
    assert_eq!(queues.survey(&scope()).await.unwrap_err().class, Class::Denied);
}

#[tokio::test]
async fn an_adopted_queue_is_ours() {
    let (script, _) = Sqs::with_queue([("Name".to_owned(), "billing".to_owned())]).script();
    let queues = Queues::new(&script.config());
    let theirs = queues.find(&scope(), NAME).await.unwrap().expect("found");
    assert_eq!(theirs.owner, Owner::Other("tagged Name=billing".to_owned()));
    queues.adopt(&scope(), &key(), &theirs).await.unwrap();
    let ours = queues.find(&scope(), NAME).await.unwrap().expect("found");
    assert_eq!(ours.owner, Owner::Us(key()));
}

#[test]
fn the_actions_are_exactly_the_operations_that_the_code_names() {
    let code = [include_str!("../ensure.rs"), include_str!("../family.rs")];
    assert_actions::<Queues>(&code, &[]);
}
