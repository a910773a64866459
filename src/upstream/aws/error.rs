//! What the SDK's errors mean: by AWS's code first, by the HTTP status only where
//! no code can be read.
//!
//! An example: `ThrottlingException` with status 400 is `Throttled`, with 500
//! (AWS: its backend is scaling up) `Unavailable`, which is no reason to lower
//! our rate. A proxy's HTML page with 503 has no code: `Unavailable`.

use std::error::Error;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_rekognition::config::http::HttpResponse;
use aws_sdk_rekognition::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_rekognition::operation::RequestId as _;

use crate::upstream::{UpstreamError, UpstreamErrorKind as Kind};

/// AWS's words are kept up to this many bytes. They leave in headers, of which
/// clients read 8 KiB: there a byte that is not ASCII becomes three.
const LONGEST_MESSAGE: usize = 500;

/// AWS's codes and request ids are kept up to this many.
pub(super) const LONGEST_CODE: usize = 64;

/// Nobody is sent away for longer, whatever AWS asks.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(30);

pub(super) fn translate<E>(error: &SdkError<E, HttpResponse>) -> UpstreamError
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
        _ if names_credentials(error) => Kind::Credentials,
        SdkError::DispatchFailure(_) => Kind::Unavailable,
        _ => Kind::Unknown,
    };
    // AWS names the session it does not find; nobody else shall read that.
    let message = error.message().filter(|_| kind != Kind::SessionNotFound);
    UpstreamError {
        kind,
        code: code.map(|code| shorten(code, LONGEST_CODE)),
        message: message.map(|message| shorten(message, LONGEST_MESSAGE)),
        aws_request_id: error.request_id().map(|id| shorten(id, LONGEST_CODE)),
        http_status,
        retry_after: error.raw_response().and_then(retry_after),
    }
}

/// What a code means, or a status where there is no code.
pub(super) fn classify(code: Option<&str>, status: Option<u16>) -> Kind {
    match code {
        Some(code) => by_code(code, status),
        None => status.map_or(Kind::Unavailable, by_status),
    }
}

fn by_code(code: &str, status: Option<u16>) -> Kind {
    match code {
        "ThrottlingException" if status == Some(500) => Kind::Unavailable,
        // The codes that the SDK itself takes for throttling (aws-runtime,
        // `THROTTLING_ERRORS`), except LimitExceededException.
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

fn by_status(status: u16) -> Kind {
    match status {
        429 => Kind::Throttled,
        403 => Kind::AccessDenied,
        500 => Kind::Internal,
        501..=599 => Kind::Unavailable,
        200..=299 => Kind::InvalidResponse,
        _ => Kind::Unknown,
    }
}

fn names_credentials(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| cause.is::<CredentialsError>())
}

/// An error and all that is behind it.
pub(super) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
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
    Some(Duration::from_millis(millis).min(LONGEST_RETRY_AFTER))
}

/// One line of bounded length, whatever came: it goes into logs and headers.
pub(super) fn shorten(text: &str, most_bytes: usize) -> String {
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    let kept = &text[..text.floor_char_boundary(most_bytes)];
    kept.chars().map(visible).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_decides_and_a_status_only_where_there_is_none() {
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
            (None, Some(429), Kind::Throttled),
            (None, Some(403), Kind::AccessDenied),
            (None, Some(404), Kind::Unknown),
            (None, Some(500), Kind::Internal),
            (None, Some(503), Kind::Unavailable),
            (None, Some(200), Kind::InvalidResponse),
            (None, None, Kind::Unavailable),
        ];
        for (code, status, kind) in rows {
            assert_eq!(classify(code, status), kind, "{code:?} {status:?}");
        }
    }

    #[test]
    fn a_message_is_one_line_of_bounded_length() {
        assert_eq!(shorten("a\nb\0c", 9), "a b c");
        assert_eq!(shorten(&"é".repeat(9999), 501), "é".repeat(250));
    }
}
