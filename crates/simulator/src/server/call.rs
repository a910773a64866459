//! One call of the AWS protocol: checks the signature, asks the model, does
//! what it plans.

use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use hyper::body::Incoming;
use time::OffsetDateTime;
use tokio::time::Instant;
use uuid::Uuid;

use super::Shared;
use super::body::{self, Body};
use super::connection::HangUp;
use crate::model::{Outcome, Plan};
use crate::operation::Operation;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::sigv4::{Signed, Verifier};
use crate::{ACCESS_KEY, SECRET_KEY};

const VERIFIER: Verifier = Verifier {
    access_key: ACCESS_KEY,
    secret_key: SECRET_KEY,
    service: "rekognition",
};

/// Answers a call, or hangs up. Dropped after its body was read, the call has
/// taken effect all the same.
pub(super) async fn respond(
    head: &Parts,
    body: Incoming,
    shared: &Shared,
) -> Result<Response<Body>, HangUp> {
    let _in_flight = shared.arrive();
    let body = match body::read(body).await {
        Ok(body) => body,
        Err(refusal) => return Ok(response(Reply::refusal(&refusal))),
    };
    let plan = match operation(head) {
        Ok(operation) => plan(operation, head, &body, shared),
        Err(refusal) => return Ok(response(Reply::refusal(&refusal))),
    };
    tokio::time::sleep(plan.wait).await;
    match plan.outcome {
        Outcome::Reply(reply) => Ok(response(reply)),
        Outcome::Reset => Err(HangUp::Reset),
        Outcome::Close => Err(HangUp::Close),
        Outcome::Hang => std::future::pending().await,
    }
}

/// The operation that is called, where it is called as AWS wants it.
fn operation(head: &Parts) -> Result<Operation, Refusal> {
    let unknown = Refusal::unknown_operation();
    if head.method != Method::POST || head.uri.path() != "/" {
        return Err(Refusal {
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

fn plan(operation: Operation, head: &Parts, body: &[u8], shared: &Shared) -> Plan {
    let signed = Signed {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
        body,
    };
    // A signature is made by the client's wall clock, so it is held to ours.
    match VERIFIER.verify(&signed, OffsetDateTime::now_utc()) {
        Ok(()) => shared.model().receive(operation, body, Instant::now()),
        Err(refusal) => shared.model().refuse_signature(operation, &refusal),
    }
}

fn response(reply: Reply) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if let Some(content_type) = reply.content_type {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    if reply.from_aws {
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
        *response.body_mut() = body::whole(reply.body);
    }
    response
}

/// Sets a header; what cannot stand in one is left out.
fn insert(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
