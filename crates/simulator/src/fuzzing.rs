//! Entry points of the fuzz targets.

use aws_smithy_eventstream::frame::read_message_from;

use crate::event_stream::EventMessage;
use crate::stream::ClientEvent;

/// Decodes a message of a client, as received and with correct lengths and checksums.
///
/// # Panics
/// If AWS's decoder does not return the same payload.
pub fn client_message(bytes: &[u8]) {
    decode(bytes);
    if let Some(corrected) = corrected(bytes) {
        decode(&corrected);
    }
}

fn decode(bytes: &[u8]) {
    let Ok(message) = EventMessage::decode(bytes) else {
        return;
    };
    let theirs = read_message_from(bytes).expect("AWS's decoder accepts the message");
    assert_eq!(theirs.payload().as_ref(), message.payload);
    let _ = ClientEvent::parse(&message);
    decode(message.payload);
}

/// Returns the message with the total length and checksums that its bytes require.
fn corrected(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = bytes.to_vec();
    let length = u32::try_from(bytes.len()).ok()?;
    let body_end = bytes.len().checked_sub(4).filter(|end| *end >= 12)?;
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    let prelude = crc32fast::hash(&bytes[..8]);
    bytes[8..12].copy_from_slice(&prelude.to_be_bytes());
    let message = crc32fast::hash(&bytes[..body_end]);
    bytes[body_end..].copy_from_slice(&message.to_be_bytes());
    Some(bytes)
}
