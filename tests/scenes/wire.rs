//! The HTTP/2 headers and bodies on the wire, seen by a client without a deadline timer and
//! without gRPC checks.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::time::sleep;

use crate::harness::aws::never_answers;
use crate::harness::pipes::Livegate;

/// An empty message with its length prefix.
const EMPTY: &[u8] = &[0, 0, 0, 0, 0];

/// Sends `CreateSession` with `body`, and with `headers` in addition to those that gRPC requires.
async fn post(
    livegate: &Livegate,
    body: &'static [u8],
    headers: &[(&'static str, &str)],
) -> Response<Incoming> {
    let pipe = TokioIo::new(livegate.pipe());
    let connected = hyper::client::conn::http2::handshake(TokioExecutor::new(), pipe).await;
    let (mut sender, connection) = connected.unwrap();
    tokio::spawn(connection);
    let mut request =
        Request::post("http://livegate.test/livegate.v1.SessionService/CreateSession")
            .header("content-type", "application/grpc")
            .header("te", "trailers");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = Body::from(Bytes::from_static(body));
    let response = sender.send_request(request.body(body).unwrap()).await;
    response.unwrap()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let value = headers
        .get(name)
        .unwrap_or_else(|| panic!("{name} in {headers:?}"));
    value.to_str().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_very_short_deadline_is_exceeded_and_not_cancelled() {
    let livegate = Livegate::start().await;
    for timeout in [
        "0m", "0H", "1n", "999u", "1m", "2m", "7m", "19m", "20m", "333m",
    ] {
        livegate.aws.plan([never_answers()]);
        let answer = post(&livegate, EMPTY, &[("grpc-timeout", timeout)]).await;
        assert_eq!(header(answer.headers(), "grpc-status"), "4", "{timeout}");
        assert!(
            answer.headers().contains_key("grpc-status-details-bin"),
            "{timeout}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_invalid_timeout_header_is_refused() {
    let livegate = Livegate::start().await;
    for timeout in ["", "soon", "1", "123456789S", "-1S"] {
        let answer = post(&livegate, EMPTY, &[("grpc-timeout", timeout)]).await;
        assert_eq!(header(answer.headers(), "grpc-status"), "3", "{timeout}");
    }
    assert!(livegate.aws.attempts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_trailers_only_so_that_grpc_clients_can_retry() {
    let livegate = Livegate::start().await;
    let answer = post(&livegate, EMPTY, &[("grpc-timeout", "0m")]).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(header(answer.headers(), "content-type"), "application/grpc");
    assert_eq!(header(answer.headers(), "livegate-call-id").len(), 36);
    assert!(answer.body().is_end_stream(), "the response has no body");
}

#[tokio::test(start_paused = true)]
async fn an_incomplete_message_is_an_invalid_request() {
    let livegate = Livegate::start().await;
    let bodies: [&[u8]; 4] = [b"", b"\0", b"\0\0\0\0\x09ab", b"\x02\0\0\0\0"];
    for body in bodies {
        let answer = post(&livegate, body, &[]).await;
        assert_eq!(header(answer.headers(), "grpc-status"), "3", "{body:?}");
        assert!(
            answer.headers().contains_key("grpc-status-details-bin"),
            "{body:?}"
        );
    }
    assert!(livegate.aws.attempts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_does_not_block_others() {
    let livegate = Livegate::start().await;
    let _silent = livegate.pipe();
    sleep(Duration::from_secs(600)).await;
    assert!(livegate.caller().create().await.is_ok());
}
