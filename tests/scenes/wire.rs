//! What stands on the wire, seen by a client that has no timer and no rules of
//! its own.

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

/// An empty message in its frame.
const EMPTY: &[u8] = &[0, 0, 0, 0, 0];

/// `CreateSession` with `body`, and `headers` upon those that gRPC asks for.
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
async fn a_deadline_however_short_is_exceeded_and_never_cancelled() {
    let livegate = Livegate::up().await;
    for timeout in [
        "0m", "0H", "1n", "999u", "1m", "2m", "7m", "19m", "20m", "333m",
    ] {
        livegate.aws.will([never_answers()]);
        let answer = post(&livegate, EMPTY, &[("grpc-timeout", timeout)]).await;
        assert_eq!(header(answer.headers(), "grpc-status"), "4", "{timeout}");
        assert!(
            answer.headers().contains_key("grpc-status-details-bin"),
            "{timeout}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_that_cannot_be_read_is_refused() {
    let livegate = Livegate::up().await;
    for timeout in ["", "soon", "1", "123456789S", "-1S"] {
        let answer = post(&livegate, EMPTY, &[("grpc-timeout", timeout)]).await;
        assert_eq!(header(answer.headers(), "grpc-status"), "3", "{timeout}");
    }
    assert!(livegate.aws.attempts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_trailers_only_as_stock_clients_want_it_to_retry() {
    let livegate = Livegate::up().await;
    let answer = post(&livegate, EMPTY, &[("grpc-timeout", "0m")]).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(header(answer.headers(), "content-type"), "application/grpc");
    assert_eq!(header(answer.headers(), "livegate-call-id").len(), 36);
    assert!(
        answer.body().is_end_stream(),
        "there is nothing behind the headers"
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_no_whole_message_is_an_invalid_request() {
    let livegate = Livegate::up().await;
    let cut_off: [&[u8]; 4] = [b"", b"\0", b"\0\0\0\0\x09ab", b"\x02\0\0\0\0"];
    for body in cut_off {
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
async fn a_connection_that_says_nothing_is_in_nobodys_way() {
    let livegate = Livegate::up().await;
    let _silent = livegate.pipe();
    sleep(Duration::from_secs(600)).await;
    assert!(livegate.caller().create().await.is_ok());
}
