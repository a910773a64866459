//! A device of an end user, played: it opens a stream, sends synthetic video and the events
//! of a check, and waits for the end.
//!
//! It signs and encodes with the libraries of the AWS SDK, and shares no code with the
//! simulator's own verification. The video is no film: AWS would not accept it.

mod events;
mod stream;

use std::time::Duration;

use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite;

use self::events::Script;
pub use self::stream::{DeviceStream, ServerEvent};

/// The time in which the Amplify client expects the first message.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// The time to wait for the end after the last event.
const END_TIMEOUT: Duration = Duration::from_secs(30);
/// The interval of the pieces of video.
const PIECE_INTERVAL: Duration = Duration::from_secs(1);
/// The size of a piece of video; the web client sends pieces of up to 170 kB.
const PIECE_BYTES: usize = 50_000;
const VIDEO: &str = "VideoEvent";
const INFORMATION: &str = "ClientSessionInformationEvent";

/// A device that plays checks.
#[derive(Clone, Debug)]
pub struct Device {
    authority: String,
    region: String,
    length: Duration,
}

/// A check that a device could not complete.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The connection failed.
    #[error("cannot connect to {authority}: {source}")]
    Connect {
        /// Host and port of the simulator.
        authority: String,
        /// The failure.
        source: std::io::Error,
    },
    /// The handshake was not answered with 101.
    #[error("handshake refused with status {0}")]
    Handshake(u16),
    /// AWS or the simulator sent an exception.
    #[error("{code}: {message}")]
    Exception {
        /// The name of the exception, such as `ThrottlingException`.
        code: String,
        /// Its message.
        message: String,
    },
    /// The server closed the stream before the check was complete.
    #[error("stream closed with code {0}")]
    Closed(u16),
    /// The server sent nothing in time.
    #[error("no {0} in time")]
    Timeout(&'static str),
    /// The server sent a message that the device cannot read.
    #[error("invalid message: {0}")]
    InvalidMessage(String),
    /// The request could not be signed.
    #[error("cannot sign: {0}")]
    Signing(String),
    /// The connection broke.
    #[error("connection broken: {0}")]
    Broken(#[source] Box<tungstenite::Error>),
}

impl Device {
    /// Creates a device that calls `authority`, a host and a port, for sessions of `region`.
    /// `length` is the time from the first to the last piece of video: 8 s are usual.
    #[must_use]
    pub fn new(authority: &str, region: &str, length: Duration) -> Self {
        Self {
            authority: authority.to_owned(),
            region: region.to_owned(),
            length,
        }
    }

    /// Plays the check of one session until `DisconnectionEvent`. Dropping the future closes
    /// the connection, which breaks the check off.
    ///
    /// # Errors
    /// Returns an error if the check was refused or broke off.
    pub async fn play(&self, session_id: &str) -> Result<(), DeviceError> {
        let mut stream = self.open(session_id).await?;
        let information = stream.expect("ServerSessionInformationEvent");
        let information = timeout(START_TIMEOUT, information).await;
        let information = information.map_err(|_| DeviceError::Timeout("challenge"))??;
        let script = Script::new(&information).ok_or_else(|| {
            DeviceError::InvalidMessage("the session information has no known challenge".to_owned())
        })?;
        stream.send(VIDEO, &events::video(PIECE_BYTES)).await?;
        stream.send(INFORMATION, &script.initial_face()).await?;
        let end = Instant::now() + self.length;
        while Instant::now() < end {
            let next = end.min(Instant::now() + PIECE_INTERVAL);
            stream.idle_until(next).await?;
            stream.send(VIDEO, &events::video(PIECE_BYTES)).await?;
        }
        for color in script.colors() {
            stream.send(INFORMATION, &color).await?;
        }
        stream.send(INFORMATION, &script.target_face()).await?;
        stream.send(VIDEO, &events::video(0)).await?;
        let disconnection = timeout(END_TIMEOUT, stream.expect("DisconnectionEvent")).await;
        disconnection.map_err(|_| DeviceError::Timeout("DisconnectionEvent"))??;
        stream.close(1000).await?;
        Ok(())
    }

    /// Opens a stream without waiting for its first message.
    ///
    /// # Errors
    /// Returns an error if the connection or handshake fails.
    pub async fn open(&self, session_id: &str) -> Result<DeviceStream, DeviceError> {
        let open = DeviceStream::open(&self.authority, &self.region, session_id);
        let opened = timeout(START_TIMEOUT, open).await;
        opened.map_err(|_| DeviceError::Timeout("answer to the handshake"))?
    }
}
