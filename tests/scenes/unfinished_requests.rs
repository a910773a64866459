//! Requests whose bodies do not end: they hold a bounded number of bytes, and calls that are
//! sent whole are answered meanwhile.

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream::{self, FuturesUnordered, StreamExt as _};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use livegate::grpc::MAX_REQUEST_BYTES;

use crate::harness::pipes::Livegate;

/// The unfinished requests of 8 KiB that a connection may have.
const MAX_UNFINISHED: usize = 128;

async fn connect(livegate: &Livegate) -> SendRequest<Body> {
    let pipe = TokioIo::new(livegate.pipe());
    let (sender, connection) = handshake(TokioExecutor::new(), pipe).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// Sends `CreateSession` without the last byte of its body, and returns the response.
async fn send_unfinished(mut sender: SendRequest<Body>) -> Response<Incoming> {
    sender.ready().await.unwrap();
    let length = u32::try_from(MAX_REQUEST_BYTES - 1).unwrap();
    let mut start = [&[0], &length.to_be_bytes()[..]].concat();
    start.resize(MAX_REQUEST_BYTES, 0);
    let start = stream::iter([Ok::<_, Status>(Bytes::from(start))]);
    let request = Request::post("http://livegate.test/livegate.v1.SessionService/CreateSession")
        .header("content-type", "application/grpc")
        .body(Body::from_stream(start.chain(stream::pending())));
    sender.send_request(request.unwrap()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn unfinished_requests_of_a_connection_hold_at_most_1_mib() {
    let livegate = Livegate::start().await;
    let sender = connect(&livegate).await;
    let mut requests: FuturesUnordered<_> = (0..MAX_UNFINISHED + 2)
        .map(|_| send_unfinished(sender.clone()))
        .collect();
    for _ in 0..2 {
        let refused = requests.next().await.unwrap();
        let status = Status::from_header_map(refused.headers()).unwrap();
        assert_eq!(status.code(), Code::ResourceExhausted);
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!(info.reason, "CONCURRENCY_LIMIT_EXCEEDED");
        assert_eq!(info.metadata["limit_bytes"], "1048576");
        assert!(details.retry_info().is_some());
    }
    // Time stood still, so none of the others has timed out.
    livegate.caller().create().await.unwrap();
    drop(requests);
    let mut again = FuturesUnordered::from_iter([send_unfinished(sender)]);
    let timed_out = again.next().await.unwrap();
    let status = Status::from_header_map(timed_out.headers()).unwrap();
    let reason = status
        .get_error_details()
        .error_info()
        .unwrap()
        .reason
        .clone();
    assert_eq!(reason, "REQUEST_BODY_TIMEOUT", "the bytes were released");
}
