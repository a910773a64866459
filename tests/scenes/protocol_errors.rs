//! Unknown methods, and messages that are too large or unreadable. Their errors have the same
//! details as all others.

use bytes::Bytes;
use prost::Message as _;
use tonic::Code;

use livegate::grpc::{MAX_REQUEST_BYTES, v1};

use crate::harness::pipes::Livegate;

const CREATE: &str = "/livegate.v1.SessionService/CreateSession";
const CHECK: &str = "/grpc.health.v1.Health/Check";

#[tokio::test(start_paused = true)]
async fn an_unknown_method_is_unimplemented() {
    let livegate = Livegate::start().await;
    for path in [
        "/livegate.v1.SessionService/DeleteSession",
        "/livegate.v1.OtherService/CreateSession",
        "/livegate.v2.SessionService/CreateSession",
        "/",
    ] {
        let status = livegate
            .caller()
            .send(path, Bytes::new())
            .await
            .unwrap_err();
        let expected = (Code::Unimplemented, "METHOD_NOT_FOUND");
        assert_eq!(status.code_and_reason(), expected, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_large_must_not_be_retried() {
    let livegate = Livegate::start().await;
    let caller = livegate.caller();
    let status = caller.send(CREATE, of_bytes(MAX_REQUEST_BYTES + 1)).await;
    let status = status.unwrap_err();
    assert_eq!(
        status.code_and_reason(),
        (Code::ResourceExhausted, "MESSAGE_TOO_LARGE")
    );
    assert_eq!((status.retry_after, status.pushback), (None, Some(-1)));
    assert!(
        status.message.contains("8192"),
        "the message contains the bound: {status:?}"
    );
    let status = caller.send(CREATE, of_bytes(MAX_REQUEST_BYTES)).await;
    let expected = (Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(
        status.unwrap_err().code_and_reason(),
        expected,
        "parsed, and refused because of its key"
    );
}

#[tokio::test(start_paused = true)]
async fn a_health_check_has_at_most_256_bytes() {
    let livegate = Livegate::start().await;
    // An unknown field, so that the longest request is answered.
    let check = |length: usize| {
        let rest = length - 3;
        let prefix = [0x7a, (rest % 128) as u8 | 128, (rest / 128) as u8];
        Bytes::from([&prefix[..], &vec![b's'; rest]].concat())
    };
    livegate.caller().send(CHECK, check(256)).await.unwrap();
    let status = livegate.caller().send(CHECK, check(257)).await.unwrap_err();
    assert_eq!(status.reason, "MESSAGE_TOO_LARGE");
}

/// Returns an encoded request of exactly `length` bytes, with a key that is too long.
fn of_bytes(length: usize) -> Bytes {
    let request = v1::CreateSessionRequest {
        kms_key_id: "k".repeat(length - 3),
        ..Default::default()
    };
    let bytes = Bytes::from(request.encode_to_vec());
    assert_eq!(bytes.len(), length);
    bytes
}

#[tokio::test(start_paused = true)]
async fn unreadable_bytes_are_an_invalid_request() {
    let livegate = Livegate::start().await;
    let cases: [&[u8]; 4] = [
        b"\xff",
        b"\x0a\x05ab",
        b"\x0a\x02\xff\xfe",
        b"\x1a\xff\xff\xff\xff",
    ];
    for bytes in cases {
        let status = livegate
            .caller()
            .send(CREATE, Bytes::from_static(bytes))
            .await;
        let status = status.unwrap_err();
        assert_eq!(
            status.code_and_reason(),
            (Code::InvalidArgument, "INVALID_REQUEST")
        );
    }
    assert!(livegate.aws.attempts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn unknown_fields_are_ignored() {
    let livegate = Livegate::start().await;
    let unknown = Bytes::from_static(b"\xfa\x07\x03new");
    let answer = livegate.caller().send(CREATE, unknown).await.unwrap();
    let answer = v1::CreateSessionResponse::decode(answer).unwrap();
    assert!(answer.session.is_some());
}

#[tokio::test(start_paused = true)]
async fn every_failure_has_a_unique_call_id() {
    let livegate = Livegate::start().await;
    let mut ids = std::collections::HashSet::new();
    for _ in 0..10 {
        let status = livegate.caller().repeat("wrong").await.unwrap_err();
        assert!(ids.insert(status.call_id));
    }
}
