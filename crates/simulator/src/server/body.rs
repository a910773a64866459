//! Bodies: read within limits, written whole or cut off.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Collected, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use tokio::time::timeout;

use crate::refusal::Refusal;

const MAX_BODY: usize = 64 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The body of a response.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Reads a request's body whole. Dropped half way, the connection is of no
/// more use.
pub(super) async fn read(body: Incoming) -> Result<Bytes, Refusal> {
    let Ok(read) = timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY).collect()).await else {
        let message = format!("the body was not here within {} s", BODY_TIMEOUT.as_secs());
        return Err(Refusal {
            status: 408,
            ..Refusal::new("RequestTimeoutException", message)
        });
    };
    read.map(Collected::to_bytes).map_err(|_| {
        let message = format!("the body is broken off, or longer than {MAX_BODY} bytes");
        Refusal {
            status: 413,
            ..Refusal::new("RequestEntityTooLargeException", message)
        }
    })
}

pub(super) fn whole(text: String) -> Body {
    Full::from(text)
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A body that ends in an error after half of `whole`.
pub(super) fn cut_off(whole: String) -> Body {
    let mut whole = Bytes::from(whole);
    let half = whole.split_to(whole.len() / 2);
    let frames = stream::unfold(Some(half), |half| async move {
        if let Some(half) = half {
            return Some((Ok(Frame::data(half)), None));
        }
        // Lets the server send what it has before it hears of the end.
        tokio::task::yield_now().await;
        Some((Err(io::Error::other("cut off on purpose")), None))
    });
    StreamBody::new(frames).boxed_unsync()
}
