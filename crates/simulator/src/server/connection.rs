//! One connection, from its first byte to its close or reset.

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
use super::{Shared, call, control};

const HEADER_TIMEOUT: Duration = Duration::from_secs(60);

/// How a call ends that gets no answer: the connection ends with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum HangUp {
    #[error("closed without an answer")]
    Close,
    #[error("reset without an answer")]
    Reset,
}

/// Answers the requests of one client, one after another. Dropped, it closes
/// the connection.
pub(super) async fn serve(stream: TcpStream, shared: &Shared) {
    // Small answers leave at once; where that cannot be set they leave later.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| Box::pin(respond(request, shared)));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let end = poll_fn(|context| connection.poll_without_shutdown(context)).await;

    let mut stream = connection.into_parts().io.into_inner();
    let hung_up = end
        .err()
        .and_then(|error| error.source()?.downcast_ref::<HangUp>().copied());
    // Either may fail where the client is gone already, which is an end too.
    if hung_up == Some(HangUp::Reset) {
        // With no linger, closing sends a reset instead of an end.
        let _ = stream.set_zero_linger();
    } else {
        let _ = stream.shutdown().await;
    }
}

async fn respond(request: Request<Incoming>, shared: &Shared) -> Result<Response<Body>, HangUp> {
    let (head, body) = request.into_parts();
    if head.uri.path().starts_with(control::PREFIX) {
        return Ok(control::respond(&head, body, shared).await);
    }
    call::respond(&head, body, shared).await
}
