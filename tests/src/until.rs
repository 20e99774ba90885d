//! Waiting for a condition, never for a time.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// The longest that anything may take that a test waits for. On an idle machine all of it takes a few seconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Looks again until there is something.
///
/// # Errors
/// A look fails, or there is nothing within the bound: then the error names `what` was waited for.
pub async fn until<T, F: Future<Output = Result<Option<T>>>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if begun.elapsed() > PATIENCE {
            bail!("waited {} s in vain: {what}", PATIENCE.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}
