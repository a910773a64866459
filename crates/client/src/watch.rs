//! A watch: the states of one session, across reconnects.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use tonic::{Code, Status, Streaming};

use crate::client::Client;
use crate::error::{ClientError, deadline_exceeded};
use crate::retry::retry_delay;
use crate::v1;

/// A watch ends with its session, which lives 180 s.
const WATCH_TIMEOUT: Duration = Duration::from_secs(190);

/// The delay before a reconnect that the service gives no delay for.
const RECONNECT_DELAY: Duration = Duration::from_secs(1);

/// The states of one session, up to the final result. Dropping it ends the watch.
#[derive(Debug)]
pub struct SessionWatch {
    client: Client,
    message: v1::WatchSessionRequest,
    deadline: Instant,
    states: Streaming<v1::WatchSessionResponse>,
}

impl SessionWatch {
    pub(crate) async fn open(
        client: Client,
        message: v1::WatchSessionRequest,
    ) -> Result<Self, ClientError> {
        let deadline = Instant::now() + WATCH_TIMEOUT;
        let states = client.open_watch(message.clone(), deadline).await?;
        Ok(Self {
            client,
            message,
            deadline,
            states,
        })
    }

    /// Waits for the next state: the state now, each change, and at last the final result.
    /// Returns `None` after the final result. If the service becomes unavailable, for
    /// example because a replica shuts down, it connects again and returns the state at
    /// once. Dropping the future loses no state.
    ///
    /// # Errors
    /// Every other status, and `DEADLINE_EXCEEDED` after 190 s.
    pub async fn next(&mut self) -> Result<Option<v1::GetSessionResultResponse>, ClientError> {
        loop {
            let state = timeout_at(self.deadline, self.states.message()).await;
            match state.unwrap_or_else(|_| Err(deadline_exceeded())) {
                Ok(state) => return Ok(state.and_then(|state| state.result)),
                Err(status) => self.reconnect(status).await?,
            }
        }
    }

    /// Opens the watch again if `status` is `UNAVAILABLE`, until the deadline.
    async fn reconnect(&mut self, mut status: Status) -> Result<(), Status> {
        loop {
            let time_left = self.deadline.saturating_duration_since(Instant::now());
            if status.code() != Code::Unavailable || time_left.is_zero() {
                return Err(status);
            }
            let delay = retry_delay(&status, time_left).unwrap_or(RECONNECT_DELAY);
            sleep(delay.min(time_left)).await;
            let reopened = self.client.open_watch(self.message.clone(), self.deadline);
            match reopened.await {
                Ok(states) => {
                    self.states = states;
                    return Ok(());
                }
                Err(error) => status = error,
            }
        }
    }
}
