//! An answer in pieces, the last of which is one byte.
//!
//! `hyper` hands a piece to `h2` as soon as the peer's window has room for a byte,
//! and then counts it as sent: an answer in one piece would lie in `h2` for as long
//! as the peer wants, out of sight of `response_write_timeout`. The last byte, by itself,
//! stays with us until there is room for all before it. An example: a peer opens a
//! window of one byte and asks for an image of 200 KB. 16 KiB of it wait in `h2`,
//! and after `response_write_timeout` the stream is reset.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

/// The largest piece: a frame of HTTP/2 by default.
const PIECE_BYTES: usize = 16 * 1024;

/// An answer's body, in pieces.
pub(crate) struct Pieces {
    body: Body,
    rest: Bytes,
}

impl Pieces {
    pub(crate) fn of(body: Body) -> Body {
        let rest = Bytes::new();
        Body::new(Self { body, rest })
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.rest.is_empty() {
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                end => return Poll::Ready(end),
            };
            match frame.into_data() {
                Ok(data) => self.rest = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let all_but_one = self.rest.len().saturating_sub(1);
        let length = all_but_one.clamp(1.min(self.rest.len()), PIECE_BYTES);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, body) = (self.rest.len() as u64, self.body.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(rest + body.lower());
        if let Some(upper) = body.upper() {
            hint.set_upper(rest + upper);
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::poll_fn;

    use http_body::Body as _;

    use super::*;

    /// A body of one frame.
    struct One(Option<Bytes>);

    impl http_body::Body for One {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.take().map(|data| Ok(Frame::data(data))))
        }

        fn is_end_stream(&self) -> bool {
            self.0.is_none()
        }
    }

    #[tokio::test]
    async fn every_byte_arrives_in_order_and_the_last_by_itself() {
        for length in [0, 1, 2, 100, PIECE_BYTES, PIECE_BYTES + 1, 50_000] {
            let sent: Bytes = (0..length).map(|n| n as u8).collect();
            let mut body = Pieces::of(Body::new(One(Some(sent.clone()))));
            let (mut got, mut last) = (Vec::new(), 0);
            while !body.is_end_stream() {
                let frame = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
                let piece = frame.expect("more").expect("no failure").into_data();
                let piece = piece.expect("data");
                assert!(piece.len() <= PIECE_BYTES);
                last = piece.len();
                got.extend_from_slice(&piece);
            }
            assert_eq!(got, sent);
            assert_eq!(last, length.min(1), "of {length}");
        }
    }
}
