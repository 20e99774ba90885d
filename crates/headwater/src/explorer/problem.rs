//! What went wrong, as the page is told: the error, its causes, and what to do about it.

use anyhow::anyhow;
use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::api;
use crate::failure;

/// A question that has no answer.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    error: anyhow::Error,
    help: Option<&'static str>,
}

impl Problem {
    fn new(status: StatusCode, error: &str, help: Option<&'static str>) -> Self {
        Self { status, error: anyhow!(error.to_owned()), help }
    }

    /// The question makes no sense.
    pub(super) fn bad_request(error: anyhow::Error) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error, help: None }
    }

    pub(super) fn not_found(error: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, error, None)
    }

    /// RFC 9110, 15.5.20: the server does not answer for that authority.
    pub(super) fn misdirected() -> Self {
        let help = "Open the address that the explorer printed.";
        Self::new(StatusCode::MISDIRECTED_REQUEST, "The explorer has another address.", Some(help))
    }

    pub(super) fn unauthorized() -> Self {
        let help = "Open the address that the explorer printed when it began: each start makes a new token.";
        Self::new(StatusCode::UNAUTHORIZED, "The explorer does not know this page.", Some(help))
    }

    pub(super) fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "Only the explorer's own page may ask this.", None)
    }
}

impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Self {
        Self { status: StatusCode::BAD_GATEWAY, error, help: None }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut causes: Vec<_> = self.error.chain().map(ToString::to_string).collect();
        causes.dedup();
        let help = self.help.map(str::to_owned).or_else(|| failure::help(&self.error));
        let error = causes.remove(0);
        (self.status, Json(api::Problem { error, because: causes, help })).into_response()
    }
}
