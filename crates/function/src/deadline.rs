//! How long an invocation may work so that its answer goes out before Lambda ends it.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// Kept back at the end for the answer's own way, at most. Of a short time-out a tenth is kept back.
const ANSWER_MARGIN: Duration = Duration::from_millis(500);
/// Kept back after the append for moving what failed to its queue, at most. Of a short time-out a quarter.
const MOVE_MARGIN: Duration = Duration::from_secs(3);

/// The two instants that an invocation keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// The append ends by then: what is not done is to be retried.
    pub append_by: Instant,
    /// Sends to that queue end by then, and the answer goes out.
    pub answer_by: Instant,
}

impl Deadline {
    /// The deadline of an invocation that Lambda ends at `time_out` (which has passed where it lies before `now`).
    pub fn before(time_out: SystemTime, now: SystemTime) -> Self {
        let left = time_out.duration_since(now).unwrap_or_default();
        let answer = left - ANSWER_MARGIN.min(left / 10);
        let append = answer - MOVE_MARGIN.min(left / 4);
        let now = Instant::now();
        Self { append_by: now + append, answer_by: now + answer }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn margins(time_out: Duration) -> (Duration, Duration) {
        let now = SystemTime::UNIX_EPOCH;
        let deadline = Deadline::before(now + time_out, now);
        (deadline.append_by - Instant::now(), deadline.answer_by - Instant::now())
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_time_out_keeps_fixed_margins() {
        let (append, answer) = margins(Duration::from_secs(30)).await;
        assert_eq!((append, answer), (Duration::from_millis(26_500), Duration::from_millis(29_500)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_time_out_is_shared_out() {
        let (append, answer) = margins(Duration::from_secs(2)).await;
        assert_eq!((append, answer), (Duration::from_millis(1_300), Duration::from_millis(1_800)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_time_out_that_has_passed_leaves_no_time() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(60);
        let deadline = Deadline::before(SystemTime::UNIX_EPOCH, now);
        assert_eq!((deadline.append_by, deadline.answer_by), (Instant::now(), Instant::now()));
    }
}
