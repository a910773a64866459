//! The messages of one client: each is decoded, verified and applied to the check.

use super::challenge::ChallengeKind;
use super::check::{CheckProgress, Step};
use super::client_event::ClientEvent;
use crate::aws_error::AwsError;
use crate::event_stream::{DecodeError, EventMessage};
use crate::sigv4::ChunkVerifier;

/// About five events per second for the longest stream.
const MAX_EVENTS: usize = 1000;

/// The messages of one client.
#[derive(Clone, Debug)]
pub(crate) struct ClientStream {
    verifier: ChunkVerifier,
    progress: CheckProgress,
    events: usize,
}

impl ClientStream {
    pub(crate) fn new(kind: ChallengeKind, verifier: ChunkVerifier) -> Self {
        Self {
            verifier,
            progress: CheckProgress::new(kind),
            events: 0,
        }
    }

    /// Applies the next message.
    pub(crate) fn receive(&mut self, message: &[u8]) -> Result<Step, AwsError> {
        let signed = EventMessage::decode(message)?;
        let payload = self.verifier.verify(&signed)?;
        if payload.is_empty() {
            return Ok(Step::EndOfStream);
        }
        self.events += 1;
        if self.events > MAX_EVENTS {
            let message = format!("more than {MAX_EVENTS} events in a stream");
            return Err(AwsError::validation(message));
        }
        let event = EventMessage::decode(payload)?;
        self.progress.apply(&ClientEvent::parse(&event)?)
    }
}

impl From<DecodeError> for AwsError {
    fn from(error: DecodeError) -> Self {
        Self::validation(error.to_string())
    }
}
