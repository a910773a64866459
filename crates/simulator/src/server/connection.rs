//! One connection, until it is closed or reset.

use std::error::Error as _;
use std::future::poll_fn;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::body::Body;
use super::{SharedState, call, control};

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
    let service = service_fn(|request| Box::pin(respond(request, state)));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let end = poll_fn(|context| connection.poll_without_shutdown(context)).await;

    let mut stream = connection.into_parts().io.into_inner();
    let disconnect = end
        .err()
        .and_then(|error| error.source()?.downcast_ref::<Disconnect>().copied());
    // Both can fail if the client has closed the connection, which needs no handling.
    if disconnect == Some(Disconnect::Reset) {
        // With a linger time of zero, closing the socket sends RST instead of FIN.
        let _ = stream.set_zero_linger();
    } else {
        let _ = stream.shutdown().await;
    }
}

async fn respond(
    request: Request<Incoming>,
    state: &SharedState,
) -> Result<Response<Body>, Disconnect> {
    let (head, body) = request.into_parts();
    if head.uri.path().starts_with(control::PREFIX) {
        return Ok(control::respond(&head, body, state).await);
    }
    call::respond(&head, body, state).await
}
