//! What comes out of a family's method: its result, with a panic caught.

use std::{any::Any, future::Future, panic::AssertUnwindSafe};

use futures::FutureExt;

/// Why a family's method did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// It returned an error.
    #[error(transparent)]
    Resource(#[from] resource::Error),
    /// It panicked, which is a bug of ours.
    #[error("a bug in Headwater: it panicked with `{0}`; what it had begun is continued by the next run")]
    Panicked(String),
    /// The lease was lost while it ran, so it was given up where it was.
    #[error("given up, because the lease was lost; the next run continues it")]
    LeaseLost,
}

/// Runs a family's method; its panic becomes [`StepError::Panicked`].
pub(crate) async fn caught<T>(method: impl Future<Output = resource::Result<T>>) -> Result<T, StepError> {
    match AssertUnwindSafe(method).catch_unwind().await {
        Ok(result) => result.map_err(StepError::from),
        Err(panic) => Err(StepError::Panicked(message(panic.as_ref()))),
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message").to_owned()
}

/// An error and all beneath it, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
