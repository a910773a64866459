//! The handshake of a stream: verifies the presigned URL and answers 101, even if the
//! simulator refuses the stream, because a browser cannot read any other answer.

use http::header::{CONNECTION, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use time::OffsetDateTime;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::SharedState;
use super::body::Body;
use super::call::{self, VERIFIER};
use super::connection::Disconnect;
use crate::aws_error::AwsError;
use crate::model::{CheckPlan, StartOutcome};
use crate::reply::Reply;
use crate::sigv4::SignedRequest;
use crate::stream::StreamException;

/// A stream that opens after the answer to its handshake.
pub(super) enum Opening<'a> {
    Refused(StreamException),
    Check(Box<CheckPlan>, CheckGuard<'a>),
}

/// A check under way, which breaks off when the guard is dropped before it is complete.
pub(super) struct CheckGuard<'a> {
    state: &'a SharedState,
    session: uuid::Uuid,
    is_complete: bool,
}

impl CheckGuard<'_> {
    /// Makes the result of the session available.
    pub(super) fn complete(mut self) {
        self.is_complete = true;
    }
}

impl Drop for CheckGuard<'_> {
    fn drop(&mut self) {
        self.state
            .model
            .lock()
            .end_check(self.session, self.is_complete);
    }
}

/// Responds to a handshake, and returns the stream to open. If the future is dropped, a check
/// that has started breaks off.
pub(super) async fn respond<'a>(
    head: &Parts,
    state: &'a SharedState,
) -> Result<(Response<Body>, Option<Opening<'a>>), Disconnect> {
    let _in_flight = state.track_call();
    let Some(accept) = accept_key(head) else {
        return Ok((call::response(Reply::error(&no_handshake())), None));
    };
    let request = SignedRequest {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
        body: b"",
    };
    // A client signs with its wall clock, so compare with the wall clock, not with tokio's.
    let verified = VERIFIER.verify_presigned(&request, OffsetDateTime::now_utc());
    let plan = state
        .model
        .lock()
        .start(request.query, verified, Instant::now());
    let opening = match plan.outcome {
        StartOutcome::NoUpgrade(outcome) => {
            let response = call::carry_out(plan.delay, outcome).await?;
            return Ok((response, None));
        }
        StartOutcome::Refused(exception) => Opening::Refused(exception),
        StartOutcome::Check(check) => {
            let session = check.session;
            Opening::Check(
                check,
                CheckGuard {
                    state,
                    session,
                    is_complete: false,
                },
            )
        }
    };
    tokio::time::sleep(plan.delay).await;
    Ok((switching_protocols(&accept), Some(opening)))
}

/// Returns the key that accepts the handshake, unless the request is none.
fn accept_key(head: &Parts) -> Option<String> {
    let header = |name: HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok());
    let is_upgrade = header(UPGRADE)?.eq_ignore_ascii_case("websocket")
        && header(CONNECTION)?.to_ascii_lowercase().contains("upgrade")
        && header(http::header::SEC_WEBSOCKET_VERSION)? == "13";
    let key = header(SEC_WEBSOCKET_KEY)?;
    (head.method == Method::GET && is_upgrade).then(|| derive_accept_key(key.as_bytes()))
}

fn no_handshake() -> AwsError {
    AwsError {
        status: 426,
        ..AwsError::validation("StartFaceLivenessSession needs a WebSocket handshake, version 13")
    }
}

fn switching_protocols(accept: &str) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    let accept = HeaderValue::from_str(accept).expect("base64 is valid in a header");
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    response
}
