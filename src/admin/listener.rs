//! Accepts the connections of the admin port: at most 32, 8 for each address. A connection
//! stays open for further requests, each within five seconds of the response before.
//!
//! Beyond a limit the oldest connection is closed for the new one, so that silent
//! connections keep no probe out. For example, one peer opens 1000 connections and sends
//! nothing: 8 of them are open at any time, and each for at most five seconds.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;
use tower::ServiceExt as _;

const MAX_CONNECTIONS: usize = 32;
const MAX_CONNECTIONS_PER_ADDRESS: usize = 8;

/// The time in which the head of a request must arrive, from the connection or the response
/// before.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// The time in which the response to the last request must be read.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

/// The largest head of a request, in bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// The wait after a failure to accept, for example because of too many open files.
const RETRY_DELAY: Duration = Duration::from_millis(50);

/// The open connections, oldest first.
#[derive(Default)]
struct OpenConnections(VecDeque<(IpAddr, AbortOnDropHandle<()>)>);

impl OpenConnections {
    /// Closes the oldest connection of `address`, or of all, if a limit is reached.
    fn make_room(&mut self, address: IpAddr) {
        self.0.retain(|(_, connection)| !connection.is_finished());
        let is_own = |(peer, _): &(IpAddr, _)| *peer == address;
        let own = self.0.iter().filter(|one| is_own(one)).count();
        if own >= MAX_CONNECTIONS_PER_ADDRESS {
            let oldest = self.0.iter().position(is_own);
            oldest.and_then(|oldest| self.0.remove(oldest));
        } else if self.0.len() >= MAX_CONNECTIONS {
            self.0.pop_front();
        }
    }
}

/// Serves `routes` for ever. Dropping it closes all connections.
pub(super) async fn serve(listener: TcpListener, routes: Router) {
    let mut open = OpenConnections::default();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                open.make_room(peer.ip());
                let connection = tokio::spawn(serve_connection(stream, routes.clone()));
                let connection = AbortOnDropHandle::new(connection);
                open.0.push_back((peer.ip(), connection));
            }
            Err(_) => sleep(RETRY_DELAY).await,
        }
    }
}

async fn serve_connection(stream: impl AsyncRead + AsyncWrite + Unpin + Send, routes: Router) {
    let requested = Arc::<Notify>::default();
    let notify = requested.clone();
    let routes = routes.map_request(move |request: Request<Incoming>| {
        notify.notify_one();
        request
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    let stalled = async {
        while timeout(RESPONSE_TIMEOUT, requested.notified())
            .await
            .is_ok()
        {}
    };
    // A peer that sends no request or reads no response is of no interest.
    tokio::select! {
        _ = connection => {}
        () = stalled => {}
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
    use tokio::net::TcpStream;
    use tokio::time::Instant;

    use super::*;

    /// Serves `/livez` on a free port.
    async fn start() -> (std::net::SocketAddr, AbortOnDropHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new().route("/livez", get(async || "ok\n"));
        let serving = tokio::spawn(serve(listener, routes));
        (address, AbortOnDropHandle::new(serving))
    }

    /// Sends `request`, and returns what arrives until the connection is closed.
    async fn send(address: std::net::SocketAddr, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let _ = stream.write_all(request).await;
        let mut response = Vec::new();
        let _ = stream.read_to_end(&mut response).await;
        String::from_utf8(response).unwrap()
    }

    #[tokio::test]
    async fn silent_connections_keep_no_probe_out() {
        let (address, _serving) = start().await;
        let mut silent = Vec::new();
        for _ in 0..200 {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        let response = send(
            address,
            b"GET /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        )
        .await;
        assert!(response.starts_with("HTTP/1.1 200"), "{response}");
        let mut open = 0;
        for stream in &mut silent {
            let read = timeout(Duration::from_millis(1), stream.read(&mut [0])).await;
            open += usize::from(read.is_err());
        }
        assert!(open < MAX_CONNECTIONS_PER_ADDRESS, "{open} are open");
    }

    /// Sends a request for `path`.
    async fn request(peer: &mut DuplexStream, path: &str) {
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
        peer.write_all(request.as_bytes()).await.unwrap();
    }

    /// Returns one end of a connection on which `routes` are served.
    fn connect(routes: Router) -> (DuplexStream, AbortOnDropHandle<()>) {
        let (peer, stream) = tokio::io::duplex(4096);
        let serving = tokio::spawn(serve_connection(stream, routes));
        (peer, AbortOnDropHandle::new(serving))
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_serves_many_requests_and_ends_when_none_follows() {
        let routes = Router::new().route("/livez", get(async || "ok\n"));
        let (mut peer, serving) = connect(routes);
        let mut response = [0; 1024];
        for _ in 0..20 {
            request(&mut peer, "/livez").await;
            let length = peer.read(&mut response).await.unwrap();
            let response = String::from_utf8_lossy(&response[..length]);
            assert!(response.starts_with("HTTP/1.1 200"), "{response}");
            sleep(HEAD_TIMEOUT * 9 / 10).await;
        }
        let idle = Instant::now();
        serving.await.unwrap();
        assert!(idle.elapsed() <= HEAD_TIMEOUT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_reads_no_response_is_disconnected() {
        let large = async || "a".repeat(1 << 20);
        let (mut peer, serving) = connect(Router::new().route("/", get(large)));
        let start = Instant::now();
        request(&mut peer, "/").await;
        serving.await.unwrap();
        assert_eq!(start.elapsed().as_secs(), RESPONSE_TIMEOUT.as_secs());
    }

    #[tokio::test]
    async fn a_head_beyond_the_limit_is_refused() {
        let (address, _serving) = start().await;
        let padding = "a".repeat(400_000);
        let request = format!("GET /livez HTTP/1.1\r\nhost: a\r\nx: {padding}\r\n\r\n");
        let response = send(address, request.as_bytes()).await;
        assert!(!response.contains("200 OK"), "{response}");
    }
}
