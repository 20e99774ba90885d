//! Bounded waiting: retrying what AWS is not ready for, and polling until it is.

use std::{fmt, future::Future, time::Duration};

use backon::{BackoffBuilder, ExponentialBuilder};
use resource::{Class, Error, Progress, Result};
use tokio::time::{Instant, sleep};

/// How long, and how often, to ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// The pause after the first attempt, of which chance leaves out up to a half; each next one is a quarter longer, so that
    /// what is waited for is seen soon after it is there: a last pause is about a fifth of the whole wait.
    pub first: Duration,
    /// The longest pause, of which chance leaves out up to a half, too.
    pub longest: Duration,
    /// How long the whole may take.
    pub total: Duration,
}

/// How much longer each pause is than the one before.
const GROWTH: f32 = 1.25;

impl Patience {
    /// Pauses from `first` up to `longest`, for `total` in all.
    pub const fn new(first: Duration, longest: Duration, total: Duration) -> Self {
        Self { first, longest, total }
    }

    fn pauses(&self) -> impl Iterator<Item = Duration> + use<> {
        // Jitter adds up to as much again.
        ExponentialBuilder::new()
            .with_min_delay(self.first / 2)
            .with_max_delay(self.longest / 2)
            .with_factor(GROWTH)
            .without_max_times()
            .with_jitter()
            .build()
    }
}

/// Runs `operation` again for as long as it fails with an error that `may_pass`, within `patience`.
///
/// An error of a service's own (5xx, throttling, a lost connection; [`Class::RetryLater`]) in between does not end it. The
/// last error is returned when patience ends, the first that may not pass at once. Assumes that the operation is
/// idempotent or that a repeated effect shows as an error that the caller handles.
///
/// # Errors
/// The operation's own.
pub async fn retry_while<T, F>(
    patience: &Patience,
    progress: &Progress,
    waits_for: &str,
    may_pass: impl Fn(&Error) -> bool,
    mut operation: impl FnMut() -> F,
) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let begun = Instant::now();
    let mut pauses = patience.pauses();
    loop {
        let error = match operation().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let pause = pauses.next().unwrap_or(patience.longest);
        let passing = error.class == Class::RetryLater || may_pass(&error);
        if !passing || begun.elapsed() + pause > patience.total {
            return Err(error);
        }
        progress.note(format!("waits for {waits_for}"));
        sleep(pause).await;
    }
}

/// Runs `poll` until it gives a value, within `patience`.
///
/// # Errors
/// The poll's own at once, unless its class is [`Class::RetryLater`]; and one of that class, which says what was waited
/// for and how long, when patience ends.
pub async fn wait_until<T, F>(
    patience: &Patience,
    progress: &Progress,
    operation: &'static str,
    resource: impl fmt::Display,
    waits_for: &str,
    mut poll: impl FnMut() -> F,
) -> Result<T>
where
    F: Future<Output = Result<Option<T>>>,
{
    let begun = Instant::now();
    let mut pauses = patience.pauses();
    loop {
        match poll().await {
            Ok(Some(value)) => return Ok(value),
            Err(error) if error.class != Class::RetryLater => return Err(error),
            Ok(None) | Err(_) => {}
        }
        let pause = pauses.next().unwrap_or(patience.longest);
        if begun.elapsed() + pause > patience.total {
            let seconds = begun.elapsed().as_secs();
            let late = format!("waited {seconds} s for {waits_for}, in vain");
            return Err(Error::new(operation, resource, Class::RetryLater, late));
        }
        progress.note(format!("waits for {waits_for}"));
        sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const PATIENCE: Patience =
        Patience::new(Duration::from_millis(250), Duration::from_secs(2), Duration::from_secs(120));

    fn error(class: Class, text: &str) -> Error {
        Error::new("lambda:CreateFunction", "ingest/function", class, text.to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn a_race_is_waited_out_and_a_server_error_in_between_does_not_end_it() {
        let (attempts, silent) = (Cell::new(0), Progress::silent());
        let done = retry_while(
            &PATIENCE,
            &silent,
            "the role",
            |error| error.says("cannot be assumed"),
            || {
                attempts.set(attempts.get() + 1);
                let attempt = attempts.get();
                async move {
                    match attempt {
                        1 => Err(error(Class::Fatal, "The role cannot be assumed by Lambda.")),
                        2 => Err(error(Class::RetryLater, "ServiceException")),
                        _ => Ok(attempt),
                    }
                }
            },
        );
        assert_eq!(done.await.unwrap(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_pass_ends_at_once_and_what_never_passes_ends_in_time() {
        let (begun, silent) = (Instant::now(), Progress::silent());
        let fatal = retry_while(
            &PATIENCE,
            &silent,
            "",
            |_| false,
            || async { Err::<(), _>(error(Class::Fatal, "bad memory size")) },
        );
        assert!(fatal.await.is_err());
        assert_eq!(begun.elapsed(), Duration::ZERO);
        let endless = retry_while(
            &PATIENCE,
            &silent,
            "",
            |_| true,
            || async { Err::<(), _>(error(Class::Fatal, "cannot be assumed")) },
        );
        assert!(endless.await.unwrap_err().says("cannot be assumed"));
        assert!(begun.elapsed() <= PATIENCE.total && begun.elapsed() > PATIENCE.total / 2);
    }

    #[tokio::test(start_paused = true)]
    async fn polling_says_what_it_waited_for() {
        let late = wait_until(
            &PATIENCE,
            &Progress::silent(),
            "dynamodb:DescribeTable",
            "stateful/table",
            "the table to become ACTIVE",
            || async { Ok(None::<()>) },
        )
        .await
        .unwrap_err();
        assert_eq!(late.class, Class::RetryLater);
        assert!(late.says("for the table to become ACTIVE, in vain"));
    }
}
