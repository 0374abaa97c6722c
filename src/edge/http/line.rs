//! A client that opens one connection in its life and not another. A logon holds on its connection alone, and a
//! pool would open a new one behind our back: between the rounds of a logon, or under a request.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tower::{BoxError, Layer, Service};

/// The connection that a request was to go out on has ended. Nothing was sent.
#[derive(Debug, thiserror::Error)]
#[error("the connection has ended")]
pub(super) struct Ended;

/// Lets one connection be opened.
#[derive(Debug, Clone, Default)]
pub(super) struct Once(Arc<AtomicBool>);

impl<S> Layer<S> for Once {
    type Service = Connector<S>;

    fn layer(&self, inner: S) -> Connector<S> {
        Connector { inner, once: self.clone() }
    }
}

/// Opens connections as its inner one does, but only the first.
#[derive(Debug, Clone)]
pub(super) struct Connector<S> {
    inner: S,
    once: Once,
}

impl<S, R> Service<R> for Connector<S>
where
    S: Service<R, Error = BoxError>,
    S::Response: 'static,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, to: R) -> Self::Future {
        match self.once.0.swap(true, Ordering::AcqRel) {
            false => Box::pin(self.inner.call(to)),
            true => Box::pin(async { Err(Ended.into()) }),
        }
    }
}
