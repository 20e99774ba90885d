//! The layer of a server: what a request is part of, for the calls that are made while it is handled.

use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tokio::task::futures::TaskLocalFuture;
use tower::{Layer, Service};

use crate::context::{CURRENT, Context, RequestId, X_REQUEST_ID};

/// Makes a [`ContextService`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ContextLayer;

impl<S> Layer<S> for ContextLayer {
    type Service = ContextService<S>;

    fn layer(&self, inner: S) -> ContextService<S> {
        ContextService { inner }
    }
}

/// Reads the [`Context`] of each request from its headers, puts it into the request's extensions and makes it
/// [current](Context::current) while the inner service makes its response, which gets `x-request-id`.
///
/// A body that is streamed after that, and tasks that were spawned, have no current context.
#[derive(Clone, Copy, Debug)]
pub struct ContextService<S> {
    inner: S,
}

impl<S, B, R> Service<Request<B>> for ContextService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ContextFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let context = Context::from_headers(request.headers());
        let request_id = context.request_id().clone();
        request.extensions_mut().insert(context.clone());
        let response = CURRENT.sync_scope(context.clone(), || self.inner.call(request));
        ContextFuture { response: CURRENT.scope(context, response), request_id }
    }
}

pin_project! {
    /// The response of a [`ContextService`].
    #[derive(Debug)]
    pub struct ContextFuture<F> {
        #[pin]
        response: TaskLocalFuture<Context, F>,
        request_id: RequestId,
    }
}

impl<F, R, E> Future for ContextFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.response.poll(cx))?;
        response.headers_mut().insert(X_REQUEST_ID, this.request_id.as_header().clone());
        Poll::Ready(Ok(response))
    }
}
