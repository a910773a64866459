//! The budget of frames that begin no request: the protection against floods of PING,
//! SETTINGS and similar frames ([CVE-2019-9512](https://nvd.nist.gov/vuln/detail/CVE-2019-9512),
//! [CVE-2019-9515](https://nvd.nist.gov/vuln/detail/CVE-2019-9515)).
//!
//! Such a frame costs the peer 9 bytes or a few more, and the server several microseconds, and
//! `h2` limits only some kinds. The budget is a
//! [token bucket](https://en.wikipedia.org/wiki/Token_bucket) from which each frame takes a
//! token. Honest frames belong to requests and responses, so HEADERS take no token but bring
//! some, for the DATA, RST_STREAM and WINDOW_UPDATE of their request, and each KiB that the
//! server sends brings one, for the WINDOW_UPDATE that opens the window again.
//!
//! For example, with 1000 streams a peer may send 3000 PING at once and 100 each second. A
//! peer that sends 2 MB of them per second is disconnected after 30 ms. A result with 4 MB of
//! images brings 4000 tokens, and its reader sends about 500 WINDOW_UPDATE.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_util::io::{InspectReader, InspectWriter};
use tokio_util::sync::CancellationToken;

use super::TransportLimits;
use crate::model::TokenBucket;

const TOKENS_PER_SECOND: f64 = 100.0;
const TOKENS_PER_REQUEST: f64 = 20.0;
const SENT_BYTES_PER_TOKEN: f64 = 1024.0;
/// The tokens at once, beside those for DATA and RST_STREAM on all streams.
const MIN_CAPACITY: f64 = 1000.0;

/// The length of the client's [preface](https://www.rfc-editor.org/rfc/rfc9113#section-3.4).
const PREFACE_BYTES: usize = 24;
/// A [frame header](https://www.rfc-editor.org/rfc/rfc9113#section-4.1): the length of the
/// payload and the type, then flags and the stream.
const START_BYTES: usize = 4;
const FLAGS_AND_STREAM_BYTES: usize = 5;
const HEADERS: u8 = 1;

/// Returns `io` with a budget of frames. Beyond it, `flooded` is cancelled.
pub(super) fn limited<IO: AsyncRead + AsyncWrite + Unpin>(
    io: IO,
    limits: &TransportLimits,
    flooded: CancellationToken,
) -> impl AsyncRead + AsyncWrite + Unpin + use<IO> {
    let budget = Arc::new(Mutex::new(FrameBudget::new(limits, Instant::now())));
    let sender = budget.clone();
    let io = InspectReader::new(io, move |bytes: &[u8]| {
        if !budget.lock().receive(bytes, Instant::now()) {
            flooded.cancel();
        }
    });
    InspectWriter::new(io, move |bytes: &[u8]| sender.lock().send(bytes.len()))
}

struct FrameBudget {
    tokens: TokenBucket,
    frames: FrameCounter,
    /// The bytes that were sent since the last frames were received.
    sent: usize,
}

/// Counts the frames of one direction, which arrive in pieces of any length.
struct FrameCounter {
    /// The bytes up to the next frame header.
    skip: usize,
    start: [u8; START_BYTES],
    /// How many bytes of `start` have arrived.
    arrived: usize,
}

#[derive(Debug, Default, PartialEq)]
struct FrameCounts {
    headers: u32,
    others: u32,
}

impl FrameBudget {
    fn new(limits: &TransportLimits, now: Instant) -> Self {
        let streams = f64::from(limits.max_concurrent_streams.get());
        let capacity = MIN_CAPACITY + 2.0 * streams;
        Self {
            tokens: TokenBucket::full(TOKENS_PER_SECOND, capacity, now),
            frames: FrameCounter::new(),
            sent: 0,
        }
    }

    /// Takes the tokens for the frames in `bytes`. Returns whether there were enough.
    fn receive(&mut self, bytes: &[u8], now: Instant) -> bool {
        let FrameCounts { headers, others } = self.frames.count(bytes);
        let sent = std::mem::take(&mut self.sent) as f64;
        let gained = TOKENS_PER_REQUEST * f64::from(headers) + sent / SENT_BYTES_PER_TOKEN;
        self.tokens.add(gained, now);
        self.tokens.add(-f64::from(others), now);
        self.tokens.level(now) >= 0.0
    }

    fn send(&mut self, bytes: usize) {
        self.sent += bytes;
    }
}

impl FrameCounter {
    fn new() -> Self {
        Self {
            skip: PREFACE_BYTES,
            start: [0; START_BYTES],
            arrived: 0,
        }
    }

    /// Returns the frames whose headers end in `bytes`.
    fn count(&mut self, mut bytes: &[u8]) -> FrameCounts {
        let mut counts = FrameCounts::default();
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let Some((first, rest)) = bytes.split_first() else {
                return counts;
            };
            self.start[self.arrived] = *first;
            bytes = rest;
            self.arrived = (self.arrived + 1) % START_BYTES;
            if self.arrived == 0 {
                let [a, b, c, kind] = self.start;
                let length = u32::from_be_bytes([0, a, b, c]) as usize;
                self.skip = FLAGS_AND_STREAM_BYTES + length;
                match kind {
                    HEADERS => counts.headers += 1,
                    _ => counts.others += 1,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const PING: u8 = 6;

    fn frame(kind: u8, length: u8) -> Vec<u8> {
        let header = [0, 0, length, kind, 0, 0, 0, 0, 0];
        [&header[..], &vec![HEADERS; length.into()]].concat()
    }

    fn budget(now: Instant) -> FrameBudget {
        let mut budget = FrameBudget::new(&TransportLimits::default(), now);
        assert!(budget.receive(&[0; PREFACE_BYTES], now));
        budget
    }

    #[test]
    fn a_peer_may_send_some_thousand_frames_at_once_and_100_each_second() {
        let now = Instant::now();
        let mut budget = budget(now);
        assert!(budget.receive(&frame(PING, 8).repeat(3000), now));
        let later = now + Duration::from_secs(10);
        assert!(budget.receive(&frame(PING, 8).repeat(1000), later));
        assert!(!budget.receive(&frame(PING, 8), later));
    }

    #[test]
    fn the_frames_of_requests_are_paid_by_their_headers() {
        let now = Instant::now();
        let mut budget = budget(now);
        let request = [frame(HEADERS, 40), frame(0, 30).repeat(20)].concat();
        for _ in 0..10_000 {
            assert!(budget.receive(&request, now));
        }
        // Cancelling all requests at once, twice.
        let open = frame(HEADERS, 40).repeat(1000);
        let reset = frame(3, 4).repeat(1000);
        assert!(budget.receive(&[open, reset].concat().repeat(2), now));
    }

    #[test]
    fn the_window_updates_of_a_response_are_paid_by_its_bytes() {
        let now = Instant::now();
        let mut budget = budget(now);
        for _ in 0..1000 {
            // A response of 4 MiB, whose reader updates two windows for each 16 KiB.
            budget.send(4 << 20);
            assert!(budget.receive(&frame(8, 4).repeat(512), now));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_counts_the_frames_that_it_receives_and_the_bytes_that_it_sends() {
        let (mut peer, server) = duplex(1 << 20);
        let flooded = CancellationToken::new();
        let mut io = limited(server, &TransportLimits::default(), flooded.clone());
        let mut exchange = async |sent: usize, pings: Vec<u8>| {
            io.write_all(&vec![0; sent]).await.unwrap();
            peer.write_all(&pings).await.unwrap();
            io.read_exact(&mut vec![0; pings.len()]).await.unwrap();
            flooded.is_cancelled()
        };
        let pings = |number| frame(PING, 8).repeat(number);
        assert!(!exchange(0, vec![0; PREFACE_BYTES]).await);
        assert!(!exchange(0, pings(3000)).await);
        assert!(!exchange(100 << 10, pings(100)).await);
        assert!(exchange(0, pings(1)).await);
    }

    proptest! {
        #[test]
        fn frames_are_counted_in_pieces_of_any_length(
            frames in prop::collection::vec((0..12_u8, 0..40_u8), 0..30),
            piece in 1..50_usize,
        ) {
            let mut bytes = vec![HEADERS; PREFACE_BYTES];
            bytes.extend(frames.iter().flat_map(|(kind, length)| frame(*kind, *length)));
            let mut counter = FrameCounter::new();
            let mut counts = FrameCounts::default();
            for piece in bytes.chunks(piece) {
                let more = counter.count(piece);
                counts.headers += more.headers;
                counts.others += more.others;
            }
            let headers = frames.iter().filter(|(kind, _)| *kind == HEADERS).count();
            let others = frames.len() - headers;
            let expected = [headers, others].map(|count| u32::try_from(count).expect("few frames"));
            prop_assert_eq!([counts.headers, counts.others], expected);
        }
    }
}
