//! A request that must have arrived by a certain time.
//!
//! An example: a peer sends the headers of a call and then a byte each second.
//! After 10 s the call is answered `DEADLINE_EXCEEDED`, reason `REQUEST_BODY_TIMEOUT`,
//! and what had arrived of it is forgotten.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};
use tonic::body::Body;
use tonic::{Code, Status};

use super::streams::{Answered, Answering};
use crate::grpc::reason::Reason;
use crate::grpc::status::Explained;

/// A request's body, with an end in time.
pub(crate) struct TimelyBody {
    body: Body,
    until: Pin<Box<Sleep>>,
    limit: Duration,
    answering: Option<Answering>,
}

impl TimelyBody {
    /// `body`, within `limit`; `answering` is told where the peer breaks it off.
    pub(crate) fn within(limit: Duration, body: Body, answering: Option<Answering>) -> Body {
        let until = Box::pin(sleep(limit));
        Body::new(Self {
            body,
            until,
            limit,
            answering,
        })
    }

    fn too_slow(&self) -> Status {
        let limit = self.limit.as_millis();
        let message = format!("the request did not arrive within {limit} ms");
        Explained::new(Code::DeadlineExceeded, Reason::RequestBodyTimeout, message)
            .with("limit_ms", &limit)
            .into_status("", None, Instant::now())
    }
}

impl http_body::Body for TimelyBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            if let (Some(Err(_)), Some(answering)) = (&frame, &self.answering) {
                answering.say(Answered::GivenUp);
            }
            return Poll::Ready(frame);
        }
        match self.until.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Some(Err(self.too_slow()))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
