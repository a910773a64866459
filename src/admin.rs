//! The operators' door, plain HTTP: `/livez`, `/readyz`, `/metrics`.
//!
//! It says what it is told and decides nothing. It never passes the gate: a
//! saturated service still answers its probes.
//!
//! An example: from SIGTERM on `/readyz` answers 503 `leaving`, `/livez` 200, until
//! the process is gone.

mod page;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;

use self::page::Form;

/// The door of the operators: plain HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdminSettings {
    /// Where it listens; port 0: a port of the system's choice.
    pub listen: SocketAddr,
}

/// How far the process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Not yet: something is still being waited for.
    Starting,
    /// Send calls.
    Ready,
    /// Send no more: it still finishes what it has.
    Leaving,
}

#[derive(Clone)]
struct Admin {
    registry: Arc<Registry>,
    readiness: watch::Receiver<Readiness>,
    notes: watch::Receiver<String>,
}

/// Serves until `stop`. `/readyz?verbose` adds `notes`, lines that say what is not
/// as it should be though the service is ready.
///
/// # Errors
/// Where `listener` fails permanently.
pub async fn serve(
    listener: TcpListener,
    registry: Arc<Registry>,
    readiness: watch::Receiver<Readiness>,
    notes: watch::Receiver<String>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(Admin {
            registry,
            readiness,
            notes,
        });
    axum::serve(listener, routes)
        .with_graceful_shutdown(stop)
        .await
}

async fn readyz(State(admin): State<Admin>, RawQuery(query): RawQuery) -> impl IntoResponse {
    let (code, word) = match *admin.readiness.borrow() {
        Readiness::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting\n"),
        Readiness::Ready => (StatusCode::OK, "ok\n"),
        Readiness::Leaving => (StatusCode::SERVICE_UNAVAILABLE, "leaving\n"),
    };
    let verbose = query.is_some_and(|query| query.split('&').any(|word| word == "verbose"));
    let notes = if verbose {
        admin.notes.borrow().clone()
    } else {
        String::new()
    };
    (code, word.to_owned() + &notes)
}

async fn metrics(State(admin): State<Admin>, headers: HeaderMap) -> impl IntoResponse {
    let accepted = headers.get_all(header::ACCEPT).iter();
    let accepted: Vec<&str> = accepted.filter_map(|value| value.to_str().ok()).collect();
    let form = Form::accepted_by(&accepted.join(","));
    let (code, content_type, text) = match form.page(&admin.registry) {
        Ok(page) => (StatusCode::OK, form.content_type(), page),
        Err(error) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "text/plain; charset=utf-8",
            error.to_string(),
        ),
    };
    (code, [(header::CONTENT_TYPE, content_type)], text)
}
