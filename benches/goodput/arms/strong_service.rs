//! Arm 5: one service in front of AWS, by an author who knows the trade. A bounded FIFO
//! queue holds what can be served in four seconds; one task hands the limiter's tokens to
//! the first request that still waits. A request that finds the queue full is refused at
//! once, and one whose time runs out before its token, both with `RetryInfo`. A retry does
//! not queue again.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_rekognition::Client;
use backon::{BackoffBuilder as _, ExponentialBuilder};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout_at};
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Response, Status, async_trait};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::aws;
use super::service::{ServiceArgs, response, status};
use crate::goodput::contract::{
    CreateSessionRequest, CreateSessionResponse, GetSessionResultRequest, GetSessionResultResponse,
    SessionService,
};

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
        let burst = (args.quota.get() / 5)
            .try_into()
            .unwrap_or(std::num::NonZeroU32::MIN);
        let limiter = RateLimiter::direct(Quota::per_second(args.quota).allow_burst(burst));
        let limiter = Arc::new(limiter);
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
impl SessionService for StrongService {
    async fn create_session(
        &self,
        request: Request<CreateSessionRequest>,
    ) -> Result<Response<CreateSessionResponse>, Status> {
        let deadline = Instant::now() + deadline(request.metadata()).unwrap_or(DEFAULT_DEADLINE);
        let token = uuid::Uuid::new_v4().to_string();
        let backoff = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(100))
            .with_jitter();
        let mut delays = backoff.build();
        self.token(deadline).await?;
        loop {
            let error = match aws::create(&self.aws, &token).await {
                Ok(session_id) => return Ok(response(session_id)),
                Err(error) => error,
            };
            match delays.next() {
                Some(delay) if aws::is_transient(&error) => sleep(delay).await,
                _ => return Err(status(&error)),
            }
            self.limiter.until_ready().await;
        }
    }

    async fn get_session_result(
        &self,
        _request: Request<GetSessionResultRequest>,
    ) -> Result<Response<GetSessionResultResponse>, Status> {
        Err(Status::unimplemented("not part of the benchmark"))
    }
}

/// The time that the caller has left, as [gRPC](https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md)
/// sends it: up to eight digits and a unit.
fn deadline(metadata: &MetadataMap) -> Option<Duration> {
    let text = metadata.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}
