//! Arm 4: one service in front of AWS, written with the obvious parts. A governor
//! limiter spaces the attempts, backon retries transient errors, and gRPC's deadline ends
//! requests that take too long.

use aws_sdk_rekognition::Client;
use backon::{ExponentialBuilder, Retryable as _};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tonic::metadata::MetadataMap;
use tonic::{Status, async_trait};

use super::service::{Issuer, status};
use super::{ServiceArgs, aws};

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
impl Issuer for PlainService {
    async fn issue(&self, _metadata: &MetadataMap) -> Result<String, Status> {
        let token = uuid::Uuid::new_v4().to_string();
        let attempt = async || {
            self.limiter.until_ready().await;
            aws::create(&self.aws, &token).await
        };
        attempt
            .retry(ExponentialBuilder::default().with_jitter())
            .when(aws::is_transient)
            .await
            .map_err(|error| status(&error))
    }
}
