//! Health and metrics, on a port of their own.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;

#[derive(Clone)]
struct Administration {
    draining: CancellationToken,
    metrics: Option<PrometheusHandle>,
}

/// What is answered on the admin port.
pub(super) fn router(draining: CancellationToken, metrics: Option<PrometheusHandle>) -> Router {
    Router::new()
        .route("/health/live", get(async || "live\n"))
        .route("/health/ready", get(ready))
        .route("/metrics", get(render))
        .with_state(Administration { draining, metrics })
}

async fn ready(State(administration): State<Administration>) -> impl IntoResponse {
    match administration.draining.is_cancelled() {
        false => (StatusCode::OK, "ready\n"),
        true => (StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
    }
}

async fn render(State(administration): State<Administration>) -> impl IntoResponse {
    // The format's own media type: https://prometheus.io/docs/instrumenting/exposition_formats/
    let media_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (media_type, administration.metrics.map(|metrics| metrics.render()).unwrap_or_default())
}
