//! Making what gets a new id each time and takes no token: where the answer was lost, nobody knows whether it was made.

use std::{
    future::Future,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use resource::{Class, Error, Progress, Result};

use crate::{Patience, Said, retry_while, wait_until};

/// How long a listing may not show what was just made.
const UNSEEN: Patience =
    Patience::new(Duration::from_millis(250), Duration::from_secs(1), Duration::from_secs(5));

/// Runs `create`, and again within `patience` while it fails with an error of [`Class::RetryLater`] or one that `may_pass`.
/// Where an attempt may have taken effect, `find` looks for what it made before there is another.
///
/// Assumes that `create` is one attempt: the SDK's own retries must be off for it, since they look for nothing.
///
/// # Errors
/// As [`retry_while`].
pub async fn create_once<T, F, G>(
    patience: &Patience,
    progress: &Progress,
    waits_for: &str,
    may_pass: impl Fn(&Error) -> bool,
    create: impl Fn() -> F,
    find: impl Fn() -> G,
) -> Result<T>
where
    F: Future<Output = Result<T>>,
    G: Future<Output = Result<Option<T>>>,
{
    let is_open = AtomicBool::new(false);
    retry_while(patience, progress, waits_for, may_pass, || async {
        if is_open.load(Ordering::Relaxed) {
            let operation = "headwater:FindCreated";
            let waits_for = "what was made to be seen, where the answer was lost";
            match wait_until(&UNSEEN, progress, operation, "a creation", waits_for, &find).await {
                Err(error) if error.class == Class::RetryLater => {}
                found => return found,
            }
        }
        let created = create().await;
        is_open.store(created.as_ref().is_err_and(may_have_taken_effect), Ordering::Relaxed);
        created
    })
    .await
}

/// Whether the call may have done what it was to do, although it failed: its answer was lost, or the service had troubles of
/// its own. That there were too many calls is a refusal, whatever the status.
fn may_have_taken_effect(error: &Error) -> bool {
    let refused = |said: &Said| said.code.contains("Throttl") || said.code.contains("LimitExceeded");
    let open = |said: &Said| said.status == 0 || said.status >= 500 && !refused(said);
    error.source.downcast_ref::<Said>().is_some_and(open)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    const PATIENCE: Patience =
        Patience::new(Duration::from_millis(250), Duration::from_secs(2), Duration::from_secs(120));

    fn failed(status: u16, code: &str) -> Error {
        let said = Said { code: code.to_owned(), message: String::new(), status };
        Error::new("ec2:CreateVpc", "stateful/vpc", Class::RetryLater, said)
    }

    /// What was called, where the attempts end so and a look shows what was made from the `seen`-th on.
    async fn called(attempts: &[Option<Error>], seen: usize) -> String {
        let calls = RefCell::new(Vec::new());
        let count = |what: &str| calls.borrow().iter().filter(|call| **call == what).count();
        let create = || {
            let attempt = count("create");
            calls.borrow_mut().push("create");
            let error = attempts.get(attempt).and_then(Option::as_ref);
            let error = error
                .map(|error| error.source.downcast_ref::<Said>().map(|said| failed(said.status, &said.code)));
            async move { error.flatten().map_or(Ok(()), Err) }
        };
        let find = || {
            calls.borrow_mut().push("find");
            let found = (count("find") >= seen).then_some(());
            async move { Ok(found) }
        };
        create_once(&PATIENCE, &Progress::silent(), "", |_| false, create, find).await.unwrap();
        calls.into_inner().join(" ")
    }

    #[tokio::test(start_paused = true)]
    async fn after_an_answer_that_was_lost_what_it_made_is_taken_though_it_shows_late() {
        assert_eq!(called(&[Some(failed(0, ""))], 3).await, "create find find find");
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_show_is_made_again() {
        let calls = called(&[Some(failed(503, "ServiceUnavailable"))], 100).await;
        assert!(calls.starts_with("create find find") && calls.ends_with("find create"), "{calls}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_made_nothing_so_nothing_is_looked_for() {
        assert_eq!(called(&[Some(failed(503, "RequestLimitExceeded"))], 1).await, "create create");
    }
}
