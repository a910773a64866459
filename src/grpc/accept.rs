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
use super::connection_metrics::ConnectionMetrics;
use super::seats::Seats;
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
    /// Serves `incoming` until it is `leaving`, or until there is nothing left of it,
    /// and then until the calls under way are done or cut off, and gone.
    pub(super) async fn keep<IO>(
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
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;

    use hyper_util::rt::TokioIo;
    use prometheus_client::registry::Registry;
    use tokio::io::duplex;
    use tokio::sync::Notify;
    use tokio::time::timeout;
    use tokio_util::task::TaskTracker;
    use tonic::transport::Endpoint;
    use tower::service_fn;

    use super::super::GrpcMetrics;
    use super::super::in_flight::InFlight;
    use super::super::limits::EdgeLimits;
    use super::super::v1::CreateSessionRequest;
    use super::super::v1::session_service_client::SessionServiceClient;
    use super::*;

    /// A handler that takes its time to be gone.
    struct Slow(Arc<AtomicBool>);

    impl Drop for Slow {
        fn drop(&mut self) {
            let (_open, nothing) = mpsc::channel::<()>();
            let _ = nothing.recv_timeout(Duration::from_millis(300));
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_connection_without_an_address_is_a_pipe_only_where_it_says_so() {
        let at = |remote_addr| TcpConnectInfo {
            local_addr: None,
            remote_addr,
        };
        let peer = ([10, 0, 0, 7], 40_000).into();
        assert_eq!(origin(&at(Some(peer))), Origin::Address(peer));
        assert_eq!(origin(&at(None)), Origin::Unknown, "it was gone at once");
        assert_eq!(origin(&duplex(1).0.connect_info()), Origin::Pipe);
        assert_eq!(origin(&"another transport"), Origin::Unknown);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn when_the_door_is_closed_the_handlers_that_were_cut_off_are_gone() {
        let (called, gone) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
        let (calling, going) = (called.clone(), gone.clone());
        let service = service_fn(move |_: Request<Body>| {
            let (slow, calling) = (Slow(going.clone()), calling.clone());
            async move {
                let _slow = slow;
                calling.notify_one();
                std::future::pending().await
            }
        });
        let limits = EdgeLimits::default();
        let door = Door {
            house: House {
                service,
                in_flight: InFlight::new(&limits),
                limits,
                streams: TaskTracker::new(),
            },
            seats: Seats::new(&limits),
            tls: None,
            metrics: GrpcMetrics::register(&mut Registry::default()).connections,
        };
        let (ours, theirs) = duplex(64 * 1024);
        let leaving = Leaving::default();
        let incoming = futures_util::stream::iter([Ok(theirs)]);
        let kept = tokio::spawn(door.keep(incoming, leaving.clone()));
        let mut ours = Some(TokioIo::new(ours));
        let connector = service_fn(move |_| {
            let once = ours
                .take()
                .ok_or_else(|| io::Error::other("one connection"));
            std::future::ready(once)
        });
        let channel = Endpoint::from_static("http://livegate.test");
        let channel = channel.connect_with_connector_lazy(connector);
        let calling = tokio::spawn(async move {
            let request = CreateSessionRequest::default();
            SessionServiceClient::new(channel)
                .create_session(request)
                .await
        });
        called.notified().await;
        leaving.cut_off.cancel();
        let kept = timeout(Duration::from_secs(10), kept).await;
        kept.expect("it is cut off").unwrap().unwrap();
        assert!(gone.load(Ordering::SeqCst), "its handler is still there");
        assert!(calling.await.unwrap().is_err());
    }
}
