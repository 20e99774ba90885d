//! What a client's connection is doing, and since when: whoever makes the proxy wait too long loses it.
//!
//! hyper has a time-out for headers of HTTP/1.1 alone, none while it finds out which protocol is spoken, none for an idle
//! HTTP/2 connection, and none for a client that takes no more of a response. So one watch covers them all.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::configuration::Timeouts;

/// One connection's activity. A clone is the same one's.
#[derive(Clone, Debug)]
pub(super) struct Activity(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    requests: usize,
    last_request: u64,
    idle_since: Instant,
    /// Since when something is there that is no whole request yet.
    head_since: Option<Instant>,
    /// Between requests HTTP/2 sends other things than heads.
    http2: bool,
    /// Since when the client was given a part of a response and has not asked for the next.
    given: BTreeMap<u64, Instant>,
}

/// Why a connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stalled {
    /// There was no request for a while: it may end in good order.
    Idle,
    /// A request's head, or the reading of a response, takes too long.
    Slow,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            requests: 0,
            last_request: 0,
            idle_since: Instant::now(),
            head_since: None,
            http2: false,
            given: BTreeMap::new(),
        })))
    }

    /// A request's head is there. It is in flight until what is returned is dropped.
    pub(super) fn request(&self, http2: bool) -> Request {
        let mut state = self.state();
        state.requests += 1;
        state.last_request += 1;
        state.head_since = None;
        state.http2 |= http2;
        Request { activity: self.clone(), number: state.last_request }
    }

    /// Resolves when the client has been too slow.
    pub(super) async fn stalled(&self, timeouts: &Timeouts) -> Stalled {
        // No deadline that comes up while this sleeps can be earlier than the shortest time-out from now.
        let shortest = timeouts.client_header.min(timeouts.client_idle).min(timeouts.body_idle);
        loop {
            let now = Instant::now();
            let next = self.state().deadline(timeouts);
            match next {
                Some((deadline, stalled)) if deadline <= now => return stalled,
                _ => {
                    let soon = now + shortest;
                    tokio::time::sleep_until(next.map_or(soon, |(deadline, _)| deadline.min(soon))).await;
                }
            }
        }
    }

    /// Begins to count an idle time anew.
    pub(super) fn begin_idle(&self) {
        self.state().idle_since = Instant::now();
    }

    fn bytes_came(&self, bytes: &[u8]) {
        let mut state = self.state();
        if state.requests == 0 && !state.http2 && state.head_since.is_none() {
            // The preface of HTTP/2 (RFC 9113, 3.4), whose client may connect before it has a request.
            if bytes.starts_with(b"PRI * HTTP/2.0") {
                state.http2 = true;
            } else {
                state.head_since = Some(Instant::now());
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn deadline(&self, timeouts: &Timeouts) -> Option<(Instant, Stalled)> {
        let idle = (self.requests == 0).then(|| (self.idle_since + timeouts.client_idle, Stalled::Idle));
        let head = self.head_since.map(|since| (since + timeouts.client_header, Stalled::Slow));
        let given = self.given.values().min().map(|since| (*since + timeouts.body_idle, Stalled::Slow));
        [idle, head, given].into_iter().flatten().min_by_key(|(deadline, _)| *deadline)
    }
}

/// A request in flight, whose response's parts are given to the client one by one.
#[derive(Debug)]
pub(super) struct Request {
    activity: Activity,
    number: u64,
}

impl Request {
    /// A part was given.
    pub(super) fn gave(&self) {
        self.activity.state().given.insert(self.number, Instant::now());
    }

    /// The client asks for the next part, and it is not its fault that there is none.
    pub(super) fn waits(&self) {
        self.activity.state().given.remove(&self.number);
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let mut state = self.activity.state();
        state.given.remove(&self.number);
        state.requests -= 1;
        if state.requests == 0 {
            state.idle_since = Instant::now();
        }
    }
}

/// A connection that tells of what it reads.
#[derive(Debug)]
pub(super) struct Watched<T> {
    pub(super) io: T,
    pub(super) activity: Activity,
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buffer);
        if let Some(bytes @ [_, ..]) = buffer.filled().get(before..) {
            self.activity.bytes_came(bytes);
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const TIMEOUTS: Timeouts = Timeouts {
        client_header: Duration::from_secs(10),
        client_idle: Duration::from_secs(75),
        connect: Duration::from_secs(5),
        response_header: Duration::from_secs(60),
        body_idle: Duration::from_secs(30),
        upstream_idle: Duration::from_secs(30),
        drain: Duration::from_secs(20),
        flush: Duration::from_secs(5),
    };

    async fn ends_after(activity: &Activity, seconds: u64, why: Stalled) {
        let begin = Instant::now();
        assert_eq!(activity.stalled(&TIMEOUTS).await, why);
        assert_eq!(begin.elapsed().as_secs(), seconds);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_request_is_idle() {
        ends_after(&Activity::new(), 75, Stalled::Idle).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_has_its_time_from_its_first_byte_however_it_trickles() {
        let activity = Activity::new();
        activity.bytes_came(b"GET /");
        tokio::time::advance(Duration::from_secs(4)).await;
        activity.bytes_came(b"orders");
        ends_after(&activity, 6, Stalled::Slow).await;
    }

    #[tokio::test(start_paused = true)]
    async fn while_a_request_waits_for_its_service_nothing_is_the_clients_fault() {
        let activity = Activity::new();
        let request = activity.request(false);
        request.gave();
        request.waits();
        let day = Duration::from_secs(86_400);
        assert!(tokio::time::timeout(day, activity.stalled(&TIMEOUTS)).await.is_err());
        drop(request);
        ends_after(&activity, 75, Stalled::Idle).await;
    }

    #[tokio::test(start_paused = true)]
    async fn one_response_that_is_not_taken_ends_a_connection_on_which_others_go_on() {
        let activity = Activity::new();
        let (slow, quick) = (activity.request(true), activity.request(true));
        slow.gave();
        let others = async {
            loop {
                quick.gave();
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        tokio::select! {
            () = ends_after(&activity, 30, Stalled::Slow) => {}
            () = others => {}
        }
    }

    #[tokio::test(start_paused = true)]
    async fn between_the_requests_of_http2_other_frames_are_no_heads() {
        let activity = Activity::new();
        drop(activity.request(true));
        activity.bytes_came(b"frame");
        ends_after(&activity, 75, Stalled::Idle).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_of_http2_may_connect_before_it_has_a_request() {
        let activity = Activity::new();
        activity.bytes_came(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        activity.bytes_came(b"settings");
        ends_after(&activity, 75, Stalled::Idle).await;
    }
}
