//! What the proxy counts and measures.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use metrics::{
    Counter, Gauge, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

const REQUESTS: &str = "headwater_gateway_requests_total";
const IN_FLIGHT: &str = "headwater_gateway_requests_in_flight";
const DURATION: &str = "headwater_gateway_request_duration_seconds";
const CONNECTIONS: &str = "headwater_gateway_connections";

/// What a request that no route is for is counted under; no service has that name in a file people would write.
const NO_SERVICE: &str = "-";

/// How requests end: the class of the status, or broken off before the end of the response.
const ENDS: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "aborted"];
const ABORTED: usize = 5;

/// Buckets of durations, in seconds.
const BUCKETS_SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// Makes this process's metrics readable by [`PrometheusHandle::render`]. Another call gives the same ones.
///
/// # Errors
/// Another recorder is installed already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    // Held until it is installed, so that two threads do not both install one.
    static INSTALLED: Mutex<Option<PrometheusHandle>> = Mutex::new(None);
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*installed {
        return Ok(handle.clone());
    }
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS_SECONDS)?
        .install_recorder()?;
    describe_counter!(REQUESTS, "Requests by service and by how they ended.");
    describe_gauge!(IN_FLIGHT, "Requests whose response has not ended, by service.");
    describe_histogram!(DURATION, "From a request's head to the end of its response, by service.");
    describe_gauge!(CONNECTIONS, "Connections of clients.");
    Ok(installed.insert(handle).clone())
}

/// A client's connection, while it is there.
pub(super) struct Connected(Gauge);

impl Connected {
    pub(super) fn begin() -> Self {
        let connections = gauge!(CONNECTIONS);
        connections.increment(1.0);
        Self(connections)
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// The metrics of one service.
pub(super) struct Metrics {
    ends: [Counter; ENDS.len()],
    in_flight: Gauge,
    duration: Histogram,
}

impl Metrics {
    pub(super) fn of_service(service: &str) -> Arc<Self> {
        let service = service.to_owned();
        Arc::new(Self {
            ends: ENDS.map(|status| counter!(REQUESTS, "service" => service.clone(), "status" => status)),
            in_flight: gauge!(IN_FLIGHT, "service" => service.clone()),
            duration: histogram!(DURATION, "service" => service),
        })
    }

    pub(super) fn without_service() -> Arc<Self> {
        Self::of_service(NO_SERVICE)
    }

    /// Begins a request.
    pub(super) fn begin(self: &Arc<Self>) -> Observation {
        self.in_flight.increment(1.0);
        Observation { metrics: Arc::clone(self), begin: Instant::now(), class: ABORTED, end: ABORTED }
    }
}

/// A request, which ends when this is dropped.
pub(super) struct Observation {
    metrics: Arc<Metrics>,
    begin: Instant,
    class: usize,
    end: usize,
}

impl Observation {
    /// It has a status.
    pub(super) fn answered(&mut self, status: http::StatusCode) {
        self.class = (usize::from(status.as_u16() / 100)).clamp(1, 5) - 1;
    }

    /// And its response is whole.
    pub(super) fn complete(&mut self) {
        self.end = self.class;
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        self.metrics.ends[self.end].increment(1);
        self.metrics.in_flight.decrement(1.0);
        self.metrics.duration.record(self.begin.elapsed().as_secs_f64());
    }
}

impl std::fmt::Debug for Observation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observation").field("begin", &self.begin).finish_non_exhaustive()
    }
}
