//! The accept loop: one permit and one task for each connection, and graceful shutdown.
//!
//! For example, on SIGTERM the loop stops accepting, every open connection receives
//! GOAWAY, and the loop returns when the last connection has finished its requests.
//! Connections that are still open 20 s later are aborted. The loop returns once their
//! handlers are dropped, so that everything that handlers record on drop is recorded.

use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use super::connection;
use super::connection_limiter::ConnectionLimiter;
use super::connection_metrics::{CloseReason, ConnectionMetrics};
use super::service::RequestService;
use super::streams::ServerState;
use super::{Connection, Peer, Tls, TransportLimits, TransportMetrics};
use crate::model::PeerAddress;

/// The wait after a failure to accept, for example because of too many open files.
const RETRY_DELAY: Duration = Duration::from_millis(50);

/// The two steps of a graceful shutdown. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct DrainSignals {
    /// Stops accepting connections and finishes the requests in progress.
    pub drain: CancellationToken,
    /// Stops accepting connections and aborts the open ones.
    pub abort: CancellationToken,
}

/// Accepts connections and serves each in a task.
pub(crate) struct AcceptLoop<S> {
    server: ServerState<S>,
    connections: ConnectionLimiter,
    tls: Option<Arc<Tls>>,
    metrics: ConnectionMetrics,
}

impl<S: RequestService> AcceptLoop<S> {
    /// Serves `service`, in plain text without `tls`.
    pub(crate) fn new(
        service: S,
        limits: TransportLimits,
        tls: Option<Arc<Tls>>,
        metrics: &TransportMetrics,
    ) -> Self {
        Self {
            server: ServerState {
                service,
                limits,
                streams: TaskTracker::new(),
            },
            connections: ConnectionLimiter::new(&limits),
            tls,
            metrics: metrics.connections.clone(),
        }
    }

    /// Serves `incoming` until one of `signals` or the end of `incoming`, and returns
    /// when all requests have finished or were aborted. Dropped, it aborts every
    /// connection and waits for none.
    pub(crate) async fn run<IO: Connection>(
        self,
        incoming: impl Stream<Item = io::Result<IO>>,
        signals: DrainSignals,
    ) -> io::Result<()> {
        let drain = signals.drain.child_token();
        let mut open = JoinSet::new();
        let result = tokio::select! {
            result = self.accept_all(incoming, &mut open, &drain) => result,
            () = signals.drain.cancelled() => Ok(()),
            () = signals.abort.cancelled() => Ok(()),
        };
        drain.cancel();
        let all_closed = async { while open.join_next().await.is_some() {} };
        tokio::select! {
            () = all_closed => {}
            () = signals.abort.cancelled() => open.shutdown().await,
        }
        // A stream's task outlives its connection until the task is polled again.
        self.server.streams.close();
        self.server.streams.wait().await;
        result
    }

    async fn accept_all<IO: Connection>(
        &self,
        incoming: impl Stream<Item = io::Result<IO>>,
        open: &mut JoinSet<()>,
        drain: &CancellationToken,
    ) -> io::Result<()> {
        let mut incoming = pin!(incoming.fuse());
        loop {
            tokio::select! {
                Some(accepted) = incoming.next() => match accepted {
                    Ok(io) => self.spawn(io, open, drain),
                    Err(error) if is_permanent(&error) => return Err(error),
                    Err(error) => {
                        warn!(%error, "cannot accept connection, retrying");
                        sleep(RETRY_DELAY).await;
                    }
                },
                Some(_) = open.join_next() => {}
                else => return Ok(()),
            }
        }
    }

    fn spawn<IO: Connection>(&self, io: IO, open: &mut JoinSet<()>, drain: &CancellationToken) {
        let address = io.peer_address();
        let peer = Peer {
            address,
            ..Peer::default()
        };
        let authentication = peer.authentication.clone();
        let permit = match self.connections.try_acquire(ip(address), authentication) {
            Ok(permit) => permit,
            Err(refused) => return self.metrics.count(refused),
        };
        let mut guard = self.metrics.opened();
        let (server, tls, drain) = (self.server.clone(), self.tls.clone(), drain.clone());
        open.spawn(async move {
            *guard = tokio::select! {
                reason = connection::serve(io, peer, tls.as_deref(), server, drain) => reason,
                () = permit.evicted() => CloseReason::Evicted,
            };
            drop((guard, permit));
        });
    }
}

fn ip(address: PeerAddress) -> Option<IpAddr> {
    match address {
        PeerAddress::Socket(address) => Some(address.ip()),
        PeerAddress::Unknown | PeerAddress::InProcess => None,
    }
}

/// Whether the listener itself is broken. accept(2) lists a dozen other errors, each of
/// one connection or temporary.
fn is_permanent(error: &io::Error) -> bool {
    const EBADF: i32 = 9;
    const ENOTSOCK: i32 = 88;
    error.kind() == io::ErrorKind::InvalidInput
        || matches!(error.raw_os_error(), Some(EBADF | ENOTSOCK))
}

#[cfg(test)]
mod tests;
