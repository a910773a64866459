//! Refuses HTTP requests that are not gRPC, before anything else.
//!
//! A browser sends a `GET`, a form or `text/plain` to any host without asking it first
//! ([simple requests](https://fetch.spec.whatwg.org/#cors-safelisted-method)), and
//! `tonic` reads neither the method nor the content type. Only `POST` with
//! `application/grpc` or `application/grpc+proto` is a call
//! ([protocol](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md)).

use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use tonic::body::Body;

/// Returns the response that refuses `request`, if it is not gRPC.
pub(super) fn refuse<B>(request: &Request<B>) -> Option<Response<Body>> {
    let status = refusal_status(request)?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    if status == StatusCode::METHOD_NOT_ALLOWED {
        let post = HeaderValue::from_static("POST");
        response.headers_mut().insert(ALLOW, post);
    }
    Some(response)
}

/// Returns the HTTP status for `request`, if it is not gRPC.
fn refusal_status<B>(request: &Request<B>) -> Option<StatusCode> {
    if request.method() != Method::POST {
        Some(StatusCode::METHOD_NOT_ALLOWED)
    } else if !is_grpc(request.headers()) {
        Some(StatusCode::UNSUPPORTED_MEDIA_TYPE)
    } else {
        None
    }
}

/// Returns whether there is one content type, and it is gRPC's. Its parameters are ignored.
fn is_grpc(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let value = value.as_bytes();
    let media_type = value.split(|byte| *byte == b';').next().unwrap_or(value);
    let media_type = media_type.trim_ascii();
    [&b"application/grpc"[..], b"application/grpc+proto"]
        .iter()
        .any(|grpc| media_type.eq_ignore_ascii_case(grpc))
}
