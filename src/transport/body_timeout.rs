//! A request body that must arrive within a time limit.
//!
//! For example, a peer sends the headers of a request and then one byte each second.
//! After 10 s reading its body fails with [`RequestBodyError::Timeout`], and the bytes
//! that had arrived are dropped. Without the limit
//! `test_a_slow_body_fails_in_time_and_its_connection_stays_open` fails.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::response_state::{ResponseKind, ResponseState};

/// A request body with a time limit.
pub(crate) struct BodyTimeout<B> {
    body: B,
    timer: Pin<Box<Sleep>>,
    limit: Duration,
    response: Option<ResponseState>,
}

/// Why a request body ends early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestBodyError<E> {
    /// The peer sends it too slowly.
    #[error("the request body did not arrive within {} ms", limit.as_millis())]
    Timeout {
        /// The time that it had.
        limit: Duration,
    },
    /// It cannot be read.
    #[error(transparent)]
    Read(E),
}

impl<B> BodyTimeout<B> {
    /// Limits `body` to `limit` from now on. Where the peer aborts the body, `response`
    /// receives [`ResponseKind::Abandoned`].
    pub(crate) fn new(limit: Duration, body: B, response: Option<ResponseState>) -> Self {
        let timer = Box::pin(sleep(limit));
        Self {
            body,
            timer,
            limit,
            response,
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for BodyTimeout<B> {
    type Data = Bytes;
    type Error = RequestBodyError<B::Error>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            if let (Some(Err(_)), Some(response)) = (&frame, &self.response) {
                response.report(ResponseKind::Abandoned);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(RequestBodyError::Read)));
        }
        let limit = self.limit;
        let timeout = |()| Some(Err(RequestBodyError::Timeout { limit }));
        self.timer.as_mut().poll(cx).map(timeout)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
