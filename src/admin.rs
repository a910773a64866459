//! The operators' door, plain HTTP: `/livez`, `/readyz`, `/metrics`.
//!
//! It says what it is told and decides nothing. It never passes the gate: a
//! saturated service still answers its probes.
//!
//! An example: from SIGTERM on `/readyz` answers 503 `leaving`, `/livez` 200, until
//! the process is gone.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;

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
}

/// Serves until `stop`.
///
/// # Errors
/// Where `listener` fails permanently.
pub async fn serve(
    listener: TcpListener,
    registry: Arc<Registry>,
    readiness: watch::Receiver<Readiness>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(Admin {
            registry,
            readiness,
        });
    axum::serve(listener, routes)
        .with_graceful_shutdown(stop)
        .await
}

async fn readyz(State(admin): State<Admin>) -> impl IntoResponse {
    match *admin.readiness.borrow() {
        Readiness::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting\n"),
        Readiness::Ready => (StatusCode::OK, "ok\n"),
        Readiness::Leaving => (StatusCode::SERVICE_UNAVAILABLE, "leaving\n"),
    }
}

async fn metrics(State(admin): State<Admin>) -> impl IntoResponse {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &admin.registry) {
        Ok(()) => {
            let form = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            (StatusCode::OK, [(header::CONTENT_TYPE, form)], text)
        }
        Err(error) => {
            let form = "text/plain; charset=utf-8";
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                [(header::CONTENT_TYPE, form)],
                error.to_string(),
            )
        }
    }
}
