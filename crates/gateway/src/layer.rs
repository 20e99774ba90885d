//! The layer of a caller: each call is two events.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use event::call::ErrorClass;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::Producer;
use crate::call::OpenCall;
use crate::classify::{Classify, Sources};

/// Makes a [`CallService`].
///
/// It fits around every [`Service`] of HTTP requests. A client that is none, such as reqwest's, is one by way of a function:
///
/// ```
/// # use bytes::Bytes;
/// # use gateway::{CallLayer, Producer, Route};
/// # use http::{Request, Response};
/// # use http_body_util::Full;
/// use tower::{Layer, ServiceExt, service_fn};
///
/// # #[derive(Clone)]
/// # struct Client;
/// # impl Client {
/// #     async fn execute(&self, _: Request<Full<Bytes>>) -> std::io::Result<Response<Full<Bytes>>> { Ok(Response::default()) }
/// # }
/// # async fn run(producer: Producer, client: Client) -> Result<(), Box<dyn std::error::Error>> {
/// let send = service_fn(move |request: Request<_>| {
///     let client = client.clone();
///     // With reqwest: `client.execute(request.try_into()?).await.map(Response::from)`
///     async move { client.execute(request).await }
/// });
/// let orders = CallLayer::new(producer, "orders").layer(send);
///
/// let request = Request::post("http://orders.internal/orders?dry-run").extension(Route("/orders".into()));
/// let response = orders.oneshot(request.body(Full::from("{}"))?).await?;
/// # Ok(())
/// # }
/// ```
///
/// Inside of a layer that tries again, each attempt is a call; what tries again says which one by [`Attempt`](crate::Attempt).
#[derive(Clone, Debug)]
pub struct CallLayer<C = Sources> {
    producer: Producer,
    service: Arc<str>,
    classify: C,
}

impl CallLayer {
    /// For calls to the service of that name, whose errors are classed by [`error_class`](crate::error_class).
    pub fn new(producer: Producer, service: impl Into<Arc<str>>) -> Self {
        Self { producer, service: service.into(), classify: Sources }
    }
}

impl<C> CallLayer<C> {
    /// Classes errors otherwise. With tower's boxed errors that is
    /// `.classify(|error: &tower::BoxError| gateway::error_class(&**error))`.
    pub fn classify<D>(self, classify: D) -> CallLayer<D> {
        CallLayer { producer: self.producer, service: self.service, classify }
    }
}

impl<S, C: Clone> Layer<S> for CallLayer<C> {
    type Service = CallService<S, C>;

    fn layer(&self, inner: S) -> CallService<S, C> {
        CallService { inner, layer: self.clone() }
    }
}

/// Emits the events of each call that goes to the inner service.
///
/// `MICROSERVICE_REQUEST` is emitted before the inner service is called. The call ends with the body of the answer: at its end, or
/// where it breaks off (a failure, `body`) or is dropped (none). A status of 500 or more is a failure (`status`), an error of the inner
/// service is one of the class that [`Classify`] says, and a call that is dropped before its answer is `cancelled`.
///
/// The request gets `x-request-id` and `traceparent`, with a span of its own; what they belong to comes from its headers,
/// else from a [`Context`](crate::Context) in its extensions, else from the [current](crate::Context::current) one, else it is
/// new. `tracestate` is passed on.
#[derive(Clone, Debug)]
pub struct CallService<S, C = Sources> {
    inner: S,
    layer: CallLayer<C>,
}

impl<S, C, B, R> Service<Request<B>> for CallService<S, C>
where
    S: Service<Request<B>, Response = Response<R>>,
    C: Classify<S::Error> + Clone,
    R: Body,
{
    type Response = Response<CallBody<R>>;
    type Error = S::Error;
    type Future = CallFuture<S::Future, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let open = OpenCall::begin(&self.layer.producer, &self.layer.service, &mut request);
        CallFuture {
            response: self.inner.call(request),
            open: Some(open),
            classify: self.layer.classify.clone(),
        }
    }
}

pin_project! {
    /// The response of a [`CallService`]. Dropped before it is there, the call is a failure: `cancelled`.
    #[derive(Debug)]
    pub struct CallFuture<F, C> {
        #[pin]
        response: F,
        open: Option<OpenCall>,
        classify: C,
    }
}

impl<F, C, R, E> Future for CallFuture<F, C>
where
    F: Future<Output = Result<Response<R>, E>>,
    C: Classify<E>,
    R: Body,
{
    type Output = Result<Response<CallBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.response.poll(cx));
        let mut open = this.open.take();
        Poll::Ready(match result {
            Ok(response) => {
                open.iter_mut().for_each(|open| open.answered(response.status()));
                Ok(response.map(|body| CallBody::new(body, open)))
            }
            Err(error) => {
                open.iter_mut().for_each(|open| open.failed(this.classify.classify(&error)));
                Err(error)
            }
        })
    }
}

pin_project! {
    /// The body of a response. Where it ends, the call does. Dropped before that, it ends there, and is no failure.
    #[derive(Debug)]
    pub struct CallBody<R> {
        #[pin]
        body: R,
        open: Option<OpenCall>,
    }
}

impl<R: Body> CallBody<R> {
    fn new(body: R, open: Option<OpenCall>) -> Self {
        // Of a body that has ended, nobody asks for a frame.
        let open = open.filter(|_| !body.is_end_stream());
        Self { body, open }
    }
}

impl<R: Body> Body for CallBody<R> {
    type Data = R::Data;
    type Error = R::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<R::Data>, R::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.body.as_mut().poll_frame(cx));
        match &frame {
            Some(Ok(_)) if !this.body.is_end_stream() => {}
            Some(Err(_)) => {
                this.open.iter_mut().for_each(|open| open.failed(ErrorClass::Body));
                *this.open = None;
            }
            Some(Ok(_)) | None => *this.open = None,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
