//! SIGINT and SIGTERM: the first stops what runs in good order, a second SIGINT ends the process at once.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::terminal::{WARNING, paint, say};

/// A token that the first SIGINT or SIGTERM cancels.
///
/// CI systems send SIGINT, then SIGTERM some seconds later, then SIGKILL: SIGTERM after SIGINT changes nothing. Only a
/// person who presses Ctrl-C twice gets an end without order; the next run finds what was left.
///
/// # Errors
/// The handlers cannot be set.
pub fn stop_on_signals() -> io::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let token = CancellationToken::new();
    let cancel = token.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        cancel.cancel();
        interrupt.recv().await;
        say(paint(WARNING, "Ended without order; the next run finds what is there."));
        std::process::exit(130);
    });
    Ok(token)
}
