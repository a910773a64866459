//! The admin listener, plain HTTP: `/livez`, `/readyz`, `/metrics`, `/status`, and a page
//! for people at `/`.
//!
//! It reports the state that it receives and decides nothing. Its requests bypass
//! admission control, so that a saturated service still answers its probes.
//!
//! For example, from SIGTERM until the process ends, `/readyz` returns 503 `draining` and
//! `/livez` returns 200.

mod listener;
mod metrics_format;
mod page;
mod status;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use self::metrics_format::MetricsFormat;
use self::page::PAGE;
use self::status::StatusCache;

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

/// What the admin listener reports.
pub struct AdminSources {
    /// The metrics.
    pub registry: Arc<Registry>,
    /// Whether the service accepts calls.
    pub readiness: watch::Receiver<Readiness>,
    /// `/readyz?verbose` adds them.
    pub notes: Notes,
    /// Returns the state of all parts, a JSON object.
    pub status: Arc<dyn Fn() -> Value + Send + Sync>,
}

#[derive(Clone)]
struct AdminState {
    sources: Arc<AdminSources>,
    status: Arc<StatusCache>,
}

/// Serves until it is dropped.
pub async fn serve(listener: TcpListener, sources: AdminSources) {
    let page = page::headers();
    let routes = Router::new()
        .route("/", get(async || (page, PAGE)))
        .route("/status", get(status))
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(AdminState {
            sources: Arc::new(sources),
            status: Arc::default(),
        });
    listener::serve(listener, routes).await;
}

async fn readyz(State(admin): State<AdminState>, RawQuery(query): RawQuery) -> impl IntoResponse {
    let (text, reasons) = readiness(&admin.sources);
    let code = match text {
        "ok" => StatusCode::OK,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    let is_verbose = query.is_some_and(|query| query.split('&').any(|key| key == "verbose"));
    let reasons = if is_verbose { reasons } else { String::new() };
    (code, format!("{text}\n{reasons}"))
}

/// Returns the readiness, and lines about what is missing or needs attention.
fn readiness(sources: &AdminSources) -> (&'static str, String) {
    let (text, missing) = match &*sources.readiness.borrow() {
        Readiness::Starting(missing) => ("starting", format!("missing: {missing}\n")),
        Readiness::Ready => ("ok", String::new()),
        Readiness::Draining => ("draining", String::new()),
    };
    (text, missing + &(sources.notes)())
}

async fn status(State(admin): State<AdminState>) -> impl IntoResponse {
    let status = admin.status.get(|| {
        let (text, reasons) = readiness(&admin.sources);
        let mut status = (admin.sources.status)();
        status["readiness"] = json!({
            "ready": text == "ok",
            "state": text,
            "reasons": reasons.lines().collect::<Vec<_>>(),
        });
        status
    });
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, status)
}

async fn metrics(State(admin): State<AdminState>, headers: HeaderMap) -> impl IntoResponse {
    let accepted = headers.get_all(header::ACCEPT).iter();
    let accepted: Vec<&str> = accepted.filter_map(|value| value.to_str().ok()).collect();
    let format = MetricsFormat::accepted_by(&accepted.join(","));
    let (code, content_type, text) = match format.encode(&admin.sources.registry) {
        Ok(text) => (StatusCode::OK, format.content_type(), text),
        Err(error) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "text/plain; charset=utf-8",
            error.to_string(),
        ),
    };
    (code, [(header::CONTENT_TYPE, content_type)], text)
}
