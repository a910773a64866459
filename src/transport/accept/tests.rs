//! Where connections come from, and that they leave nobody behind.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use hyper_util::rt::TokioIo;
use prometheus_client::registry::Registry;
use tokio::io::{DuplexStream, duplex};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tonic::Status;
use tonic::transport::Endpoint;
use tower::service_fn;

use super::super::limits::EdgeLimits;
use super::*;
use crate::grpc::GrpcMetrics;
use crate::grpc::in_flight::InFlight;
use crate::grpc::v1::CreateSessionRequest;
use crate::grpc::v1::session_service_client::SessionServiceClient;

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

/// A handler that takes its time to be gone.
struct Slow(Arc<AtomicBool>);

impl Drop for Slow {
    fn drop(&mut self) {
        let (_open, nothing) = mpsc::channel::<()>();
        let _ = nothing.recv_timeout(Duration::from_millis(300));
        self.0.store(true, Ordering::SeqCst);
    }
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
    let (ours, theirs) = duplex(64 * 1024);
    let leaving = Leaving::default();
    let incoming = futures_util::stream::iter([Ok(theirs)]);
    let kept = tokio::spawn(door(service).keep(incoming, leaving.clone()));
    let call = tokio::spawn(call(ours));
    called.notified().await;
    leaving.cut_off.cancel();
    let kept = timeout(Duration::from_secs(10), kept).await;
    kept.expect("it is cut off").unwrap().unwrap();
    assert!(gone.load(Ordering::SeqCst), "its handler is still there");
    assert!(call.await.unwrap().is_err());
}

fn door<S>(service: S) -> Door<S> {
    let limits = EdgeLimits::default();
    Door {
        house: House {
            service,
            in_flight: InFlight::new(&limits),
            limits,
            streams: TaskTracker::new(),
        },
        seats: Seats::new(&limits),
        tls: None,
        metrics: GrpcMetrics::register(&mut Registry::default()).connections,
    }
}

/// Calls over `pipe`.
async fn call(pipe: DuplexStream) -> Result<(), Status> {
    let mut pipe = Some(TokioIo::new(pipe));
    let connector = service_fn(move |_| {
        let once = pipe
            .take()
            .ok_or_else(|| io::Error::other("one connection"));
        std::future::ready(once)
    });
    let endpoint = Endpoint::from_static("http://livegate.test");
    let mut client = SessionServiceClient::new(endpoint.connect_with_connector_lazy(connector));
    let answer = client.create_session(CreateSessionRequest::default()).await;
    answer.map(drop)
}
