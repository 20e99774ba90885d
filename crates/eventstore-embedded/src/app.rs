//! What answers a request: a service of the protocol, or plain HTTP.

use std::sync::Arc;

use axum::Router;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use tonic::body::Body;
use tower::ServiceExt;

use crate::grpc::Services;

/// The server as a connection sees it.
#[derive(Clone)]
pub(crate) enum App {
    /// It still reads its log: whatever is asked, not yet.
    Starting,
    /// It is there.
    Ready(Arc<Ready>),
}

/// A server that has read its log.
pub(crate) struct Ready {
    /// For gRPC.
    pub(crate) services: Services,
    /// For the rest.
    pub(crate) plain: Router,
}

impl App {
    pub(crate) async fn answer(self, request: Request<Incoming>) -> Response<Body> {
        let Self::Ready(ready) = self else {
            let mut response = Response::new(Body::new("the server is starting\n".to_owned()));
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            return response;
        };
        match ready.services.answer(request).await {
            Ok(response) => response,
            Err(request) => match ready.plain.clone().oneshot(request).await {
                Ok(response) => response.map(Body::new),
                Err(never) => match never {},
            },
        }
    }
}
