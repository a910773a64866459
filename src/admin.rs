//! The admin listener, plain HTTP: `/livez`, `/readyz`, `/metrics`.
//!
//! It reports the state that it receives and decides nothing. Its requests bypass
//! admission control, so that a saturated service still answers its probes.
//!
//! For example, from SIGTERM until the process ends, `/readyz` returns 503 `draining` and
//! `/livez` returns 200.

mod listener;
mod metrics_format;

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

use self::metrics_format::MetricsFormat;

/// The settings of the admin listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdminSettings {
    /// The address; port 0 selects a free port.
    pub listen: SocketAddr,
}

/// Whether the service accepts calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Not yet: the service is starting, and waits for this.
    Starting(String),
    /// The service accepts calls.
    Ready,
    /// The service is shutting down: it finishes its calls and must not get new ones.
    Draining,
}

/// Returns lines about parts that need attention.
pub type Notes = Arc<dyn Fn() -> String + Send + Sync>;

#[derive(Clone)]
struct AdminState {
    registry: Arc<Registry>,
    readiness: watch::Receiver<Readiness>,
    notes: Notes,
}

/// Serves until it is dropped. `/readyz?verbose` adds what is missing while the service
/// starts, and `notes`.
pub async fn serve(
    listener: TcpListener,
    registry: Arc<Registry>,
    readiness: watch::Receiver<Readiness>,
    notes: Notes,
) {
    let routes = Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(AdminState {
            registry,
            readiness,
            notes,
        });
    listener::serve(listener, routes).await;
}

async fn readyz(State(admin): State<AdminState>, RawQuery(query): RawQuery) -> impl IntoResponse {
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    let (code, text, missing) = match &*admin.readiness.borrow() {
        Readiness::Starting(missing) => (unavailable, "starting", format!("missing: {missing}\n")),
        Readiness::Ready => (StatusCode::OK, "ok", String::new()),
        Readiness::Draining => (unavailable, "draining", String::new()),
    };
    let is_verbose = query.is_some_and(|query| query.split('&').any(|key| key == "verbose"));
    let notes = match is_verbose {
        true => missing + &(admin.notes)(),
        false => String::new(),
    };
    (code, format!("{text}\n{notes}"))
}

async fn metrics(State(admin): State<AdminState>, headers: HeaderMap) -> impl IntoResponse {
    let accepted = headers.get_all(header::ACCEPT).iter();
    let accepted: Vec<&str> = accepted.filter_map(|value| value.to_str().ok()).collect();
    let format = MetricsFormat::accepted_by(&accepted.join(","));
    let (code, content_type, text) = match format.encode(&admin.registry) {
        Ok(text) => (StatusCode::OK, format.content_type(), text),
        Err(error) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "text/plain; charset=utf-8",
            error.to_string(),
        ),
    };
    (code, [(header::CONTENT_TYPE, content_type)], text)
}
