//! The accept loop drops every handler before it returns, and releases every permit.

mod hostile;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{DuplexStream, duplex};
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;
use tower::service_fn;

use super::super::ResponseBody;
use super::super::ResponseState;
use super::super::service::RequestPermit;
use super::*;

/// A handler whose drop takes a while.
struct SlowDrop(Arc<AtomicBool>);

impl Drop for SlowDrop {
    fn drop(&mut self) {
        let (_sender, nothing) = mpsc::channel::<()>();
        let _ = nothing.recv_timeout(Duration::from_millis(300));
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Takes one of `permits`, if there is one, until the stream of `request` ends.
fn hold_one(permits: &Arc<Semaphore>, request: &Request<Incoming>) {
    let permit = permits.clone().try_acquire_owned().ok();
    let state = request.extensions().get::<ResponseState>();
    let state = state.expect("every request has one");
    state.hold(RequestPermit::new(permit, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aborted_handlers_are_dropped_before_the_accept_loop_returns() {
    let (started, dropped) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
    let (starting, dropping) = (started.clone(), dropped.clone());
    let service = service_fn(move |_: Request<Incoming>| {
        let (handler, starting) = (SlowDrop(dropping.clone()), starting.clone());
        async move {
            let _handler = handler;
            starting.notify_one();
            std::future::pending().await
        }
    });
    let (client, server) = duplex(64 * 1024);
    let signals = DrainSignals::default();
    let incoming = futures_util::stream::iter([Ok(server)]);
    let running = accept_loop(service).run(incoming, signals.clone());
    let running = tokio::spawn(running);
    let request = tokio::spawn(send_request(client));
    started.notified().await;
    signals.abort.cancel();
    let returned = timeout(Duration::from_secs(10), running).await;
    returned.expect("it returns in time").unwrap().unwrap();
    assert!(dropped.load(Ordering::SeqCst), "the handler still exists");
    assert!(request.await.unwrap().is_err());
}

/// It fails if `hyper` passes the future of a stream to the executor before it calls the
/// service: the permit would then belong to the next stream.
#[tokio::test]
async fn a_request_holds_its_permit_until_its_stream_ends() {
    let (started, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (starting, finishing) = (started.clone(), finish.clone());
    let permits = Arc::new(Semaphore::new(1));
    let held = permits.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        hold_one(&held, &request);
        let (starting, finishing) = (starting.clone(), finishing.clone());
        async move {
            starting.notify_one();
            finishing.notified().await;
            let body = Empty::new().map_err(|never| match never {});
            Ok(http::Response::new(ResponseBody::new(body)))
        }
    });
    let (client, server) = duplex(64 * 1024);
    let incoming = futures_util::stream::iter([Ok(server)]);
    let accept_loop = accept_loop(service);
    let _running = tokio::spawn(accept_loop.run(incoming, DrainSignals::default()));
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(client))
        .await
        .unwrap();
    let _connection = tokio::spawn(connection);
    for _ in 0..3 {
        let request = Request::post("http://livegate.test/").body(Empty::<Bytes>::new());
        let response = tokio::spawn(sender.send_request(request.expect("a request")));
        started.notified().await;
        assert_eq!(permits.available_permits(), 0);
        finish.notify_one();
        response.await.unwrap().unwrap();
        let released = timeout(Duration::from_secs(10), permits.acquire()).await;
        drop(released.expect("the permit is released").unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_stream_for_some_minutes_is_closed() {
    let (idle, call) = (Duration::from_secs(600), Duration::from_secs(900));
    let service = service_fn(move |_: Request<Incoming>| async move {
        sleep(call).await;
        let body = Empty::new().map_err(|never| match never {});
        Ok(http::Response::new(ResponseBody::new(body)))
    });
    let (client, server) = duplex(64 * 1024);
    let incoming = futures_util::stream::iter([Ok(server)]);
    let accept_loop = accept_loop(service);
    let _running = tokio::spawn(accept_loop.run(incoming, DrainSignals::default()));
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(client))
        .await
        .unwrap();
    let mut connection = tokio::spawn(connection);
    let request = Request::post("http://livegate.test/").body(Empty::<Bytes>::new());
    let response = sender.send_request(request.expect("a request")).await;
    drop(response.expect("a call is not idle time"));
    let early = timeout(idle - Duration::from_secs(1), &mut connection).await;
    assert!(early.is_err(), "it is idle for less time than it may be");
    let closed = timeout(Duration::from_secs(2), connection).await;
    closed
        .expect("it is closed")
        .unwrap()
        .expect("with a GOAWAY");
}

fn accept_loop<S: RequestService>(service: S) -> AcceptLoop<S> {
    let metrics = TransportMetrics::default();
    AcceptLoop::new(service, TransportLimits::default(), None, &metrics)
}

/// Sends one request over `pipe`.
async fn send_request(pipe: DuplexStream) -> hyper::Result<()> {
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(pipe)).await?;
    tokio::spawn(connection);
    let request = Request::post("http://livegate.test/").body(Empty::<Bytes>::new());
    let response = sender.send_request(request.expect("a request")).await;
    response.map(drop)
}
