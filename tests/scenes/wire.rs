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
use tonic::Status;
use tonic_types::StatusExt as _;

use crate::harness::aws::never_answers;
use crate::harness::pipes::Livegate;

/// An empty message with its length prefix.
const EMPTY: &[u8] = &[0, 0, 0, 0, 0];

const CREATE: &str = "/livegate.v1.SessionService/CreateSession";
const GRPC: (&str, &str) = ("content-type", "application/grpc");

/// Sends `CreateSession` with `body`, and with `headers` in addition to those that gRPC requires.
async fn post(
    livegate: &Livegate,
    body: &'static [u8],
    headers: &[(&'static str, &str)],
) -> Response<Incoming> {
    let headers = [&[GRPC, ("te", "trailers")], headers].concat();
    request(livegate, ("POST", CREATE), &headers, body).await
}

/// Sends a request with `headers` and `body`.
async fn request(
    livegate: &Livegate,
    (method, path): (&str, &str),
    headers: &[(&str, &str)],
    body: &'static [u8],
) -> Response<Incoming> {
    let pipe = TokioIo::new(livegate.pipe());
    let connected = hyper::client::conn::http2::handshake(TokioExecutor::new(), pipe).await;
    let (mut sender, connection) = connected.unwrap();
    tokio::spawn(connection);
    let uri = format!("http://livegate.test{path}");
    let mut request = Request::builder().method(method).uri(uri);
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

#[tokio::test(start_paused = true)]
async fn only_post_is_a_call() {
    let livegate = Livegate::start().await;
    for path in [
        CREATE,
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/",
    ] {
        for method in ["GET", "HEAD", "PUT", "OPTIONS", "DELETE", "PATCH", "TRACE"] {
            let answer = request(&livegate, (method, path), &[GRPC], EMPTY).await;
            assert_eq!(answer.status(), 405, "{method} {path}");
            assert_eq!(header(answer.headers(), "allow"), "POST");
            assert!(!answer.headers().contains_key("access-control-allow-origin"));
            assert!(answer.body().is_end_stream(), "{method} {path}");
        }
    }
    assert!(livegate.aws.attempts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_a_grpc_content_type_is_a_call() {
    let livegate = Livegate::start().await;
    for content_type in [
        "",
        "text/plain",
        "text/plain;charset=UTF-8",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json",
        "application/grpc-web",
        "application/grpc-web+proto",
        "application/grpc-web-text",
        "application/grpc+json",
        "application/grpcx",
        "application/connect+proto",
        "application/proto",
        "text/plain, application/grpc",
        "application/grpc, text/plain",
    ] {
        let headers = [
            ("content-type", content_type),
            ("origin", "https://evil.test"),
        ];
        let answer = request(&livegate, ("POST", CREATE), &headers, EMPTY).await;
        assert_eq!(answer.status(), 415, "{content_type}");
        assert!(!answer.headers().contains_key("grpc-status"));
        assert_eq!(header(answer.headers(), "livegate-call-id").len(), 36);
    }
    for headers in [&[][..], &[GRPC, ("content-type", "text/plain")]] {
        let answer = request(&livegate, ("POST", CREATE), headers, EMPTY).await;
        assert_eq!(answer.status(), 415, "{headers:?}");
    }
    assert!(livegate.aws.attempts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_grpc_content_type_may_have_parameters() {
    let livegate = Livegate::start().await;
    for (sessions, content_type) in (1..).zip([
        "application/grpc",
        "application/grpc+proto",
        "application/grpc;charset=utf-8",
        "application/grpc+proto ; a=b",
        "Application/GRPC",
    ]) {
        let headers = [("content-type", content_type)];
        let answer = request(&livegate, ("POST", CREATE), &headers, EMPTY).await;
        assert_eq!(answer.status(), 200, "{content_type}");
        assert_eq!(livegate.aws.attempts().len(), sessions, "{content_type}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_message_is_an_invalid_request() {
    let livegate = Livegate::start().await;
    let bodies: [&[u8]; 3] = [
        &[0; 10],
        &[0; 500],
        &[0, 0, 0, 0, 3, 0x2a, 1, b'a', 0, 0, 0, 0, 0],
    ];
    for body in bodies {
        let answer = post(&livegate, body, &[]).await;
        assert_eq!(header(answer.headers(), "grpc-status"), "3", "{body:?}");
        assert!(answer.headers().contains_key("grpc-status-details-bin"));
    }
    assert!(livegate.aws.attempts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_compressed_request_is_refused_with_a_reason_and_the_accepted_encoding() {
    let livegate = Livegate::start().await;
    let answer = post(&livegate, b"\x01\0\0\0\0", &[("grpc-encoding", "gzip")]).await;
    assert_eq!(header(answer.headers(), "grpc-status"), "12");
    assert_eq!(header(answer.headers(), "grpc-accept-encoding"), "identity");
    let status = Status::from_header_map(answer.headers()).expect("a status");
    let info = status.get_details_error_info().expect("a reason");
    assert_eq!(info.reason, "COMPRESSION_UNSUPPORTED");
    assert!(livegate.aws.attempts().is_empty());
}
