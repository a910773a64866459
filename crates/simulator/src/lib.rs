//! A Rekognition of one's own: a real HTTP/1.1 server that speaks AWS JSON 1.1
//! as strictly as AWS does, for both operations of Face Liveness.
//!
//! It is for tests and demonstrations, and stands behind a socket: any AWS SDK
//! can be its client, and nothing here is shared with ours. It verifies
//! signatures ([`ACCESS_KEY`] and [`SECRET_KEY`], any region), validates against
//! the service model, keeps a quota for each operation, remembers tokens and
//! lets sessions age. A [`Profile`] makes it slow or unreliable by chance, a
//! [`Fault`] by order, and all of it comes from one seed.
//!
//! # The way of a call
//!
//! ```text
//! bytes -> server: size and time limits
//!       -> sigv4: is it signed?
//!       -> model: quota -> service model -> fault -> session   (pure, takes now)
//!       -> server: waits, then answers, hangs up, or resets
//! ```
//!
//! # Beside the protocol
//!
//! Without a signature, at the same address:
//!
//! | request | does |
//! | --- | --- |
//! | `GET /_simulator/stats` | [`Stats`] as JSON |
//! | `POST /_simulator/reset-stats` | counts from zero again |
//! | `POST /_simulator/faults` | enqueues the faults of the body, one a line; all or none |
//! | `DELETE /_simulator/faults` | forgets the faults that wait |
//!
//! # An example
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use livegate_simulator::{Settings, Simulator};
//! use tokio_util::sync::CancellationToken;
//!
//! let simulator = Simulator::bind("127.0.0.1:0", Settings::default()).await?;
//! let handle = simulator.handle();
//! let stop = CancellationToken::new();
//! let running = tokio::spawn(simulator.run(stop.clone()));
//! println!("call http://{}", handle.local_addr());
//! handle.enqueue(["create:ThrottlingException/400*2".parse().expect("a fault by the grammar")]);
//! println!("{} sessions were made", handle.stats().sessions_made);
//! stop.cancel();
//! # running.await.expect("the simulator does not panic");
//! # Ok(())
//! # }
//! ```

mod fault;
mod limit;
mod model;
mod operation;
mod profile;
mod refusal;
mod reply;
mod request;
mod server;
mod sessions;
mod settings;
mod sigv4;
mod stats;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, ToSocketAddrs};
use tokio_util::sync::CancellationToken;

pub use fault::{Fault, FaultError};
pub use limit::{InvalidLimit, Limit};
pub use profile::{Profile, UnknownProfile};
pub use settings::{Lifetimes, Settings};
pub use stats::{OperationStats, Stats};

use self::server::Shared;

/// The one access key that is known.
pub const ACCESS_KEY: &str = "test";
/// The secret that belongs to it.
pub const SECRET_KEY: &str = "test";

/// A simulator that has its port and does not answer yet.
#[derive(Debug)]
pub struct Simulator {
    listener: TcpListener,
    handle: SimulatorHandle,
}

/// Reads and orders faults of a simulator in the same process; cheap to clone.
#[derive(Clone, Debug)]
pub struct SimulatorHandle {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl Simulator {
    /// Takes a port; 0 takes a free one. Dropped half way, none is taken.
    ///
    /// # Errors
    /// Where the port cannot be had.
    pub async fn bind(address: impl ToSocketAddrs, settings: Settings) -> std::io::Result<Self> {
        Self::on(TcpListener::bind(address).await?, settings)
    }

    /// Answers on a port that is there already.
    ///
    /// # Errors
    /// Where the listener does not know its address.
    pub fn on(listener: TcpListener, settings: Settings) -> std::io::Result<Self> {
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(settings));
        Ok(Self {
            listener,
            handle: SimulatorHandle { shared, address },
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.handle.address
    }

    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.handle.stats()
    }

    /// Adds faults behind those that wait.
    pub fn enqueue(&self, faults: impl IntoIterator<Item = Fault>) {
        self.handle.enqueue(faults);
    }

    /// A handle, which outlives `run`.
    #[must_use]
    pub fn handle(&self) -> SimulatorHandle {
        self.handle.clone()
    }

    /// Answers until `stop`; then closes every connection at once, answered or
    /// not, and ends when the last of its tasks has. Dropping it closes them too.
    pub async fn run(self, stop: CancellationToken) {
        server::accept(&self.listener, &self.handle.shared, &stop).await;
    }
}

impl SimulatorHandle {
    /// Where the simulator listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// Counts from zero again; sessions, quota and waiting faults stay.
    pub fn reset_stats(&self) {
        self.shared.model().reset_stats();
    }

    /// Adds faults behind those that wait.
    pub fn enqueue(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.model().enqueue(faults);
    }

    /// Forgets the faults that wait.
    pub fn clear_faults(&self) {
        self.shared.model().clear_faults();
    }
}

/// Answers on `listener` until `stop`, see [`Simulator::run`].
///
/// # Errors
/// Where the listener does not know its address.
pub async fn serve(
    listener: TcpListener,
    settings: Settings,
    stop: CancellationToken,
) -> std::io::Result<()> {
    Simulator::on(listener, settings)?.run(stop).await;
    Ok(())
}
