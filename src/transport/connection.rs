//! One connection, from its first byte to its close.
//!
//! For example, a peer finishes its TLS handshake, sends requests now and then, and
//! after 28 minutes (the maximum age with its jitter) receives GOAWAY. The request in
//! progress is answered, the next one uses another connection, and this one closes.

use std::pin::pin;
use std::time::Duration;

use hyper::server::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::connection_metrics::CloseReason;
use super::frame_budget;
use super::service::RequestService;
use super::streams::{ConnectionStreams, ServerState};
use super::{Peer, Tls, TransportLimits};

/// The largest headers of a request, in bytes.
const MAX_HEADER_BYTES: u32 = 16 * 1024;
/// The flow-control window of a stream, which holds the largest request.
const STREAM_WINDOW_BYTES: u32 = 16 * 1024;
/// The flow-control window of a connection. `h2` 0.4.20 also takes half of it as the budget
/// for small DATA frames that are not read yet, and closes the connection beyond it. 1000
/// concurrent calls need about 250 KB, because many clients end a request with a frame of
/// its own.
const CONNECTION_WINDOW_BYTES: u32 = 512 * 1024;
/// The send buffer of a stream whose peer does not read. Without it
/// `the_bytes_that_wait_for_a_peer_are_bounded` fails.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// How long a peer that never sent a request may take to read its GOAWAY, or to send its
/// first one. Without it `a_peer_without_a_request_is_disconnected_soon_after_its_goaway`
/// fails.
const LINGER: Duration = Duration::from_secs(1);

/// Serves the connection `io` until it closes, and returns the reason. On `drain` it
/// finishes the requests in progress, without a time limit. Dropped, it closes at once.
pub(super) async fn serve<S, IO>(
    io: IO,
    peer: Peer,
    tls: Option<&Tls>,
    server: ServerState<S>,
    drain: CancellationToken,
) -> CloseReason
where
    S: RequestService,
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Some(tls) = tls else {
        return serve_http2(io, peer, server, drain).await;
    };
    let handshake = timeout(server.limits.handshake_timeout, tls.accept(io));
    let handshake = tokio::select! {
        handshake = handshake => handshake,
        () = drain.cancelled() => return CloseReason::Drained,
    };
    match handshake {
        Ok(Ok((io, certificates))) => {
            let peer = Peer {
                certificates,
                ..peer
            };
            serve_http2(io, peer, server, drain).await
        }
        Ok(Err(error)) => {
            debug!(peer = ?peer.address, %error, "TLS handshake failed");
            CloseReason::HandshakeFailed
        }
        Err(_) => CloseReason::HandshakeTimeout,
    }
}

/// Serves HTTP/2, after the TLS handshake.
async fn serve_http2<S, IO>(
    io: IO,
    peer: Peer,
    server: ServerState<S>,
    drain: CancellationToken,
) -> CloseReason
where
    S: RequestService,
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = server.limits;
    let streams = ConnectionStreams::new(server, peer);
    let (first_request, flooded) = (streams.first_request(), streams.flooded());
    let idle = streams.idle(limits.max_connection_idle);
    let io = TokioIo::new(frame_budget::limited(io, &limits, flooded.clone()));
    let connection = builder(&limits, streams.clone()).serve_connection(io, streams);
    let mut connection = pin!(connection);
    let reason = tokio::select! {
        result = connection.as_mut() => return result.into(),
        () = flooded.cancelled() => return CloseReason::Flooded,
        () = no_request(&first_request, limits.first_request_timeout) => CloseReason::NoRequest,
        () = idle => CloseReason::Idle,
        () = sleep(jittered(limits.max_connection_age)) => CloseReason::MaxAge,
        () = drain.cancelled() => CloseReason::Drained,
    };
    connection.as_mut().graceful_shutdown();
    let grace = async {
        if !first_request.is_cancelled() {
            sleep(LINGER).await;
        }
        match reason {
            _ if !first_request.is_cancelled() => {}
            CloseReason::MaxAge | CloseReason::Idle => sleep(limits.max_connection_age_grace).await,
            _ => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = connection => reason,
        () = flooded.cancelled() => CloseReason::Flooded,
        () = grace => reason,
    }
}

/// Returns after `limit`, unless the first request arrives before.
async fn no_request(first_request: &CancellationToken, limit: Duration) {
    if timeout(limit, first_request.cancelled()).await.is_ok() {
        std::future::pending::<()>().await;
    }
}

fn builder<S>(
    limits: &TransportLimits,
    streams: ConnectionStreams<S>,
) -> http2::Builder<ConnectionStreams<S>> {
    let mut builder = http2::Builder::new(streams);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.max_concurrent_streams.get())
        .max_header_list_size(MAX_HEADER_BYTES)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        // `h2` closes the connection when the peer resets more streams before they are
        // accepted. A peer may cancel all of its streams at once, and open as many again. With
        // its default of 20 `test_a_burst_of_cancelled_calls_ends_no_other_call` fails.
        .max_pending_accept_reset_streams(2 * limits.max_concurrent_streams.get() as usize)
        .keep_alive_interval(limits.keepalive_interval)
        .keep_alive_timeout(limits.keepalive_timeout);
    builder
}

/// Returns `age` with 10 % of jitter, so that replicas that started together do not lose
/// their clients together.
fn jittered(age: Duration) -> Duration {
    age.mul_f64(0.9 + 0.2 * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_is_at_most_a_tenth() {
        let ages: Vec<_> = (0..1000)
            .map(|_| jittered(Duration::from_secs(100)).as_secs_f64())
            .collect();
        assert!(ages.iter().all(|age| (90.0..=110.0).contains(age)));
        assert!(ages.iter().any(|age| *age < 95.0) && ages.iter().any(|age| *age > 105.0));
    }
}
