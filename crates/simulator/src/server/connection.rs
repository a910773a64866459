//! One connection, until it is closed or reset. A handshake of a stream is its last request.

use std::error::Error as _;
use std::future::poll_fn;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::body::Body;
use super::upgrade::{self, Opening};
use super::{SharedState, call, control, stream};
use crate::stream::PATH;

const HEADER_TIMEOUT: Duration = Duration::from_secs(60);

/// The end of a connection without a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Disconnect {
    #[error("closed without a response")]
    Close,
    #[error("reset without a response")]
    Reset,
}

/// Serves the requests of one connection in sequence. Dropping the future closes the
/// connection.
pub(super) async fn serve(stream: TcpStream, state: &SharedState) {
    // An error only means that small responses can be delayed.
    let _ = stream.set_nodelay(true);
    let opening = Mutex::new(None);
    let service = service_fn(|request| Box::pin(respond(request, state, &opening)));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let end = poll_fn(|context| connection.poll_without_shutdown(context)).await;

    let parts = connection.into_parts();
    let mut socket = parts.io.into_inner();
    let disconnect = end.err().map(|error| {
        error
            .source()
            .and_then(|source| source.downcast_ref().copied())
    });
    let opening = opening.lock().take();
    let disconnect = match (disconnect, opening) {
        (None, Some(opening)) => stream::serve(&mut socket, parts.read_buf, opening).await,
        (disconnect, _) => disconnect.flatten().unwrap_or(Disconnect::Close),
    };
    // Both can fail if the client has closed the connection, which needs no handling.
    match disconnect {
        // With a linger time of zero, closing the socket sends RST instead of FIN.
        Disconnect::Reset => drop(socket.set_zero_linger()),
        Disconnect::Close => drop(socket.shutdown().await),
    }
}

async fn respond<'a>(
    request: Request<Incoming>,
    state: &'a SharedState,
    opening: &Mutex<Option<Opening<'a>>>,
) -> Result<Response<Body>, Disconnect> {
    let (head, body) = request.into_parts();
    if head.uri.path().starts_with(control::PREFIX) {
        return Ok(control::respond(&head, body, state).await);
    }
    if head.uri.path() == PATH {
        let (response, stream) = upgrade::respond(&head, state).await?;
        *opening.lock() = stream;
        return Ok(response);
    }
    call::respond(&head, body, state).await
}
