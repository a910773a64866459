//! One call of the AWS protocol: verifies the signature and carries out the plan of the
//! model.

use std::time::Duration;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use hyper::body::Incoming;
use time::OffsetDateTime;
use tokio::time::Instant;
use uuid::Uuid;

use super::SharedState;
use super::body::{self, Body};
use super::connection::Disconnect;
use crate::aws_error::AwsError;
use crate::model::{Outcome, Plan};
use crate::operation::Operation;
use crate::reply::Reply;
use crate::sigv4::{SignedRequest, Verifier};
use crate::{ACCESS_KEY, SECRET_KEY};

pub(super) const VERIFIER: Verifier = Verifier {
    access_key: ACCESS_KEY,
    secret_key: SECRET_KEY,
    service: "rekognition",
};

/// Responds to a call or disconnects. If the future is dropped after the body was read,
/// the call has taken effect.
pub(super) async fn respond(
    head: &Parts,
    body: Incoming,
    state: &SharedState,
) -> Result<Response<Body>, Disconnect> {
    let _in_flight = state.track_call();
    let body = match body::read(body).await {
        Ok(body) => body,
        Err(error) => return Ok(response(Reply::error(&error))),
    };
    let plan = match operation(head) {
        Ok(operation) => plan(operation, head, &body, state),
        Err(error) => return Ok(response(Reply::error(&error))),
    };
    carry_out(plan.delay, plan.outcome).await
}

/// Responds or disconnects after a delay.
pub(super) async fn carry_out(
    delay: Duration,
    outcome: Outcome,
) -> Result<Response<Body>, Disconnect> {
    tokio::time::sleep(delay).await;
    match outcome {
        Outcome::Reply(reply) => Ok(response(reply)),
        Outcome::Reset => Err(Disconnect::Reset),
        Outcome::Close => Err(Disconnect::Close),
        Outcome::Hang => std::future::pending().await,
    }
}

/// Returns the operation of a request, or an error if it is not a call of AWS JSON 1.1.
fn operation(head: &Parts) -> Result<Operation, AwsError> {
    let unknown = AwsError::unknown_operation();
    if head.method != Method::POST || head.uri.path() != "/" {
        return Err(AwsError {
            status: 404,
            ..unknown
        });
    }
    let content_type = text(&head.headers, CONTENT_TYPE.as_str());
    if content_type != "application/x-amz-json-1.1" {
        return Err(unknown);
    }
    Operation::from_target(text(&head.headers, "x-amz-target")).ok_or(unknown)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn plan(operation: Operation, head: &Parts, body: &[u8], state: &SharedState) -> Plan {
    let request = SignedRequest {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
        body,
    };
    // A client signs with its wall clock, so compare with the wall clock, not with tokio's.
    match VERIFIER.verify(&request, OffsetDateTime::now_utc()) {
        Ok(()) => state.model.lock().receive(operation, body, Instant::now()),
        Err(error) => state.model.lock().reject_signature(operation, &error),
    }
}

pub(super) fn response(reply: Reply) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if let Some(content_type) = reply.content_type {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    if reply.has_request_id {
        insert(headers, "x-amzn-requestid", &Uuid::new_v4().to_string());
    }
    if let Some(error_type) = &reply.error_type {
        insert(headers, "x-amzn-errortype", error_type);
    }
    if let Some(wait) = reply.retry_after {
        insert(headers, "x-amz-retry-after", &wait.as_millis().to_string());
    }
    if reply.cut_off {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(reply.body.len()));
        *response.body_mut() = body::cut_off(reply.body);
    } else {
        *response.body_mut() = body::complete(reply.body);
    }
    response
}

/// Sets a header, unless the value is not valid in a header.
fn insert(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
