//! Deleting.

use aws_env::scripted::Reply;
use resource::{Family, Progress};
use serde_json::{Value, json};

use super::{
    NAME, RECOVERABLE,
    cloud::{Cloud, Stored},
    scope,
};
use crate::{DeletePolicy, Secrets};

/// The request of a deletion under this policy.
async fn delete(policy: DeletePolicy) -> Value {
    let mut cloud = Cloud::default();
    cloud.secrets.insert(NAME.into(), Stored::default());
    let (script, _) = cloud.script();
    let family = Secrets::new(&script.config(), policy);
    let seen = family.survey(&scope()).await.unwrap().remove(0);
    for _ in 0..2 {
        family.delete(&seen, &Progress::silent()).await.unwrap();
    }
    assert!(family.survey(&scope()).await.unwrap().is_empty());
    assert_eq!(family.find(&scope(), NAME).await.unwrap(), None);
    let deletion = script.requests().into_iter().find(|request| request.operation == "DeleteSecret");
    let mut deletion = deletion.expect("a deletion").json();
    deletion.as_object_mut().unwrap().remove("SecretId");
    deletion
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_deleted_as_the_policy_says_and_what_is_gone_already_is_no_error() {
    assert_eq!(delete(RECOVERABLE).await, json!({"RecoveryWindowInDays": 7}));
    assert_eq!(delete(DeletePolicy::Force).await, json!({"ForceDeleteWithoutRecovery": true}));
}

#[tokio::test(start_paused = true)]
async fn what_is_denied_is_an_error_and_what_is_still_seen_is_waited_out() {
    let mut cloud = Cloud::default();
    cloud.secrets.insert(NAME.into(), Stored::default());
    let (script, state) = cloud.script();
    let family = Secrets::new(&script.config(), RECOVERABLE);
    let seen = family.survey(&scope()).await.unwrap().remove(0);
    let denied = || Reply::error(403, "AccessDeniedException", "no");
    state.lock().unwrap().faults = vec![("DeleteSecret", denied())];
    family.delete(&seen, &Progress::silent()).await.unwrap_err();
    let still = || ("DescribeSecret", Reply::json(200, json!({"ARN": seen.id, "Name": NAME})));
    state.lock().unwrap().faults = vec![still(), still()];
    family.delete(&seen, &Progress::silent()).await.unwrap();
    let polls = script.operations().iter().rev().take_while(|polled| *polled == "DescribeSecret").count();
    assert_eq!(polls, 3);
}
