//! Arm 5: one service in front of AWS, by an experienced author. A bounded FIFO
//! queue holds what can be served in four seconds; one task hands the limiter's tokens to
//! the first request that still waits. A request that finds the queue full is refused at
//! once, and one whose time runs out before its token, both with `RetryInfo`. A retry does
//! not queue again.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_rekognition::Client;
use backon::{BackoffBuilder as _, ExponentialBuilder};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout_at};
use tonic::metadata::MetadataMap;
use tonic::{Code, Status, async_trait};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::service::{Issuer, status};
use super::{ServiceArgs, aws};

/// The queue holds as many requests as the quota serves in this time.
const QUEUE: Duration = Duration::from_secs(4);
/// An attempt takes this long at most, as a rule. A request that has less time left gets
/// no token.
const ATTEMPT: Duration = Duration::from_millis(350);
const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);

pub(super) struct StrongService {
    aws: Client,
    limiter: Arc<DefaultDirectRateLimiter>,
    queue: mpsc::Sender<oneshot::Sender<()>>,
    quota: f64,
}

impl StrongService {
    pub(super) fn new(args: &ServiceArgs) -> Self {
        // A burst of a fifth of a second: how much AWS accepts at once is unknown.
        let burst = NonZeroU32::new(args.quota.get() / 5).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(args.quota).allow_burst(burst);
        let limiter = Arc::new(RateLimiter::direct(quota));
        let quota = f64::from(args.quota.get());
        let (queue, waiting) = mpsc::channel((quota * QUEUE.as_secs_f64()) as usize);
        tokio::spawn(hand_out_tokens(Arc::clone(&limiter), waiting));
        Self {
            aws: args.client(),
            limiter,
            queue,
            quota,
        }
    }

    /// Waits in the queue for a token.
    async fn token(&self, deadline: Instant) -> Result<(), Status> {
        let (sender, token) = oneshot::channel();
        if self.queue.try_send(sender).is_err() {
            return Err(self.refusal("queue full"));
        }
        match timeout_at(deadline - ATTEMPT, token).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(self.refusal("no token before the deadline")),
        }
    }

    /// Names the time in which the requests that wait now will have been served.
    fn refusal(&self, reason: &str) -> Status {
        let waiting = self.queue.max_capacity() - self.queue.capacity();
        let retry_after = Duration::from_secs_f64(waiting as f64 / self.quota);
        let details = ErrorDetails::with_retry_info(Some(retry_after));
        Status::with_error_details(Code::ResourceExhausted, reason, details)
    }
}

/// Gives each token to the first request that still waits for one.
async fn hand_out_tokens(
    limiter: Arc<DefaultDirectRateLimiter>,
    mut waiting: mpsc::Receiver<oneshot::Sender<()>>,
) {
    while let Some(mut first) = waiting.recv().await {
        limiter.until_ready().await;
        while first.send(()).is_err() {
            match waiting.try_recv() {
                Ok(next) => first = next,
                Err(_) => break,
            }
        }
    }
}

#[async_trait]
impl Issuer for StrongService {
    async fn issue(&self, metadata: &MetadataMap) -> Result<String, Status> {
        let deadline = Instant::now() + time_left(metadata).unwrap_or(DEFAULT_DEADLINE);
        let token = uuid::Uuid::new_v4().to_string();
        let backoff = ExponentialBuilder::default().with_min_delay(Duration::from_millis(100));
        let mut delays = backoff.with_jitter().build();
        self.token(deadline).await?;
        loop {
            let error = match aws::create(&self.aws, &token).await {
                Ok(session_id) => return Ok(session_id),
                Err(error) => error,
            };
            match delays.next() {
                Some(delay) if aws::is_transient(&error) => sleep(delay).await,
                _ => return Err(status(&error)),
            }
            self.limiter.until_ready().await;
        }
    }
}

/// The time that the caller has left, as [gRPC](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md)
/// sends it: up to eight digits and a unit.
fn time_left(metadata: &MetadataMap) -> Option<Duration> {
    let text = metadata.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "H" => 3600.0,
        "M" => 60.0,
        "S" => 1.0,
        "m" => 1e-3,
        "u" => 1e-6,
        "n" => 1e-9,
        _ => return None,
    };
    Some(Duration::from_secs_f64(
        digits.parse::<f64>().ok()? * seconds,
    ))
}
