//! What tests and people ask of the simulator itself: counts and faults.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use hyper::body::Incoming;

use super::Shared;
use super::body::{self, Body};
use crate::fault::{Fault, FaultError};

/// Where the paths of this module begin; AWS has none of them.
pub(super) const PREFIX: &str = "/_simulator/";

/// Answers a request that is not AWS's. Dropped half way, it has no effect.
pub(super) async fn respond(head: &Parts, body: Incoming, shared: &Shared) -> Response<Body> {
    let what = head.uri.path().trim_start_matches(PREFIX);
    match (head.method.as_str(), what) {
        ("GET", "stats") => stats(shared),
        ("POST", "reset-stats") => {
            shared.model().reset_stats();
            plain(StatusCode::OK, "stats reset\n".to_owned())
        }
        ("POST", "faults") => match body::read(body).await {
            Ok(lines) => enqueue(&lines, shared),
            Err(refusal) => plain(StatusCode::BAD_REQUEST, format!("{}\n", refusal.message)),
        },
        ("DELETE", "faults") => {
            shared.model().clear_faults();
            plain(StatusCode::OK, "no faults wait\n".to_owned())
        }
        (method, _) => {
            let known = "GET stats, POST reset-stats, POST faults, DELETE faults";
            let message = format!("no {method} {}; there are {known}\n", head.uri.path());
            plain(StatusCode::NOT_FOUND, message)
        }
    }
}

fn stats(shared: &Shared) -> Response<Body> {
    match serde_json::to_string_pretty(&shared.stats()) {
        Ok(stats) => typed(StatusCode::OK, "application/json", stats + "\n"),
        Err(error) => plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("stats: {error}\n"),
        ),
    }
}

/// Enqueues all the faults, or none where one cannot be read.
fn enqueue(lines: &Bytes, shared: &Shared) -> Response<Body> {
    match read_faults(&String::from_utf8_lossy(lines)) {
        Ok(faults) => {
            let message = format!("{} faults enqueued\n", faults.len());
            shared.model().enqueue(faults);
            plain(StatusCode::OK, message)
        }
        Err(error) => plain(StatusCode::BAD_REQUEST, format!("{error}\n")),
    }
}

fn read_faults(lines: &str) -> Result<Vec<Fault>, FaultError> {
    lines
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::parse)
        .collect()
}

fn plain(status: StatusCode, message: String) -> Response<Body> {
    typed(status, "text/plain; charset=utf-8", message)
}

fn typed(status: StatusCode, content_type: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(body::whole(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
