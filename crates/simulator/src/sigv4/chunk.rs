//! Verification of the [signed messages][chunks] of an event stream. Each signature covers
//! the one before it, so a message cannot be repeated, dropped or reordered.
//!
//! [chunks]: https://docs.aws.amazon.com/transcribe/latest/dg/streaming-http2.html

use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use super::authorization::Authorization;
use super::{AwsError, MISMATCH, encode_hex, format_basic, hmac_sha256, invalid_signature};
use crate::event_stream::EventMessage;

/// Verifies the messages of one stream, in order.
#[derive(Clone, Debug)]
pub(crate) struct ChunkVerifier {
    key: Hmac<Sha256>,
    scope: String,
    /// The signature before, in hex: first that of the URL.
    prior: String,
}

impl ChunkVerifier {
    pub(super) fn new(key: &[u8], authorization: &Authorization<'_>) -> Self {
        Self {
            key: hmac_sha256(key),
            scope: authorization.scope(),
            prior: authorization.signature.to_owned(),
        }
    }

    /// Verifies the next message and returns its payload.
    pub(crate) fn verify<'a>(&mut self, message: &EventMessage<'a>) -> Result<&'a [u8], AwsError> {
        let (date, signature) = (
            message.timestamp(":date"),
            message.bytes(":chunk-signature"),
        );
        let (Some((millis, encoded)), Some(signature)) = (date, signature) else {
            return Err(invalid_signature(
                "An event stream message must have the headers ':date' and ':chunk-signature'.",
            ));
        };
        let signed_at =
            OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000)
                .map_err(|_| invalid_signature(format!("':date' {millis} is out of range.")))?;
        let to_sign = [
            "AWS4-HMAC-SHA256-PAYLOAD",
            &format_basic(signed_at),
            &self.scope,
            &self.prior,
            &encode_hex(&Sha256::digest(encoded)),
            &encode_hex(&Sha256::digest(message.payload)),
        ]
        .join("\n");
        // `verify_slice` compares in constant time.
        let mac = self.key.clone().chain_update(to_sign);
        mac.verify_slice(signature)
            .map_err(|_| invalid_signature(MISMATCH))?;
        self.prior = encode_hex(signature);
        Ok(message.payload)
    }
}
