//! Verification of [Signature Version 4][sigv4]: in the `Authorization` header, in the query
//! of a presigned URL ([`presigned`]), and of the messages of a stream ([`chunk`]).
//!
//! It implements AWS's description of the algorithm, is tested with AWS's published test
//! suite, and shares no code with the signer of a client. `x-amz-security-token` is
//! accepted and ignored.
//!
//! The checks have the order of AWS: header present, header well-formed, access key,
//! credential scope, time, signature.
//!
//! For example, a client whose clock is six minutes slow signs at 12:00:00, and the
//! request arrives at 12:06:00. It fails with `InvalidSignatureException`, "Signature
//! expired: 20300101T120000Z is now earlier than 20300101T120100Z".
//!
//! [sigv4]: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

mod authorization;
mod canonical;
mod chunk;
mod presigned;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use time::format_description::FormatItem;
use time::macros::format_description;
use time::{Duration, OffsetDateTime, PrimitiveDateTime};

use self::authorization::Authorization;
pub(super) use self::canonical::parameters as query_parameters;
pub(super) use self::chunk::ChunkVerifier;
use super::aws_error::AwsError;

/// The permitted clock skew of a client.
const TOLERANCE: Duration = Duration::minutes(5);
const BASIC_FORMAT: &[FormatItem<'_>] =
    format_description!("[year][month][day]T[hour][minute][second]Z");
pub(super) const MISMATCH: &str = "The request signature we calculated does not match the signature you \
     provided. Check your AWS Secret Access Key and signing method. Consult the service \
     documentation for details.";

/// The parts of a request that the signature covers.
#[derive(Clone, Copy)]
pub(super) struct SignedRequest<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) headers: &'a http::HeaderMap,
    pub(super) body: &'a [u8],
}

/// Verifies the signatures of one key pair for one service.
#[derive(Clone, Copy)]
pub(super) struct Verifier {
    pub(super) access_key: &'static str,
    pub(super) secret_key: &'static str,
    pub(super) service: &'static str,
}

impl Verifier {
    /// Verifies the signature of `request` at `now`.
    pub(super) fn verify(
        &self,
        request: &SignedRequest<'_>,
        now: OffsetDateTime,
    ) -> Result<(), AwsError> {
        let authorization = authorization::parse(request.headers)?;
        let stamp = timestamp(request.headers)?;
        let signed_at = parse_timestamp(stamp)?;
        self.check_access_key(&authorization)?;
        self.check_scope(&authorization, stamp)?;
        check_skew(signed_at, now)?;
        self.check_signature(&authorization, stamp, request)
    }

    fn check_access_key(&self, authorization: &Authorization<'_>) -> Result<(), AwsError> {
        if authorization.access_key == self.access_key {
            return Ok(());
        }
        Err(AwsError::new(
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ))
    }

    fn check_scope(&self, authorization: &Authorization<'_>, stamp: &str) -> Result<(), AwsError> {
        if !authorization.signs("host") {
            return Err(invalid_signature(
                "'Host' must be a 'SignedHeader' in the AWS Authorization header.",
            ));
        }
        if authorization.service != self.service {
            let message = format!(
                "Credential should be scoped to correct service: '{}'.",
                self.service
            );
            return Err(invalid_signature(message));
        }
        if authorization.terminator != "aws4_request" {
            return Err(invalid_signature(format!(
                "Credential should be scoped with a valid terminator: 'aws4_request', not '{}'.",
                authorization.terminator
            )));
        }
        let day = &stamp[..8];
        if authorization.date != day {
            return Err(invalid_signature(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date \
                 from HTTP: '{}' != '{day}', from '{stamp}'.",
                authorization.date
            )));
        }
        Ok(())
    }

    fn check_signature(
        &self,
        authorization: &Authorization<'_>,
        stamp: &str,
        request: &SignedRequest<'_>,
    ) -> Result<(), AwsError> {
        let canonical = canonical::request(request, &authorization.signed_headers);
        let hash = encode_hex(&Sha256::digest(canonical.as_bytes()));
        let scope = authorization.scope();
        let to_sign = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hash}");
        let key = self.signing_key(&scope);
        // `verify_slice` compares in constant time.
        let received = decode_hex(authorization.signature);
        let signature = hmac_sha256(&key).chain_update(to_sign);
        signature
            .verify_slice(&received)
            .map_err(|_| invalid_signature(MISMATCH))
    }

    /// Derives the key of a credential scope.
    fn signing_key(&self, scope: &str) -> Vec<u8> {
        let key = format!("AWS4{}", self.secret_key).into_bytes();
        scope.split('/').fold(key, |key, part| {
            let part = hmac_sha256(&key).chain_update(part);
            part.finalize().into_bytes().to_vec()
        })
    }
}

fn hmac_sha256(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

fn invalid_signature(message: impl Into<String>) -> AwsError {
    AwsError::new("InvalidSignatureException", message)
}

fn incomplete_signature(message: impl Into<String>) -> AwsError {
    AwsError::new("IncompleteSignatureException", message)
}

fn timestamp(headers: &http::HeaderMap) -> Result<&str, AwsError> {
    let stamp = headers
        .get("x-amz-date")
        .or_else(|| headers.get(http::header::DATE));
    stamp.and_then(|value| value.to_str().ok()).ok_or_else(|| {
        incomplete_signature(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
        )
    })
}

fn parse_timestamp(stamp: &str) -> Result<OffsetDateTime, AwsError> {
    let parsed = PrimitiveDateTime::parse(stamp, BASIC_FORMAT).map(PrimitiveDateTime::assume_utc);
    parsed.map_err(|_| {
        incomplete_signature(format!(
            "Date must be in ISO-8601 'basic format'. Got '{stamp}'."
        ))
    })
}

fn check_skew(signed_at: OffsetDateTime, now: OffsetDateTime) -> Result<(), AwsError> {
    let (earliest, latest) = (now - TOLERANCE, now + TOLERANCE);
    let [signed, at, early, late] = [signed_at, now, earliest, latest].map(format_basic);
    if signed_at < earliest {
        return Err(invalid_signature(format!(
            "Signature expired: {signed} is now earlier than {early} ({at} - 5 min.)"
        )));
    }
    if signed_at > latest {
        return Err(invalid_signature(format!(
            "Signature not yet current: {signed} is still later than {late} ({at} + 5 min.)"
        )));
    }
    Ok(())
}

fn format_basic(instant: OffsetDateTime) -> String {
    instant
        .format(BASIC_FORMAT)
        .unwrap_or_else(|_| instant.to_string())
}

fn encode_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Decodes lower-case hex. Other text gives an empty vector, which equals no signature.
fn decode_hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes: Option<Vec<u8>> = pairs
        .iter()
        .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
        .collect();
    bytes.filter(|_| rest.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) mod vector;
