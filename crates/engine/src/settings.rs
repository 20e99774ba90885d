//! The times and bounds of a run.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::Concurrency;

/// The times and bounds of a run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many steps run at once.
    pub concurrency: Concurrency,
    /// How long a lease lasts unless it is renewed: 60 s. It is renewed every third of it.
    pub lease: Duration,
    /// How far the clocks of two hosts may be apart: 15 s. An expired lease is left alone for so much longer.
    pub skew: Duration,
    /// How long one call for lease or history may take: 10 s.
    pub reply: Duration,
    /// How often the history is written at most while steps run: once a second.
    pub history: Duration,
    /// The time of day.
    pub clock: Clock,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: Concurrency::default(),
            lease: Duration::from_secs(60),
            skew: Duration::from_secs(15),
            reply: Duration::from_secs(10),
            history: Duration::from_secs(1),
            clock: Clock::default(),
        }
    }
}

/// A wall clock, in milliseconds since the Unix epoch.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Clock {
    /// A clock that `now` tells.
    pub fn new(now: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time, in milliseconds since the Unix epoch.
    pub fn now_millis(&self) -> u64 {
        (self.0)()
    }
}

impl Default for Clock {
    /// The system's clock.
    fn default() -> Self {
        Self::new(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// A duration in whole milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
