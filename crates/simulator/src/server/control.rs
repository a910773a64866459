//! Control requests, outside the AWS protocol: statistics, scripted faults, and the outcomes
//! of sessions.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use hyper::body::Incoming;
use uuid::Uuid;

use super::SharedState;
use super::body::{self, Body};
use crate::check_outcome::CheckOutcome;
use crate::fault::{Fault, FaultError};

/// The prefix of control paths, which AWS does not use.
pub(super) const PREFIX: &str = "/_simulator/";

/// Responds to a control request. If the future is dropped before it completes, the
/// request has no effect.
pub(super) async fn respond(head: &Parts, body: Incoming, state: &SharedState) -> Response<Body> {
    let command = head.uri.path().trim_start_matches(PREFIX);
    match (head.method.as_str(), command) {
        ("GET", "stats") => stats(state),
        ("POST", "reset-stats") => {
            state.model.lock().reset_stats();
            plain(StatusCode::OK, "stats reset\n".to_owned())
        }
        ("POST", "faults") => match body::read(body).await {
            Ok(lines) => enqueue(&lines, state),
            Err(error) => plain(StatusCode::BAD_REQUEST, format!("{}\n", error.message)),
        },
        ("DELETE", "faults") => {
            state.model.lock().clear_faults();
            plain(StatusCode::OK, "faults cleared\n".to_owned())
        }
        (method, command) => {
            if let ("POST", Some(session)) = (method, session_of(command)) {
                return match body::read(body).await {
                    Ok(outcome) => set_outcome(session, &outcome, state),
                    Err(error) => plain(StatusCode::BAD_REQUEST, format!("{}\n", error.message)),
                };
            }
            let supported = "GET stats, POST reset-stats, POST faults, DELETE faults, \
                 POST sessions/ID/outcome";
            let path = head.uri.path();
            let message = format!("unknown request {method} {path}: must be {supported}\n");
            plain(StatusCode::NOT_FOUND, message)
        }
    }
}

fn stats(state: &SharedState) -> Response<Body> {
    match serde_json::to_string_pretty(&state.stats()) {
        Ok(stats) => typed(StatusCode::OK, "application/json", stats + "\n"),
        Err(error) => plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("stats: {error}\n"),
        ),
    }
}

/// Enqueues all faults, or none if one is invalid.
fn enqueue(lines: &Bytes, state: &SharedState) -> Response<Body> {
    match parse_faults(&String::from_utf8_lossy(lines)) {
        Ok(faults) => {
            let message = format!("{} faults enqueued\n", faults.len());
            state.model.lock().enqueue(faults);
            plain(StatusCode::OK, message)
        }
        Err(error) => plain(StatusCode::BAD_REQUEST, format!("{error}\n")),
    }
}

/// Returns the session of `sessions/ID/outcome`.
fn session_of(command: &str) -> Option<&str> {
    command.strip_prefix("sessions/")?.strip_suffix("/outcome")
}

fn set_outcome(session: &str, outcome: &Bytes, state: &SharedState) -> Response<Body> {
    let outcome = String::from_utf8_lossy(outcome);
    let outcome = match outcome.trim().parse::<CheckOutcome>() {
        Ok(outcome) => outcome,
        Err(error) => return plain(StatusCode::BAD_REQUEST, format!("{error}\n")),
    };
    let is_known =
        Uuid::try_parse(session).is_ok_and(|id| state.model.lock().set_outcome(id, outcome));
    if is_known {
        plain(StatusCode::OK, "outcome set\n".to_owned())
    } else {
        plain(
            StatusCode::NOT_FOUND,
            format!("no session has the id {session:?}\n"),
        )
    }
}

fn parse_faults(lines: &str) -> Result<Vec<Fault>, FaultError> {
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
    let mut response = Response::new(body::complete(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
