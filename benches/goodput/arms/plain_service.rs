//! Arm 4: one service in front of AWS, written with the obvious parts. A governor
//! limiter spaces the attempts, backon retries what is transient, and gRPC's deadline
//! ends what takes too long.

use aws_sdk_rekognition::Client;
use backon::{ExponentialBuilder, Retryable as _};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tonic::{Request, Response, Status, async_trait};

use super::aws;
use super::service::{ServiceArgs, response, status};
use crate::goodput::contract::{
    CreateSessionRequest, CreateSessionResponse, GetSessionResultRequest, GetSessionResultResponse,
    SessionService,
};

pub(super) struct PlainService {
    aws: Client,
    limiter: DefaultDirectRateLimiter,
}

impl PlainService {
    pub(super) fn new(args: &ServiceArgs) -> Self {
        Self {
            aws: args.client(),
            limiter: RateLimiter::direct(Quota::per_second(args.quota)),
        }
    }
}

#[async_trait]
impl SessionService for PlainService {
    async fn create_session(
        &self,
        _request: Request<CreateSessionRequest>,
    ) -> Result<Response<CreateSessionResponse>, Status> {
        let token = uuid::Uuid::new_v4().to_string();
        let attempt = async || {
            self.limiter.until_ready().await;
            aws::create(&self.aws, &token).await
        };
        let retried = attempt
            .retry(ExponentialBuilder::default().with_jitter())
            .when(aws::is_transient);
        match retried.await {
            Ok(session_id) => Ok(response(session_id)),
            Err(error) => Err(status(&error)),
        }
    }

    async fn get_session_result(
        &self,
        _request: Request<GetSessionResultRequest>,
    ) -> Result<Response<GetSessionResultResponse>, Status> {
        Err(Status::unimplemented("not part of the benchmark"))
    }
}
