//! The HTTP server: accepts connections, reads requests and carries out the plans of the
//! model.
//!
//! Limits: 1024 connections (further ones wait in the listen backlog), 64 KiB for a body,
//! 10 s to receive it, and 60 s for the headers of a request or between two requests.
//! [`stream`] has those of streams.
//!
//! It drives hyper's connections itself because a fault can reset or close a connection
//! without a response.

mod body;
mod call;
mod connection;
mod control;
mod stream;
mod upgrade;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::model::Model;
use super::settings::Settings;
use super::stats::Stats;

const MAX_CONNECTIONS: usize = 1024;
/// The delay after a failed accept, for example without free file descriptors.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// The state that all connections share.
#[derive(Debug)]
pub(super) struct SharedState {
    pub(super) model: Mutex<Model>,
    in_flight: AtomicUsize,
}

impl SharedState {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            model: Mutex::new(Model::new(settings)),
            in_flight: AtomicUsize::new(0),
        }
    }

    /// Locks the model, for one decision.
    pub(super) fn stats(&self) -> Stats {
        Stats {
            in_flight: self.in_flight.load(Ordering::Relaxed),
            ..self.model.lock().stats()
        }
    }

    fn track_call(&self) -> InFlightGuard<'_> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlightGuard(&self.in_flight)
    }
}

/// Counts one call as in flight until it is dropped.
struct InFlightGuard<'a>(&'a AtomicUsize);

impl Drop for InFlightGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Accepts connections until `stop` is cancelled, then aborts their tasks and waits for
/// them to end. Dropping the future aborts the tasks without waiting.
pub(super) async fn accept(
    listener: &TcpListener,
    state: &Arc<SharedState>,
    stop: &CancellationToken,
) {
    let limit = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    while let Some((stream, permit)) = stop
        .run_until_cancelled(accept_next(listener, &limit))
        .await
    {
        let state = Arc::clone(state);
        connections.spawn(async move {
            connection::serve(stream, &state).await;
            drop(permit);
        });
        // Remove the tasks that have ended.
        while connections.try_join_next().is_some() {}
    }
    connections.shutdown().await;
}

/// Waits for a connection permit, then for a connection.
async fn accept_next(
    listener: &TcpListener,
    limit: &Arc<Semaphore>,
) -> (TcpStream, OwnedSemaphorePermit) {
    loop {
        let permit = Arc::clone(limit)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        match listener.accept().await {
            Ok((stream, _)) => return (stream, permit),
            Err(_) => tokio::time::sleep(ACCEPT_RETRY_DELAY).await,
        }
    }
}
