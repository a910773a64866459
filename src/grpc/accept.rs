//! The accept loop: a seat and a task for each connection, and an end for all.
//!
//! An example: on SIGTERM no connection is accepted any more, each that is open
//! gets a GOAWAY, and the loop returns when the last has finished its calls. Where
//! it is dropped before that, those that are left are aborted.

use std::any::Any;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use http::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::transport::server::{Connected, TcpConnectInfo};
use tracing::warn;

use super::connection::{self, Peer};
use super::connection_metrics::ConnectionMetrics;
use super::seats::Seats;
use super::streams::House;
use super::tls::Tls;

/// How long to wait after a failure to accept, such as too many open files.
const AFTER_FAILURE: Duration = Duration::from_millis(50);

/// The connections of `listener`, each set to send small answers at once.
pub fn connections(listener: TcpListener) -> impl Stream<Item = io::Result<TcpStream>> {
    TcpListenerStream::new(listener).map(|accepted| {
        let stream = accepted?;
        // Where that cannot be set they leave later.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    })
}

/// The door of the gRPC port.
pub(super) struct Door<S> {
    pub(super) house: House<S>,
    pub(super) seats: Seats,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) metrics: ConnectionMetrics,
}

impl<S> Door<S>
where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    /// Serves `incoming` until `stop`, or until there is nothing left of it, and
    /// then until the calls under way are done.
    pub(super) async fn keep<IO>(
        self,
        incoming: impl Stream<Item = io::Result<IO>>,
        stop: impl Future<Output = ()>,
    ) -> io::Result<()>
    where
        IO: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
    {
        let closing = CancellationToken::new();
        let mut open = JoinSet::new();
        let ended = tokio::select! {
            ended = self.admit_all(incoming, &mut open, &closing) => ended,
            () = stop => Ok(()),
        };
        closing.cancel();
        while open.join_next().await.is_some() {}
        ended
    }

    async fn admit_all<IO>(
        &self,
        incoming: impl Stream<Item = io::Result<IO>>,
        open: &mut JoinSet<()>,
        closing: &CancellationToken,
    ) -> io::Result<()>
    where
        IO: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
    {
        let mut incoming = pin!(incoming.fuse());
        loop {
            tokio::select! {
                Some(accepted) = incoming.next() => match accepted {
                    Ok(io) => self.admit(io, open, closing),
                    Err(failure) if is_final(&failure) => return Err(failure),
                    Err(failure) => {
                        warn!(%failure, "a connection could not be accepted");
                        sleep(AFTER_FAILURE).await;
                    }
                },
                Some(_) = open.join_next() => {}
                else => return Ok(()),
            }
        }
    }

    fn admit<IO>(&self, io: IO, open: &mut JoinSet<()>, closing: &CancellationToken)
    where
        IO: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
    {
        let address = address(&io.connect_info());
        let seat = match self.seats.take(address.map(|address| address.ip())) {
            Ok(seat) => seat,
            Err(refused) => return self.metrics.refused(refused),
        };
        let guard = self.metrics.open();
        let (house, tls, closing) = (self.house.clone(), self.tls.clone(), closing.clone());
        let peer = Peer {
            address,
            ..Peer::default()
        };
        open.spawn(async move {
            let outcome = connection::serve(io, peer, tls.as_deref(), house, closing).await;
            guard.finish(outcome);
            drop(seat);
        });
    }
}

/// The address of a TCP peer; other transports have none.
fn address(info: &dyn Any) -> Option<SocketAddr> {
    info.downcast_ref::<TcpConnectInfo>()?.remote_addr()
}

/// Whether the listener itself is broken. Anything else is the fault of one
/// connection, or passes: accept(2) names a dozen errors to be borne.
fn is_final(failure: &io::Error) -> bool {
    const EBADF: i32 = 9;
    const ENOTSOCK: i32 = 88;
    failure.kind() == io::ErrorKind::InvalidInput
        || matches!(failure.raw_os_error(), Some(EBADF | ENOTSOCK))
}
