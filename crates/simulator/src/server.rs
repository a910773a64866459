//! The server around the model: accepts, reads, waits, answers.
//!
//! Its limits: 1024 connections at once (more wait to be accepted), 64 KiB for
//! a body and 10 s to send it, 60 s for the headers or between two requests.
//!
//! It accepts by itself, since some calls must end as a connection does: with a
//! reset, or without an answer.

mod body;
mod call;
mod connection;
mod control;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::model::Model;
use super::settings::Settings;
use super::stats::Stats;

const MAX_CONNECTIONS: usize = 1024;
/// How long to wait when the process is out of descriptors, say.
const AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(50);

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    model: Mutex<Model>,
    in_flight: AtomicUsize,
}

impl Shared {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            model: Mutex::new(Model::new(settings)),
            in_flight: AtomicUsize::new(0),
        }
    }

    /// The model, for one decision.
    pub(super) fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn stats(&self) -> Stats {
        Stats {
            in_flight: self.in_flight.load(Ordering::Relaxed),
            ..self.model().stats()
        }
    }

    fn arrive(&self) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(&self.in_flight)
    }
}

/// One call that is here; dropped when it is answered, or its client gone.
struct InFlight<'a>(&'a AtomicUsize);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Accepts until `stop`, then ends every connection and waits for the last of
/// their tasks. Dropped, it ends them without waiting.
pub(super) async fn accept(listener: &TcpListener, shared: &Arc<Shared>, stop: &CancellationToken) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    while let Some((stream, permit)) = stop.run_until_cancelled(next(listener, &room)).await {
        let shared = Arc::clone(shared);
        connections.spawn(async move {
            connection::serve(stream, &shared).await;
            drop(permit);
        });
        // Forgets the tasks that have ended.
        while connections.try_join_next().is_some() {}
    }
    connections.shutdown().await;
}

/// The next connection, once there is room for it.
async fn next(listener: &TcpListener, room: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    loop {
        let permit = Arc::clone(room)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        match listener.accept().await {
            Ok((stream, _)) => return (stream, permit),
            Err(_) => tokio::time::sleep(AFTER_FAILED_ACCEPT).await,
        }
    }
}
