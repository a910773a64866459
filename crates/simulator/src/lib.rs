//! A local Amazon Rekognition for tests and demonstrations: an HTTP/1.1 server that
//! speaks AWS JSON 1.1 for the two control operations of Face Liveness,
//! `CreateFaceLivenessSession` and `GetFaceLivenessSessionResults`, and event streams over
//! WebSocket for `StartFaceLivenessSession`, which the devices of end users call.
//!
//! Point any AWS SDK at its address, with access key `test`, secret key `test` and any
//! region. The simulator verifies signatures (Signature Version 4), validates requests
//! against the service model, enforces a quota for each operation, honors
//! `ClientRequestToken` and ages sessions. A [`Profile`] adds latency and random faults,
//! a [`Fault`] is scripted for the next calls; all random values derive from one seed.
//!
//! ```
//! use livegate_simulator::{Settings, Simulator};
//! use tokio_util::sync::CancellationToken;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let simulator = Simulator::bind("127.0.0.1:0", Settings::default()).await?;
//! let handle = simulator.handle();
//! let stop = CancellationToken::new();
//! let server = tokio::spawn(simulator.run(stop.clone()));
//! println!("endpoint_url = http://{}", handle.local_addr());
//!
//! // The next two creates are throttled.
//! handle.enqueue(["create:ThrottlingException/400*2".parse()?]);
//! assert_eq!(handle.stats().sessions_made, 0);
//!
//! stop.cancel();
//! server.await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Path of a call
//!
//! ```text
//! bytes -> server: size and time limits
//!       -> sigv4: signature
//!       -> model: quota -> service model -> fault -> session   (pure, takes `now`)
//!       -> server: delay, then response, close or reset
//!          or, for a handshake of StartFaceLivenessSession, a stream
//! ```
//!
//! # Control requests
//!
//! The same address serves these requests, without a signature:
//!
//! | request | effect |
//! | --- | --- |
//! | `GET /_simulator/stats` | returns [`Stats`] as JSON |
//! | `POST /_simulator/reset-stats` | sets all counters to zero |
//! | `POST /_simulator/faults` | enqueues the faults in the body, one per line; all or none |
//! | `DELETE /_simulator/faults` | removes all queued faults |
//! | `POST /_simulator/sessions/ID/outcome` | sets the [`CheckOutcome`] of a session to the body: `live:97.5`, `spoof:12` or `fail` |

mod aws_error;
mod check_outcome;
mod device;
mod event_stream;
mod fault;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod limit;
mod model;
mod operation;
mod profile;
mod reply;
mod request;
mod server;
mod sessions;
mod settings;
mod sigv4;
mod stats;
mod stream;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, ToSocketAddrs};
use tokio_util::sync::CancellationToken;

pub use check_outcome::{CheckOutcome, InvalidOutcome};
pub use device::{Device, DeviceError, DeviceStream, ServerEvent};
pub use fault::{Fault, FaultError};
pub use limit::{InvalidLimit, Limit};
pub use profile::{Profile, UnknownProfile};
pub use settings::{CheckSettings, Lifetimes, Settings, Thresholds};
pub use stats::{OperationStats, Stats};

use self::server::SharedState;

/// The access key that the simulator accepts.
pub const ACCESS_KEY: &str = "test";
/// The secret key of [`ACCESS_KEY`].
pub const SECRET_KEY: &str = "test";

/// A simulator that is bound to a port; [`run`](Self::run) serves it.
#[derive(Debug)]
pub struct Simulator {
    listener: TcpListener,
    handle: SimulatorHandle,
}

/// Reads statistics and scripts faults of a simulator in the same process; cheap to clone.
#[derive(Clone, Debug)]
pub struct SimulatorHandle {
    state: Arc<SharedState>,
    address: SocketAddr,
}

impl Simulator {
    /// Binds a port; port 0 selects a free one. Dropping the future binds nothing.
    ///
    /// # Errors
    /// Returns an error if the address cannot be bound.
    pub async fn bind(address: impl ToSocketAddrs, settings: Settings) -> std::io::Result<Self> {
        Self::from_listener(TcpListener::bind(address).await?, settings)
    }

    /// Uses a listener that is bound already.
    ///
    /// # Errors
    /// Returns an error if the listener has no local address.
    pub fn from_listener(listener: TcpListener, settings: Settings) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let state = Arc::new(SharedState::new(settings));
        Ok(Self {
            listener,
            handle: SimulatorHandle { state, address },
        })
    }

    /// Returns the address that it is bound to.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.handle.address
    }

    /// Returns a handle, which stays valid while and after the simulator runs.
    #[must_use]
    pub fn handle(&self) -> SimulatorHandle {
        self.handle.clone()
    }

    /// Serves until `stop` is cancelled, then closes all connections at once and waits
    /// for their tasks to end. Calls in flight get no response. Dropping the future
    /// closes the connections as well.
    pub async fn run(self, stop: CancellationToken) {
        server::accept(&self.listener, &self.handle.state, &stop).await;
    }
}

impl SimulatorHandle {
    /// Returns the address that the simulator is bound to.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Returns the counters since the start or the last reset.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.state.stats()
    }

    /// Sets all counters to zero; sessions, quotas and queued faults stay.
    pub fn reset_stats(&self) {
        self.state.model.lock().reset_stats();
    }

    /// Appends faults to the queues of their operations.
    pub fn enqueue(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state.model.lock().enqueue(faults);
    }

    /// Removes all queued faults.
    pub fn clear_faults(&self) {
        self.state.model.lock().clear_faults();
    }
}
