//! Waiting until something comes to rest, however long that takes, as long as it moves.

use std::{
    fmt::Debug,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

/// How long nothing may change before what is waited for is given up: longer than a message is hidden, and than a machine
/// with other work to do is silent.
const STALL: Duration = Duration::from_secs(120);
/// How often it is looked.
const PAUSE: Duration = Duration::from_millis(100);

/// Looks again until it is done; it is done when it is `None`.
///
/// # Errors
/// What is seen has not changed for long.
pub(super) async fn settle<T: PartialEq + Debug>(
    what: &str,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<()> {
    let (mut seen, mut since) = (None, Instant::now());
    loop {
        let Some(now) = look().await? else { return Ok(()) };
        if seen.as_ref() != Some(&now) {
            (seen, since) = (Some(now), Instant::now());
        }
        ensure!(
            since.elapsed() < STALL,
            "{what}: nothing has changed for {} s, and there is still {seen:?}",
            STALL.as_secs()
        );
        tokio::time::sleep(PAUSE).await;
    }
}
