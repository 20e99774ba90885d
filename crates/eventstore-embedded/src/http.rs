//! What the server says over plain HTTP: whether it is alive, what it is, and how it does.

use std::time::Instant;

use axum::{
    Router,
    extract::{Query, State},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{config::Access, database::Database, grpc::SERVER_VERSION};

/// The routes of a server that has read its log.
pub(crate) fn routes(access: Access, database: Database) -> Router {
    let state = Http { access, database, since: Instant::now() };
    Router::new()
        .route("/health/live", get(live))
        .route("/info", get(info))
        .route("/stats", get(stats))
        .with_state(state)
}

#[derive(Clone)]
struct Http {
    access: Access,
    database: Database,
    since: Instant,
}

#[derive(Deserialize)]
struct Live {
    /// The status to answer with.
    #[serde(rename = "liveCode")]
    live_code: Option<u16>,
}

async fn live(State(http): State<Http>, Query(query): Query<Live>) -> Response {
    if let Err(error) = http.database.read(|_, _| ()) {
        return (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response();
    }
    let code = query.live_code.map_or(Ok(StatusCode::NO_CONTENT), StatusCode::from_u16);
    code.unwrap_or(StatusCode::BAD_REQUEST).into_response()
}

async fn info(State(http): State<Http>) -> Response {
    let authentication = match http.access {
        Access::Insecure => "insecure",
        Access::Passwords { .. } => "internal",
    };
    let features = json!({"projections": false, "userManagement": false, "atomPub": false});
    let info = json!({
        "dbVersion": SERVER_VERSION,
        "esVersion": SERVER_VERSION,
        "state": "leader",
        "features": features,
        "authentication": {"type": authentication},
    });
    answer(&info)
}

async fn stats(State(http): State<Http>, headers: HeaderMap) -> Response {
    if http.access.user(&headers).is_none() {
        let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"eventstore\"")];
        return (StatusCode::UNAUTHORIZED, challenge).into_response();
    }
    let counted = http.database.read(|store, _| (store.len(), store.streams(), store.end()));
    match counted {
        Ok((events, streams, end)) => answer(&json!({
            "proc": {"id": std::process::id(), "uptimeSeconds": http.since.elapsed().as_secs()},
            "es": {"events": events, "streams": streams, "writerCheckpoint": end},
        })),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
    }
}

fn answer(json: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], format!("{json}\n")).into_response()
}
