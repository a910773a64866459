//! One connection, from its first byte to its end.
//!
//! An example: a peer finishes its handshake, calls now and then, and after 28
//! minutes (its share of the jitter) gets a GOAWAY. Its call under way is answered,
//! its next one comes over another connection, and this one ends.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::server::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{sleep, timeout};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;

use super::connection_metrics::Outcome;
use super::limits::EdgeLimits;
use super::streams::{Calls, House};
use super::tls::Tls;
use crate::auth::Origin;

/// The most that a call's headers may hold, in bytes.
const MAX_HEADER_BYTES: u32 = 16 * 1024;
/// What one call may send before it is read: its largest request, nearly.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
/// What all calls of a connection may send before it is read.
const CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;
/// What is kept of one answer that the peer does not take.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Streams that are reset before we have seen them. `h2` ends the connection then.
const MAX_UNSEEN_RESETS: usize = 20;
/// Streams that we reset because of the peer's mistakes, as `h2` counts them.
const MAX_MISTAKEN_STREAMS: usize = 100;
/// How long a peer that never called may take to read its GOAWAY.
const LINGER: Duration = Duration::from_secs(1);

/// Whom a connection leads to: among the extensions of each of its requests.
#[derive(Clone, Debug, Default)]
pub struct Peer {
    /// Where it is.
    pub origin: Origin,
    /// The certificates that it proved to hold, its own first; empty without mTLS.
    pub certificates: Arc<[CertificateDer<'static>]>,
}

/// Serves the connection `io` until it ends, however it ends. On `closing` it
/// finishes the calls under way, for as long as the peer makes them last: dropped,
/// it ends at once.
pub(crate) async fn serve<S, IO>(
    io: IO,
    peer: Peer,
    tls: Option<&Tls>,
    house: House<S>,
    closing: CancellationToken,
) -> Outcome
where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Some(tls) = tls else {
        return talk(io, peer, house, closing).await;
    };
    let handshake = timeout(house.limits.handshake_timeout, tls.accept(io));
    let handshake = tokio::select! {
        handshake = handshake => handshake,
        () = closing.cancelled() => return Outcome::Drained,
    };
    match handshake {
        Ok(Ok((io, certificates))) => {
            let peer = Peer {
                certificates,
                ..peer
            };
            talk(io, peer, house, closing).await
        }
        Ok(Err(problem)) => {
            tracing::debug!(peer = ?peer.origin, %problem, "handshake failed");
            Outcome::HandshakeFailed
        }
        Err(_) => Outcome::HandshakeTimeout,
    }
}

/// HTTP/2, after the handshake.
async fn talk<S, IO>(io: IO, peer: Peer, house: House<S>, closing: CancellationToken) -> Outcome
where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = house.limits;
    let calls = Calls::new(house, peer);
    let (begun, flooded) = (calls.begun(), calls.flooded());
    let connection = builder(&limits, calls.clone()).serve_connection(TokioIo::new(io), calls);
    let mut connection = pin!(connection);
    let silent = async {
        if timeout(limits.first_request_timeout, begun.cancelled())
            .await
            .is_ok()
        {
            std::future::pending::<()>().await;
        }
    };
    let leaving = tokio::select! {
        ended = connection.as_mut() => return ended.into(),
        () = flooded.cancelled() => return Outcome::Flooded,
        () = silent => Outcome::NoRequest,
        () = sleep(jittered(limits.max_connection_age)) => Outcome::MaxAge,
        () = closing.cancelled() => Outcome::Drained,
    };
    connection.as_mut().graceful_shutdown();
    let grace = async {
        match leaving {
            _ if !begun.is_cancelled() => sleep(LINGER).await,
            Outcome::MaxAge => sleep(limits.max_connection_age_grace).await,
            _ => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = connection => leaving,
        () = flooded.cancelled() => Outcome::Flooded,
        () = grace => leaving,
    }
}

fn builder<S>(limits: &EdgeLimits, calls: Calls<S>) -> http2::Builder<Calls<S>> {
    let mut builder = http2::Builder::new(calls);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.max_concurrent_streams.get())
        .max_header_list_size(MAX_HEADER_BYTES)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .max_pending_accept_reset_streams(MAX_UNSEEN_RESETS)
        .max_local_error_reset_streams(MAX_MISTAKEN_STREAMS)
        .keep_alive_interval(limits.keepalive_interval)
        .keep_alive_timeout(limits.keepalive_timeout);
    builder
}

/// Within 10 % of `age`, so that replicas that started together do not lose their
/// clients together.
fn jittered(age: Duration) -> Duration {
    age.mul_f64(0.9 + 0.2 * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_differ_by_at_most_a_tenth() {
        let ages: Vec<_> = (0..1000)
            .map(|_| jittered(Duration::from_secs(100)).as_secs_f64())
            .collect();
        assert!(ages.iter().all(|age| (90.0..=110.0).contains(age)));
        assert!(ages.iter().any(|age| *age < 95.0) && ages.iter().any(|age| *age > 105.0));
    }
}
