//! What never becomes a call of ours: unknown methods, and messages too large or
//! not to be read. They are answered with the same details.

use bytes::Bytes;
use prost::Message as _;
use tonic::Code;

use livegate::grpc::{MAX_REQUEST_BYTES, v1};

use crate::harness::pipes::Livegate;

const CREATE: &str = "/livegate.v1.SessionService/CreateSession";

#[tokio::test(start_paused = true)]
async fn an_unknown_method_is_told_to_be_unknown() {
    let livegate = Livegate::up().await;
    for path in [
        "/livegate.v1.SessionService/DeleteSession",
        "/livegate.v1.OtherService/CreateSession",
        "/livegate.v2.SessionService/CreateSession",
        "/",
    ] {
        let told = livegate
            .caller()
            .send(path, Bytes::new())
            .await
            .unwrap_err();
        let expected = (Code::Unimplemented, "METHOD_NOT_FOUND");
        assert_eq!(told.what(), expected, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_large_is_not_to_be_sent_again() {
    let livegate = Livegate::up().await;
    let caller = livegate.caller();
    let told = caller.send(CREATE, of_bytes(MAX_REQUEST_BYTES + 1)).await;
    let told = told.unwrap_err();
    assert_eq!(told.what(), (Code::ResourceExhausted, "MESSAGE_TOO_LARGE"));
    assert_eq!((told.retry_after, told.pushback), (None, Some(-1)));
    assert!(
        told.message.contains("65536"),
        "the bound is told: {told:?}"
    );
    let told = caller.send(CREATE, of_bytes(MAX_REQUEST_BYTES)).await;
    let expected = (Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(
        told.unwrap_err().what(),
        expected,
        "read, and refused by its key"
    );
}

/// A request of exactly so many bytes, its key being too long.
fn of_bytes(length: usize) -> Bytes {
    let request = v1::CreateSessionRequest {
        kms_key_id: "k".repeat(length - 4),
        ..Default::default()
    };
    let bytes = Bytes::from(request.encode_to_vec());
    assert_eq!(bytes.len(), length);
    bytes
}

#[tokio::test(start_paused = true)]
async fn bytes_that_are_no_message_are_an_invalid_request() {
    let livegate = Livegate::up().await;
    let cases: [&[u8]; 4] = [
        b"\xff",
        b"\x0a\x05ab",
        b"\x0a\x02\xff\xfe",
        b"\x1a\xff\xff\xff\xff",
    ];
    for bytes in cases {
        let told = livegate
            .caller()
            .send(CREATE, Bytes::from_static(bytes))
            .await;
        let told = told.unwrap_err();
        assert_eq!(told.what(), (Code::InvalidArgument, "INVALID_REQUEST"));
    }
    assert!(livegate.aws.attempts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn fields_that_are_not_known_yet_are_passed_over() {
    let livegate = Livegate::up().await;
    let unknown = Bytes::from_static(b"\xfa\x07\x03new");
    let answer = livegate.caller().send(CREATE, unknown).await.unwrap();
    let answer = v1::CreateSessionResponse::decode(answer).unwrap();
    assert!(answer.session.is_some());
}

#[tokio::test(start_paused = true)]
async fn every_failure_names_the_call_by_another_id() {
    let livegate = Livegate::up().await;
    let mut ids = std::collections::HashSet::new();
    for _ in 0..10 {
        let told = livegate.caller().repeat("wrong").await.unwrap_err();
        assert!(ids.insert(told.call_id));
    }
}
