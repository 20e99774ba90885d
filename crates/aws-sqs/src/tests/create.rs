//! Creating and deleting.

use aws_env::scripted::Reply;
use resource::{Class, Family, Observed, Owner, Progress, Result};

use super::{
    cloud::{Sqs, not_there},
    desired, full_spec, key, scope,
};
use crate::{QueueSpec, Queues};

/// What came of `ensure` where nothing was observed, the operations that it took, and the attributes of the create.
async fn create(sqs: Sqs, spec: QueueSpec) -> (Result<Observed<QueueSpec>>, Vec<String>) {
    let (script, _) = sqs.script();
    let queues = Queues::new(&script.config());
    let made = queues.ensure(&scope(), &desired(spec), None, &Progress::silent()).await;
    (made, script.operations())
}

#[tokio::test(start_paused = true)]
async fn a_queue_is_created_in_one_call_with_tags_and_all_attributes_and_reads_back_as_desired() {
    let (script, _) = Sqs::default().script();
    let queues = Queues::new(&script.config());
    let made = queues.ensure(&scope(), &desired(full_spec()), None, &Progress::silent()).await.unwrap();
    assert_eq!((made.spec, made.owner), (full_spec(), Owner::Us(key())));
    assert_eq!(script.operations()[0], "CreateQueue");
    assert!(!script.operations().contains(&"SetQueueAttributes".to_owned()));
    insta::assert_json_snapshot!(script.requests()[0].json());
}

#[tokio::test(start_paused = true)]
async fn a_name_that_was_deleted_recently_and_a_fresh_principal_are_waited_out() {
    let faults = [
        (
            "CreateQueue",
            Reply::error(400, "QueueDeletedRecently", "You must wait 60 seconds after deleting a queue"),
        ),
        (
            "CreateQueue",
            Reply::error(400, "InvalidAttributeValue", "Invalid value for the parameter Policy."),
        ),
        ("CreateQueue", Reply::reset()),
    ];
    let (made, operations) = create(Sqs::default().failing(faults), full_spec()).await;
    assert_eq!(made.unwrap().spec, full_spec());
    assert_eq!(operations.iter().filter(|operation| *operation == "CreateQueue").count(), 4);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_deleted_name_has_an_end() {
    let begun = tokio::time::Instant::now();
    let recently = || ("CreateQueue", Reply::error(400, "QueueDeletedRecently", "You must wait"));
    let (made, _) = create(Sqs::default().failing((0..1000).map(|_| recently())), full_spec()).await;
    assert!(made.unwrap_err().says("QueueDeletedRecently"));
    assert!((60..=90).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn another_bad_value_fails_at_once() {
    let fault = Reply::error(400, "InvalidAttributeValue", "Invalid value for the parameter DelaySeconds.");
    let (made, operations) = create(Sqs::default().failing([("CreateQueue", fault)]), full_spec()).await;
    assert_eq!(made.unwrap_err().class, Class::Fatal);
    assert_eq!(operations, ["CreateQueue"]);
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_a_killed_run_left_with_other_attributes_is_changed() {
    let exists = Reply::error(400, "QueueNameExists", "A queue already exists with the same name");
    let left = Sqs::with_queue(scope().tags(&key())).failing([("CreateQueue", exists)]);
    let (made, operations) = create(left, full_spec()).await;
    assert_eq!(made.unwrap().spec, full_spec());
    assert!(operations.contains(&"SetQueueAttributes".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_queue_of_somebody_else_is_left_alone() {
    let exists = Reply::error(400, "QueueNameExists", "A queue already exists with the same name");
    let theirs = [("Name".to_owned(), "billing".to_owned())];
    let theirs = Sqs::with_queue(theirs).failing([("CreateQueue", exists)]);
    let (made, operations) = create(theirs, full_spec()).await;
    let error = made.unwrap_err();
    assert_eq!(error.class, Class::AlreadyExists);
    assert!(
        error.says("a queue `headwater-dev-event-queue` is there already, tagged Name=billing"),
        "{error:?}"
    );
    assert!(!operations.contains(&"SetQueueAttributes".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_new_queue_that_is_not_seen_yet_is_waited_for() {
    let faults = [("GetQueueAttributes", not_there()), ("ListQueueTags", not_there())];
    let (made, operations) = create(Sqs::default().failing(faults), QueueSpec::default()).await;
    assert_eq!(made.unwrap().owner, Owner::Us(key()));
    assert_eq!(operations.iter().filter(|operation| *operation == "CreateQueue").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_queue_is_gone_when_every_host_says_so_and_one_that_is_gone_already_is_no_error() {
    let (script, state) = Sqs::with_queue(scope().tags(&key())).script();
    let queues = Queues::new(&script.config());
    let observed = queues.survey(&scope()).await.unwrap().remove(0);
    let still = Reply::json(200, serde_json::json!({"Attributes": {}}));
    state.lock().unwrap().faults = vec![("GetQueueAttributes", not_there()), ("GetQueueAttributes", still)];
    queues.delete(&observed, &Progress::silent()).await.unwrap();
    let polls = script.operations().iter().rev().take_while(|polled| *polled == "GetQueueAttributes").count();
    assert_eq!(polls, 6, "three at once, of which one finds it, then three that miss");
    queues.delete(&observed, &Progress::silent()).await.unwrap();
}
