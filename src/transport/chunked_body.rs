//! A response body whose last byte is a chunk by itself.
//!
//! `hyper` hands a chunk to `h2` as soon as the peer's flow-control window
//! ([RFC 9113, section 5.2](https://www.rfc-editor.org/rfc/rfc9113#section-5.2)) has room
//! for one byte, and then counts the chunk as sent. A response in one chunk would stay
//! in `h2` for as long as the peer wants, and `response_write_timeout` would not apply.
//! `hyper` keeps the last byte until the window has room for all bytes before it. For
//! example, a peer opens a window of one byte and requests an image of 200 KB. `h2` buffers
//! all but one byte of it, and after `response_write_timeout` the stream is reset. Without
//! the chunk `test_a_response_that_is_not_read_is_reset_and_the_connection_stays_open` fails.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// A response body that is sent in two chunks for each of its frames.
pub(crate) struct ChunkedBody<B> {
    body: B,
    rest: Bytes,
}

impl<B> ChunkedBody<B> {
    pub(crate) fn new(body: B) -> Self {
        let rest = Bytes::new();
        Self { body, rest }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for ChunkedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
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
        let all_but_one = self.rest.len() - usize::from(self.rest.len() > 1);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(all_but_one)))))
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

    use super::*;

    /// A body of one frame.
    struct OneFrame(Option<Bytes>);

    impl Body for OneFrame {
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
        for length in [0, 1, 2, 100, 16 * 1024, 50_000] {
            let sent: Bytes = (0..length).map(|n| n as u8).collect();
            let mut body = ChunkedBody::new(OneFrame(Some(sent.clone())));
            let (mut received, mut last) = (Vec::new(), 0);
            while !body.is_end_stream() {
                let frame = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
                let chunk = frame.expect("more").expect("no error").into_data();
                let chunk = chunk.expect("data");
                last = chunk.len();
                received.extend_from_slice(&chunk);
            }
            assert_eq!(received, sent);
            assert_eq!(last, length.min(1), "of {length}");
        }
    }
}
