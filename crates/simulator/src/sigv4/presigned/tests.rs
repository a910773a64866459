//! A presigned URL and its chain of messages, with the mistakes of clients.

use http::HeaderMap;
use time::macros::datetime;

use super::*;
use crate::event_stream::EventMessage;
use crate::sigv4::vector::{self, FIRST, QUERY, SECOND, SIGNED_HOST};

const VERIFIER: Verifier = Verifier {
    access_key: "test",
    secret_key: "test",
    service: "rekognition",
};
const NOW: OffsetDateTime = datetime!(2030-01-01 12:00:01 UTC);

fn verify_at(query: &str, host: &str, now: OffsetDateTime) -> Result<ChunkVerifier, AwsError> {
    let mut headers = HeaderMap::new();
    headers.insert(HOST, HeaderValue::from_str(host).unwrap());
    let request = SignedRequest {
        method: "GET",
        path: vector::PATH,
        query,
        headers: &headers,
        body: b"",
    };
    VERIFIER.verify_presigned(&request, now)
}

fn error(query: &str) -> String {
    let error = verify_at(query, SIGNED_HOST, NOW).unwrap_err();
    format!("{}: {}", error.code, error.message)
}

fn verify_chunk(verifier: &mut ChunkVerifier, hex: &str) -> Result<usize, &'static str> {
    let bytes = vector::bytes(hex);
    let message = EventMessage::decode(&bytes).unwrap();
    verifier
        .verify(&message)
        .map(<[u8]>::len)
        .map_err(|error| error.code)
}

#[test]
fn the_url_of_the_javascript_sdk_is_valid_with_and_without_a_port() {
    for host in [SIGNED_HOST, "127.0.0.1:9900", "127.0.0.1:443"] {
        assert!(verify_at(QUERY, host, NOW).is_ok(), "{host}");
    }
    for host in ["127.0.0.2", "localhost:9900", "[::1]", ""] {
        assert!(verify_at(QUERY, host, NOW).is_err(), "{host}");
    }
}

#[test]
fn the_hosts_of_aws_are_accepted_in_the_region_of_the_credential() {
    let mut headers = HeaderMap::new();
    headers.insert(HOST, HeaderValue::from_static("[::1]:9900"));
    let request = SignedRequest {
        method: "GET",
        path: vector::PATH,
        query: "",
        headers: &headers,
        body: b"",
    };
    assert_eq!(
        candidate_hosts(&request, "eu-west-1"),
        [
            "[::1]:9900",
            "[::1]",
            "streaming-rekognition.eu-west-1.amazonaws.com",
            "streaming-rekognition.eu-west-1.api.aws",
            "streaming-rekognition-fips.eu-west-1.amazonaws.com",
            "streaming-rekognition-fips.eu-west-1.api.aws",
        ]
    );
}

#[test]
fn the_order_and_encoding_of_parameters_do_not_matter() {
    let mut parameters: Vec<_> = QUERY.split('&').collect();
    parameters.reverse();
    let reversed = parameters.join("&");
    let unencoded = reversed.replace("%2C", ",").replace("%2F", "/");
    for query in [reversed, unencoded] {
        assert!(verify_at(&query, SIGNED_HOST, NOW).is_ok(), "{query}");
    }
}

#[test]
fn changing_any_signed_parameter_invalidates_the_signature() {
    for (from, to) in [
        ("session-id=1", "session-id=2"),
        ("video-height=480", "video-height=481"),
        ("Expires=299", "Expires=300"),
        ("us-east-1", "us-west-2"),
        ("Date=20300101T120000Z", "Date=20300101T120001Z"),
        ("Signature=b8", "Signature=b9"),
        ("&attempt-count=1", ""),
    ] {
        let changed = QUERY.replacen(from, to, 1);
        let expected = "InvalidSignatureException: The request signature we calculated";
        assert!(
            error(&changed).starts_with(expected),
            "{to}: {}",
            error(&changed)
        );
    }
}

#[test]
fn an_incomplete_or_foreign_url_names_the_part() {
    for (from, to, expected) in [
        (
            "X-Amz-Date=",
            "date=",
            "IncompleteSignatureException: Query string requires 'X-Amz-Date'",
        ),
        ("X-Amz-Signature=b", "sig=", "requires 'X-Amz-Signature'"),
        (
            "AWS4-HMAC-SHA256",
            "AWS4",
            "Unsupported AWS 'algorithm': 'AWS4'",
        ),
        ("Expires=299", "Expires=0", "X-Amz-Expires must be"),
        ("Expires=299", "Expires=604801", "Got '604801'"),
        (
            "Credential=test",
            "Credential=other",
            "UnrecognizedClientException",
        ),
        ("Frekognition", "Fs3", "correct service: 'rekognition'"),
        ("SignedHeaders=host", "SignedHeaders=date", "'Host' must be"),
    ] {
        let changed = QUERY.replacen(from, to, 1);
        assert!(
            error(&changed).contains(expected),
            "{to}: {}",
            error(&changed)
        );
    }
}

#[test]
fn a_url_is_valid_from_5_minutes_before_its_date_to_its_expiry() {
    for (now, valid) in [
        (datetime!(2030-01-01 11:54:59 UTC), false),
        (datetime!(2030-01-01 11:55:00 UTC), true),
        (datetime!(2030-01-01 12:04:59 UTC), true),
        (datetime!(2030-01-01 12:05:00 UTC), false),
    ] {
        let result = verify_at(QUERY, SIGNED_HOST, now);
        assert_eq!(result.is_ok(), valid, "{now}: {result:?}");
    }
}

#[test]
fn messages_are_valid_in_their_order_only() {
    let verifier = verify_at(QUERY, SIGNED_HOST, NOW).unwrap();
    let mut honest = verifier.clone();
    assert_eq!(verify_chunk(&mut honest, FIRST), Ok(149));
    assert_eq!(verify_chunk(&mut honest, SECOND), Ok(145));

    let refused = Err("InvalidSignatureException");
    assert_eq!(
        verify_chunk(&mut verifier.clone(), SECOND),
        refused,
        "dropped"
    );
    let mut repeated = verifier.clone();
    assert_eq!(verify_chunk(&mut repeated, FIRST), Ok(149));
    assert_eq!(verify_chunk(&mut repeated, FIRST), refused, "repeated");
    let mut unsigned = verifier.clone();
    assert_eq!(
        verify_chunk(&mut unsigned, vector::DISCONNECTION),
        refused,
        "unsigned"
    );
}

#[test]
fn a_date_out_of_range_is_refused() {
    let mut verifier = verify_at(QUERY, SIGNED_HOST, NOW).unwrap();
    let bytes = vector::bytes(FIRST);
    let date = bytes
        .windows(5)
        .position(|window| window == b":date")
        .unwrap()
        + 6;
    let mut headers = bytes[12..12 + 67].to_vec();
    headers[date - 12..date - 4].copy_from_slice(&i64::MAX.to_be_bytes());
    let mut message = [83u32.to_be_bytes(), 67u32.to_be_bytes()].concat();
    message.extend(crc32fast::hash(&message).to_be_bytes());
    message.extend(headers);
    message.extend(crc32fast::hash(&message).to_be_bytes());
    let error = verifier
        .verify(&EventMessage::decode(&message).unwrap())
        .unwrap_err();
    assert!(error.message.contains("out of range"), "{error:?}");
}
