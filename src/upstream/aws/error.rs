//! Classifies SDK errors by AWS's error code, or by the HTTP status if there is no code.
//!
//! For example, `ThrottlingException` with status 400 is `Throttled`. With status 500
//! (AWS's backend is scaling up) it is `Unavailable`, which must not lower the rate. A
//! proxy's HTML page with status 503 has no code and is `Unavailable`.

use std::error::Error;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_rekognition::config::http::HttpResponse;
use aws_sdk_rekognition::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_rekognition::operation::RequestId as _;

use crate::upstream::{UpstreamError, UpstreamErrorKind as Kind};

/// The length limit of AWS's messages, in bytes. They are sent in HTTP/2 headers, of
/// which clients accept 8 KiB; percent-encoding triples bytes that are not ASCII.
const MAX_MESSAGE_BYTES: usize = 500;

/// The length limit of AWS's error codes and request ids, in bytes.
pub(super) const MAX_CODE_BYTES: usize = 64;

/// The upper bound on the delay that AWS can ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

/// Converts an SDK error.
pub(super) fn from_sdk<E>(error: &SdkError<E, HttpResponse>) -> UpstreamError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let http_status = error
        .raw_response()
        .map(|response| response.status().as_u16());
    let code = error.code().filter(|code| !code.is_empty());
    let kind = match error {
        SdkError::TimeoutError(_) => Kind::Timeout,
        SdkError::ServiceError(_) => classify(code, http_status),
        SdkError::ResponseError(_) if http_status.is_some_and(|s| (200..300).contains(&s)) => {
            Kind::InvalidResponse
        }
        SdkError::ResponseError(_) => classify(None, http_status),
        _ if is_credentials_error(error) => Kind::Credentials,
        SdkError::DispatchFailure(_) => Kind::Unavailable,
        _ => Kind::Unknown,
    };
    // AWS's message names the session, which must not reach logs or other callers.
    let message = error.message().filter(|_| kind != Kind::SessionNotFound);
    // A response with an error code says all itself.
    let cause = code
        .is_none()
        .then(|| sanitize(&text(error), MAX_MESSAGE_BYTES));
    UpstreamError {
        kind,
        code: code.map(|code| sanitize(code, MAX_CODE_BYTES)),
        message: message.map(|message| sanitize(message, MAX_MESSAGE_BYTES)),
        cause,
        aws_request_id: error.request_id().map(|id| sanitize(id, MAX_CODE_BYTES)),
        http_status,
        retry_after: error.raw_response().and_then(retry_after),
    }
}

/// Returns the kind for an error code, or for the status if there is no code.
pub(super) fn classify(code: Option<&str>, status: Option<u16>) -> Kind {
    match code {
        Some(code) => by_code(code, status),
        None => status.map_or(Kind::Unavailable, by_status),
    }
}

fn by_code(code: &str, status: Option<u16>) -> Kind {
    match code {
        "ThrottlingException" if status == Some(500) => Kind::Unavailable,
        // The codes that the SDK treats as throttling (aws-runtime, `THROTTLING_ERRORS`),
        // except LimitExceededException.
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottledException"
        | "TooManyRequestsException"
        | "ProvisionedThroughputExceededException"
        | "TransactionInProgressException"
        | "RequestLimitExceeded"
        | "BandwidthLimitExceeded"
        | "RequestThrottled"
        | "SlowDown"
        | "PriorRequestNotComplete"
        | "EC2ThrottledException" => Kind::Throttled,
        "LimitExceededException" | "ServiceQuotaExceededException" => Kind::QuotaExceeded,
        "InternalServerError" | "InternalFailure" | "InternalServerException" => Kind::Internal,
        "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "RequestTimeout"
        | "RequestTimeoutException" => Kind::Unavailable,
        "InvalidParameterException" | "ValidationException" => Kind::InvalidParameter,
        "AccessDeniedException" | "AccessDenied" => Kind::AccessDenied,
        "ExpiredTokenException"
        | "ExpiredToken"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "RequestExpired" => Kind::Credentials,
        "SessionNotFoundException" => Kind::SessionNotFound,
        "IdempotentParameterMismatchException" => Kind::RequestConflict,
        _ => Kind::Unknown,
    }
}

/// Returns the kind for a response without AWS's error code, which is a proxy's as a rule
/// ([RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#section-15)).
fn by_status(status: u16) -> Kind {
    match status {
        200..=299 => Kind::InvalidResponse,
        // A redirect, for example to a login page. The SDK does not follow it.
        300..=399 => Kind::Unavailable,
        403 => Kind::AccessDenied,
        // The proxy wants credentials of its own.
        407 => Kind::Unavailable,
        // The request did not arrive in time, took the wrong connection, or arrived too early
        // in a TLS handshake: another attempt may succeed.
        408 | 421 | 425 => Kind::Unavailable,
        429 => Kind::Throttled,
        500 => Kind::Internal,
        // Includes 511, a network that wants a login.
        501..=599 => Kind::Unavailable,
        // A request that a proxy refuses, such as 401, 404 or 413, and statuses without a
        // meaning.
        _ => Kind::Unknown,
    }
}

fn is_credentials_error(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| cause.is::<CredentialsError>())
}

/// Returns the texts of an error and its causes on one line, without repetition.
pub(super) fn text(error: &(dyn Error + 'static)) -> String {
    const NOT_ENABLED: &str = "the credential provider was not enabled";
    let mut texts: Vec<String> = Vec::new();
    for cause in causes(error).map(ToString::to_string) {
        if texts.last().is_none_or(|last| !last.contains(&cause)) {
            texts.push(cause);
        }
    }
    let text = texts.join(": ");
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let text = lines.join("; ").replace(". Attempted:; ", ": ");
    let text = text.replace(&format!("{NOT_ENABLED}: "), "");
    text.replace(&format!(": {NOT_ENABLED}"), ": not configured")
}

/// Iterates over an error and its causes.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

fn retry_after(response: &HttpResponse) -> Option<Duration> {
    let millis = response
        .headers()
        .get("x-amz-retry-after")?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_millis(millis).min(MAX_RETRY_AFTER))
}

/// Truncates `text` and replaces control characters by spaces, for logs and headers.
pub(super) fn sanitize(text: &str, max_bytes: usize) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    let truncated = &text[..text.floor_char_boundary(max_bytes)];
    truncated.chars().map(printable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_decides_and_the_status_only_without_a_code() {
        let rows = [
            (Some("ThrottlingException"), Some(400), Kind::Throttled),
            (Some("ThrottlingException"), Some(500), Kind::Unavailable),
            (
                Some("ProvisionedThroughputExceededException"),
                Some(400),
                Kind::Throttled,
            ),
            (
                Some("LimitExceededException"),
                Some(400),
                Kind::QuotaExceeded,
            ),
            (Some("AccessDeniedException"), Some(500), Kind::AccessDenied),
            (Some("SomethingNew"), Some(503), Kind::Unknown),
            (None, None, Kind::Unavailable),
        ];
        for (code, status, kind) in rows {
            assert_eq!(classify(code, status), kind, "{code:?} {status:?}");
        }
    }

    #[test]
    fn a_status_without_a_code_proves_only_in_case_of_429_that_no_session_exists() {
        let rows = [
            (&[200, 204][..], Kind::InvalidResponse, true),
            (&[302, 307, 407], Kind::Unavailable, true),
            (&[408, 421, 425], Kind::Unavailable, true),
            (
                &[501, 502, 503, 504, 511, 520, 599],
                Kind::Unavailable,
                true,
            ),
            (&[500], Kind::Internal, true),
            (&[429], Kind::Throttled, false),
            (&[403], Kind::AccessDenied, true),
            (
                &[400, 401, 404, 413, 426, 431, 451, 499],
                Kind::Unknown,
                true,
            ),
            (&[101, 600, 999], Kind::Unknown, true),
        ];
        for (statuses, kind, is_outcome_unknown) in rows {
            for status in statuses {
                let error = UpstreamError {
                    http_status: Some(*status),
                    ..UpstreamError::bare(classify(None, Some(*status)))
                };
                let found = (error.kind, error.is_outcome_unknown());
                assert_eq!(found, (kind, is_outcome_unknown), "{status}");
            }
        }
    }

    #[test]
    fn a_refusal_by_aws_proves_that_no_session_exists() {
        for (code, aws_request_id) in [(Some("Never.Seen"), None), (None, Some("an id"))] {
            for (status, is_outcome_unknown) in
                [(400, false), (403, false), (404, false), (599, true)]
            {
                let error = UpstreamError {
                    code: code.map(str::to_owned),
                    aws_request_id: aws_request_id.map(str::to_owned),
                    http_status: Some(status),
                    ..UpstreamError::bare(classify(code, Some(status)))
                };
                assert_eq!(error.is_outcome_unknown(), is_outcome_unknown, "{error:?}");
            }
        }
    }

    #[test]
    fn a_message_is_one_line_of_limited_length() {
        assert_eq!(sanitize("a\nb\0c", 9), "a b c");
        assert_eq!(sanitize(&"é".repeat(9999), 501), "é".repeat(250));
    }
}
