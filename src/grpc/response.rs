//! The response of a call, which is counted when it ends: a complete one with the status in
//! its headers, a stream with the status in its trailers.
//!
//! For example, a watch has sent two states when AWS denies access. Its headers have no
//! status, and its trailers have `PERMISSION_DENIED`, which is counted.
//!
//! A stream of health or reflection, which lasts for as long as its client wants, ends at the
//! drain with the status OK. Otherwise it would keep its connection open until the end of
//! the grace period. A session's watch ends by itself, with an error.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{PollNext, select_with_strategy, unfold};
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, BodyStream, StreamBody};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::{Code, Status};
use tracing::Span;

use super::metrics::CallGuard;
use super::reason::Reason;
use crate::transport::{ChunkedBody, ResponseBody, ResponseKind};

const STATUS_HEADER: HeaderName = HeaderName::from_static("grpc-status");

/// Returns the response to send. The call of `span` and `guard` ends with it.
pub(super) fn counted(
    response: Response<Body>,
    kind: ResponseKind,
    (span, guard): (Span, CallGuard),
    drain: &CancellationToken,
) -> Response<ResponseBody> {
    let code = code_of(&response);
    if kind == ResponseKind::Complete || code != Code::Ok {
        guard.finish(&span, code, Reason::of(&response));
        return response.map(|body| ResponseBody::new(ChunkedBody::new(body).map_err(Into::into)));
    }
    let (unended, drain) = match kind {
        ResponseKind::Streaming => (Code::Ok, drain.clone()),
        _ => (Code::Cancelled, CancellationToken::new()),
    };
    let mut guard = Some(guard.streaming(unended));
    let count = move |frame: &Frame<Bytes>| {
        let status = frame.trailers_ref().and_then(Status::from_header_map);
        if let Some(status) = status
            && let Some(guard) = guard.take()
        {
            guard.finish(&span, status.code(), Reason::in_details(&status));
        }
    };
    response.map(|body| {
        let ok = HeaderMap::from_iter([(STATUS_HEADER, HeaderValue::from_static("0"))]);
        let end = drain.cancelled_owned().map(|()| Ok(Frame::trailers(ok)));
        // The messages of `body` are sent before the drain ends it.
        let first = |_: &mut ()| PollNext::Left;
        let frames = select_with_strategy(BodyStream::new(body), end.into_stream(), first);
        ResponseBody::new(StreamBody::new(
            frames.inspect_ok(count).map_err(Into::into),
        ))
    })
}

/// Returns the messages of a client until the drain, or until it sends nothing for `limit`.
pub(super) fn until(drain: CancellationToken, limit: Duration, body: Body) -> Body {
    let frames = unfold(BodyStream::new(body), move |mut frames| async move {
        let frame = timeout(limit, frames.next()).await.ok().flatten()?;
        Some((frame, frames))
    });
    Body::new(StreamBody::new(frames.take_until(drain.cancelled_owned())))
}

/// Returns the status in the headers. Only a Trailers-Only response has one.
pub(super) fn code_of(response: &Response<Body>) -> Code {
    // The code that gRPC clients give to a refusal that is plain HTTP.
    if response.status() != StatusCode::OK {
        return Code::Unknown;
    }
    let code = response.headers().get(STATUS_HEADER);
    code.map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()))
}
