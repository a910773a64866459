//! The codec with messages of AWS's own libraries, and with bytes that are no message.

use aws_smithy_eventstream::frame::{read_message_from, write_message_to};
use aws_smithy_types::DateTime;
use aws_smithy_types::event_stream::{Header as AwsHeader, HeaderValue as AwsValue, Message};
use proptest::prelude::*;

use super::*;
use crate::sigv4::vector;

/// Returns a message with correct checksums.
fn with_checksums(stated: u32, header_length: u32, rest: &[u8]) -> Vec<u8> {
    let mut bytes = [stated.to_be_bytes(), header_length.to_be_bytes()].concat();
    bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
    bytes.extend(rest);
    bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
    bytes
}

fn with_headers(headers: &[u8]) -> Vec<u8> {
    let length = u32::try_from(headers.len()).unwrap();
    with_checksums(16 + length, length, headers)
}

fn error(bytes: &[u8]) -> String {
    EventMessage::decode(bytes).unwrap_err().to_string()
}

#[test]
fn a_message_of_the_javascript_sdk_is_decoded() {
    let bytes = vector::bytes(vector::FIRST);
    let signed = EventMessage::decode(&bytes).unwrap();
    assert_eq!(signed.bytes(":chunk-signature").unwrap().len(), 32);
    let (millis, encoded) = signed.timestamp(":date").unwrap();
    assert_eq!((millis, encoded.len()), (1_893_499_200_250, 15));
    let event = EventMessage::decode(signed.payload).unwrap();
    assert_eq!(event.text(":event-type"), Some("VideoEvent"));
    assert_eq!(
        event.payload,
        br#"{"VideoChunk":"AAEC","TimestampMillis":1893499200250}"#
    );
}

#[test]
fn messages_are_encoded_as_by_the_javascript_sdk() {
    let json = (":content-type", "application/json");
    let headers = [
        (":message-type", "event"),
        (":event-type", "DisconnectionEvent"),
        json,
    ];
    let event = encode(&headers, br#"{"TimestampMillis":1893499201000}"#);
    assert_eq!(event, vector::bytes(vector::DISCONNECTION));
    let headers = [
        (":message-type", "exception"),
        (":exception-type", "ThrottlingException"),
        json,
    ];
    let exception = encode(&headers, br#"{"Message":"Rate exceeded"}"#);
    assert_eq!(exception, vector::bytes(vector::THROTTLING));
}

#[test]
fn a_header_has_the_value_of_its_type_only() {
    let bytes = vector::bytes(vector::FIRST);
    let signed = EventMessage::decode(&bytes).unwrap();
    assert_eq!(signed.text(":date"), None);
    assert_eq!(signed.bytes(":date"), None);
    assert_eq!(signed.timestamp(":chunk-signature"), None);
    assert_eq!(signed.text(":event-type"), None);
}

#[test]
fn wrong_lengths_and_checksums_are_errors() {
    assert!(error(&[0; 15]).contains("15 bytes must have at least 16"));
    assert!(
        error(&with_checksums(17, 0, b"")).contains("has 16 bytes, but its total length is 17")
    );
    assert!(error(&with_checksums(u32::MAX, 0, b"")).contains("4294967295"));
    assert!(error(&with_checksums(16, 1, b"")).contains("headers of 1 bytes exceed"));
    assert!(error(&with_checksums(16, u32::MAX, b"")).contains("headers of 4294967295 bytes"));
    let long = vec![0; MAX_HEADER_BYTES + 1];
    assert!(error(&with_headers(&long)).contains("headers of 131073 bytes exceed"));
    let mut bytes = with_headers(b"");
    bytes[15] ^= 1;
    assert!(error(&bytes).contains("checksum of the event stream message"));
    bytes[8] ^= 1;
    assert!(error(&bytes).contains("checksum of the event stream prelude"));
}

#[test]
fn cut_off_unknown_and_endless_headers_are_errors() {
    for headers in [
        &b"\x05:da"[..],             // name
        b"\x02ab",                   // type
        b"\x02ab\x07\x00",           // length of the value
        b"\x02ab\x07\x00\x02x",      // string
        b"\x02ab\x06\xff\xffx",      // bytes
        b"\x02ab\x08\0\0\0\0\0\0\0", // timestamp
        b"\x02a\xff\x07\x00\x01x",   // name that is not UTF-8
        b"\x02ab\x07\x00\x01\xff",   // string that is not UTF-8
    ] {
        assert!(
            error(&with_headers(headers)).contains("header 1"),
            "{headers:?}"
        );
    }
    let boolean = with_headers(b"\x01a\x07\x00\x01x\x01a\x00");
    assert!(error(&boolean).contains("header 2 has type 0"));
    let header = b"\x01a\x07\x00\x01x";
    assert!(EventMessage::decode(&with_headers(&header.repeat(16))).is_ok());
    assert!(error(&with_headers(&header.repeat(17))).contains("more than 16 headers"));
}

proptest! {
    #[test]
    fn any_bytes_are_a_message_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = EventMessage::decode(&bytes);
        let _ = EventMessage::decode(&with_headers(&bytes));
    }

    #[test]
    fn a_message_with_any_changed_byte_is_an_error(at in 0usize..232, change in 1u8..) {
        let mut bytes = vector::bytes(vector::FIRST);
        bytes[at] ^= change;
        prop_assert!(EventMessage::decode(&bytes).is_err());
    }

    #[test]
    fn messages_of_the_rust_sdk_are_decoded(
        text in ".{0,40}",
        bytes in prop::collection::vec(any::<u8>(), 0..64),
        millis in -(1i64 << 50)..(1i64 << 50),
        payload in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let date = DateTime::from_millis(millis);
        let message = Message::new(payload.clone())
            .add_header(AwsHeader::new("text", AwsValue::String(text.clone().into())))
            .add_header(AwsHeader::new("bytes", AwsValue::ByteArray(bytes.clone().into())))
            .add_header(AwsHeader::new("date", AwsValue::Timestamp(date)));
        let mut encoded = Vec::new();
        write_message_to(&message, &mut encoded).unwrap();
        let decoded = EventMessage::decode(&encoded).unwrap();
        prop_assert_eq!(decoded.text("text"), Some(text.as_str()));
        prop_assert_eq!(decoded.bytes("bytes"), Some(bytes.as_slice()));
        prop_assert_eq!(decoded.timestamp("date").map(|(millis, _)| millis), Some(millis));
        prop_assert_eq!(decoded.payload, payload.as_slice());
    }

    #[test]
    fn the_rust_sdk_decodes_encoded_messages(
        value in ".{0,40}",
        payload in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let encoded = encode(&[(":event-type", &value)], &payload);
        let message = read_message_from(encoded.as_slice()).unwrap();
        let header = AwsHeader::new(":event-type", AwsValue::String(value.into()));
        prop_assert_eq!(message.headers(), &[header]);
        prop_assert_eq!(message.payload().as_ref(), payload.as_slice());
    }
}
