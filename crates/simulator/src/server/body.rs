//! Request bodies, read within limits, and response bodies, complete or cut off.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Collected, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use tokio::time::timeout;

use crate::aws_error::AwsError;

const MAX_BODY: usize = 64 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The body of a response.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Reads the body of a request. After the future is dropped, the connection cannot be
/// used further.
pub(super) async fn read(body: Incoming) -> Result<Bytes, AwsError> {
    let Ok(read) = timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY).collect()).await else {
        let message = format!(
            "request body not received within {} s",
            BODY_TIMEOUT.as_secs()
        );
        return Err(AwsError {
            status: 408,
            ..AwsError::new("RequestTimeoutException", message)
        });
    };
    read.map(Collected::to_bytes).map_err(|_| {
        let message = format!("request body incomplete or longer than {MAX_BODY} bytes");
        AwsError {
            status: 413,
            ..AwsError::new("RequestEntityTooLargeException", message)
        }
    })
}

/// Returns a complete body.
pub(super) fn complete(text: String) -> Body {
    Full::from(text)
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// Returns a body that fails after the first half of `text`.
pub(super) fn cut_off(text: String) -> Body {
    let mut bytes = Bytes::from(text);
    let half = bytes.split_to(bytes.len() / 2);
    let frames = stream::unfold(Some(half), |half| async move {
        if let Some(half) = half {
            return Some((Ok(Frame::data(half)), None));
        }
        // Yield, so that the server sends the first half before it gets the error.
        tokio::task::yield_now().await;
        Some((Err(io::Error::other("cut off by a fault")), None))
    });
    StreamBody::new(frames).boxed_unsync()
}
