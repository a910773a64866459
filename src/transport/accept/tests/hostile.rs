//! Peers that do not read their responses, or reset their streams: each holds a bounded
//! number of bytes, for a bounded time.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::AtomicUsize;
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use http_body::{Body, Frame};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::super::super::ResponseKind;
use super::*;

const CHUNK: &[u8] = &[0; 16 * 1024];
const SECOND: Duration = Duration::from_secs(1);
/// The type and the flags of frames.
const HEADERS: [u8; 2] = [1, 4];
const WHOLE_REQUEST: [u8; 2] = [1, 5];
const RST_STREAM: [u8; 2] = [3, 0];
const SETTINGS: [u8; 2] = [4, 0];
const PRIORITY: [u8; 2] = [2, 0];
const PING: [u8; 2] = [6, 0];
const WINDOW_UPDATE: [u8; 2] = [8, 0];
/// POST, http, the path "/" and the authority "a".
const HEADER_BLOCK: [u8; 6] = [0x83, 0x86, 0x84, 0x41, 1, b'a'];
const CANCEL: [u8; 4] = [0, 0, 0, 8];

/// A response without an end, which counts the bytes that are taken from it.
struct Endless(Arc<AtomicUsize>);

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.fetch_add(CHUNK.len(), Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(CHUNK)))))
    }
}

/// A connection whose peer writes frames.
struct RawPeer {
    pipe: DuplexStream,
    permits: Arc<Semaphore>,
    taken: Arc<AtomicUsize>,
    signals: DrainSignals,
}

impl RawPeer {
    /// Opens a connection with flow-control windows of `window` bytes. Its responses are of
    /// `kind`, and abandoned requests get none.
    async fn open(permits: usize, window: u32, kind: ResponseKind) -> Self {
        let taken = Arc::new(AtomicUsize::new(0));
        let counted = taken.clone();
        let semaphore = Arc::new(Semaphore::new(permits));
        let held = semaphore.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            hold_one(&held, &request);
            let state = request.extensions().get::<ResponseState>();
            state.expect("every request has one").report(kind);
            let body = Endless(counted.clone()).map_err(|never| match never {});
            async move {
                if kind == ResponseKind::Abandoned {
                    std::future::pending::<()>().await;
                }
                Ok(http::Response::new(ResponseBody::new(body)))
            }
        });
        let (mut pipe, server) = duplex(1024);
        let incoming = futures_util::stream::iter([Ok(server)]);
        let accept_loop = accept_loop(service);
        let signals = DrainSignals::default();
        tokio::spawn(accept_loop.run(incoming, signals.clone()));
        let mut opening = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        let initial_window = [&[0, 4], &window.to_be_bytes()[..]].concat();
        opening.extend(frame(SETTINGS, 0, &initial_window));
        opening.extend(frame(WINDOW_UPDATE, 0, &window.to_be_bytes()));
        pipe.write_all(&opening).await.unwrap();
        Self {
            pipe,
            permits: semaphore,
            taken,
            signals,
        }
    }

    /// Sends one frame on each of `number` streams from `first` on.
    async fn send(&mut self, first: u32, number: usize, kind: [u8; 2], payload: &[u8]) {
        for stream in (first..).step_by(2).take(number) {
            let _ = self.pipe.write_all(&frame(kind, stream, payload)).await;
        }
    }
}

fn frame(kind: [u8; 2], stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("a short frame");
    let stream = stream.to_be_bytes();
    [&[0, 0, length], &kind[..], &stream, payload].concat()
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_not_read_holds_its_permit_until_it_is_reset() {
    let kinds = [
        (ResponseKind::Complete, Some(10 * SECOND)),
        (ResponseKind::Limited(5 * SECOND), Some(15 * SECOND)),
        (ResponseKind::Streaming, None),
    ];
    for (kind, ends_after) in kinds {
        let mut peer = RawPeer::open(1, 1000, kind).await;
        peer.send(1, 1, WHOLE_REQUEST, &HEADER_BLOCK).await;
        sleep(ends_after.unwrap_or(20 * SECOND) - SECOND).await;
        assert_eq!(peer.permits.available_permits(), 0, "{kind:?}");
        sleep(2 * SECOND).await;
        let ended = usize::from(ends_after.is_some());
        assert_eq!(peer.permits.available_permits(), ended, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_bytes_that_wait_for_a_peer_are_bounded() {
    let streams = 10;
    let mut peer = RawPeer::open(streams, 1 << 30, ResponseKind::Streaming).await;
    peer.send(1, streams, WHOLE_REQUEST, &HEADER_BLOCK).await;
    sleep(SECOND).await;
    let each = peer.taken.load(Ordering::Relaxed) / streams;
    assert!((CHUNK.len()..=96 * 1024).contains(&each), "{each}");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_resets_more_streams_than_its_budget_is_disconnected() {
    for (resets, is_open) in [(2000, true), (2100, false)] {
        let mut peer = RawPeer::open(1, 1000, ResponseKind::Abandoned).await;
        for batch in 0..resets / 100 {
            peer.send(1 + 200 * batch, 100, HEADERS, &HEADER_BLOCK)
                .await;
            sleep(Duration::from_millis(1)).await;
            peer.send(1 + 200 * batch, 100, RST_STREAM, &CANCEL).await;
            sleep(Duration::from_millis(1)).await;
        }
        let end = timeout(SECOND, peer.pipe.read_to_end(&mut Vec::new())).await;
        assert_eq!(end.is_err(), is_open, "{resets} resets");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_sends_more_frames_than_its_budget_is_disconnected() {
    let ping = (PING, 0, &[0; 8][..]);
    let priority = (PRIORITY, 1, &[0; 5][..]);
    let one_byte = (WINDOW_UPDATE, 0, &[0, 0, 0, 1][..]);
    for (kind, stream, payload) in [ping, priority, one_byte] {
        for (frames, is_open) in [(2900, true), (3100, false)] {
            let mut peer = RawPeer::open(1, 1000, ResponseKind::Complete).await;
            for _ in 0..frames {
                peer.send(stream, 1, kind, payload).await;
                // The acknowledgements of PING would fill the pipe.
                let _ = peer.pipe.read(&mut [0; 1024]).now_or_never();
            }
            let end = timeout(SECOND, peer.pipe.read_to_end(&mut Vec::new())).await;
            assert_eq!(end.is_err(), is_open, "{frames} frames of type {}", kind[0]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_without_a_request_is_disconnected_soon_after_its_goaway() {
    for requests in [0, 1] {
        let mut peer = RawPeer::open(1, 1000, ResponseKind::Complete).await;
        sleep(SECOND).await;
        peer.signals.drain.cancel();
        sleep(SECOND * 9 / 10).await;
        peer.send(1, requests, WHOLE_REQUEST, &HEADER_BLOCK).await;
        sleep(SECOND * 2 / 10).await;
        let ping = frame(PING, 0, &[0; 8]);
        let is_closed = peer.pipe.write_all(&ping).await.is_err();
        assert_eq!(is_closed, requests == 0, "{requests} requests");
    }
}
