//! The accept loop: a seat and a task for each connection, and an end for all.
//!
//! An example: on SIGTERM no connection is accepted any more, each that is open
//! gets a GOAWAY, and the loop returns when the last has finished its calls. Those
//! that are left 20 s later are cut off: it returns once their handlers are gone, so
//! that whatever they leave behind is there by then.

use std::any::Any;
use std::convert::Infallible;
use std::io;
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
use super::connection_limiter::Seats;
use super::connection_metrics::ConnectionMetrics;
use super::streams::House;
use super::tls::Tls;
use crate::auth::Origin;

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

/// How a server is told to leave. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Leaving {
    /// No connection is accepted any more, and the calls under way are finished.
    pub closing: CancellationToken,
    /// It is closed, and whatever is left is cut off.
    pub cut_off: CancellationToken,
}

/// The door of the gRPC port.
pub(crate) struct Door<S> {
    pub(crate) house: House<S>,
    pub(crate) seats: Seats,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) metrics: ConnectionMetrics,
}

impl<S> Door<S>
where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    /// Serves `incoming` until it is `leaving`, or until there is nothing left of it,
    /// and then until the calls under way are done or cut off, and gone.
    pub(crate) async fn keep<IO>(
        self,
        incoming: impl Stream<Item = io::Result<IO>>,
        leaving: Leaving,
    ) -> io::Result<()>
    where
        IO: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
    {
        let closing = leaving.closing.child_token();
        let mut open = JoinSet::new();
        let ended = tokio::select! {
            ended = self.admit_all(incoming, &mut open, &closing) => ended,
            () = leaving.closing.cancelled() => Ok(()),
            () = leaving.cut_off.cancelled() => Ok(()),
        };
        closing.cancel();
        let all_done = async { while open.join_next().await.is_some() {} };
        tokio::select! {
            () = all_done => {}
            () = leaving.cut_off.cancelled() => open.shutdown().await,
        }
        // A call outlives its connection until it is next looked at.
        self.house.streams.close();
        self.house.streams.wait().await;
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
        let origin = origin(&io.connect_info());
        let address = match origin {
            Origin::Address(address) => Some(address.ip()),
            Origin::Unknown | Origin::Pipe => None,
        };
        let seat = match self.seats.take(address) {
            Ok(seat) => seat,
            Err(refused) => return self.metrics.refused(refused),
        };
        let guard = self.metrics.open();
        let (house, tls, closing) = (self.house.clone(), self.tls.clone(), closing.clone());
        let peer = Peer {
            origin,
            ..Peer::default()
        };
        open.spawn(async move {
            let outcome = connection::serve(io, peer, tls.as_deref(), house, closing).await;
            guard.finish(outcome);
            drop(seat);
        });
    }
}

/// Where a connection comes from, by what its transport says of it. The pipes of
/// tests say `()`; of TCP, the address is missing where the peer is gone already.
fn origin(info: &dyn Any) -> Origin {
    if info.is::<()>() {
        return Origin::Pipe;
    }
    let tcp = info.downcast_ref::<TcpConnectInfo>();
    let address = tcp.and_then(TcpConnectInfo::remote_addr);
    address.map_or(Origin::Unknown, Origin::Address)
}

/// Whether the listener itself is broken. Anything else is the fault of one
/// connection, or passes: accept(2) names a dozen errors to be borne.
fn is_final(failure: &io::Error) -> bool {
    const EBADF: i32 = 9;
    const ENOTSOCK: i32 = 88;
    failure.kind() == io::ErrorKind::InvalidInput
        || matches!(failure.raw_os_error(), Some(EBADF | ENOTSOCK))
}

#[cfg(test)]
mod tests;
