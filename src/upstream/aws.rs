//! The AWS SDK behind the port: one attempt, one timeout, no retries.
//!
//! It owns the client, the credentials cache and the translation both ways;
//! nothing else in the crate imports `aws_*`. The SDK's own retries are off on
//! this client alone: on the shared configuration they would be off for the
//! credentials too.

mod credentials;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod metrics;
mod translate;
mod warm_up;

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_sdk_rekognition::Client;
use aws_sdk_rekognition::config::retry::RetryConfig;
use aws_sdk_rekognition::config::timeout::TimeoutConfig;
use aws_sdk_rekognition::config::{Config, Credentials as AwsCredentials, Region};
use aws_sdk_rekognition::operation::RequestId as _;

use self::credentials::RefreshableIdentityCache;
pub use self::metrics::CredentialsMetrics;
use super::{AttemptOutput, LivenessApi, UpstreamError, UpstreamErrorKind};
use crate::model::{ClientRequestToken, LivenessResult, SessionId, SessionSettings};

/// How long the credentials may take to load, where the attempt that needs them has
/// as much time. Left to itself, the SDK would derive about 6 s from the retries that
/// are off here.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the attempt may take that loads them before the first call: so long that
/// it is the loading which ends first.
const WARM_UP_TIMEOUT: Duration = Duration::from_secs(12);

/// Where AWS is, and how long one attempt may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The region of the sessions, as in `us-east-1`.
    pub region: String,
    /// A VPC endpoint or a simulator; `None`: AWS itself.
    pub endpoint_url: Option<String>,
    /// Use the FIPS endpoints.
    pub use_fips: bool,
    /// Use the dual-stack endpoints.
    pub use_dual_stack: bool,
    /// The longest one attempt may take.
    pub attempt_timeout: Duration,
}

/// Where the credentials come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// From the environment, the profile, EKS, ECS or the instance, in AWS's order.
    DefaultChain,
    /// Those of the simulator: `test` and `test`.
    Simulator,
}

/// Why there are no credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoCredentials(String);

/// Rekognition, by its SDK.
#[derive(Clone, Debug)]
pub struct Rekognition {
    client: Client,
    identities: RefreshableIdentityCache,
}

impl Rekognition {
    /// A client for `settings`. Nothing is sent yet.
    pub async fn new(
        settings: &Settings,
        credentials: &Credentials,
        metrics: &CredentialsMetrics,
    ) -> Self {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(settings.region.clone()))
            .use_fips(settings.use_fips)
            .use_dual_stack(settings.use_dual_stack);
        if let Credentials::Simulator = credentials {
            let test = AwsCredentials::new("test", "test", None, None, "simulator");
            loader = loader.credentials_provider(test);
        }
        let shared = loader.load().await;
        let identities = RefreshableIdentityCache::new(CREDENTIALS_TIMEOUT, metrics.clone());
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(settings.attempt_timeout)
            .build();
        let mut config = Config::from(&shared)
            .to_builder()
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .identity_cache(identities.clone());
        config.set_endpoint_url(settings.endpoint_url.clone());
        Self {
            client: Client::from_conf(config.build()),
            identities,
        }
    }

    /// Has the credentials loaded before the first call needs them. Nothing is
    /// sent to Rekognition.
    ///
    /// # Errors
    /// Where no provider has any.
    pub async fn warm_up(&self) -> Result<(), NoCredentials> {
        warm_up::load_credentials(&self.client, WARM_UP_TIMEOUT)
            .await
            .map_err(NoCredentials)
    }

    fn note(&self, error: UpstreamError) -> UpstreamError {
        if error.kind == UpstreamErrorKind::Credentials {
            self.identities.refresh();
        }
        error
    }
}

impl LivenessApi for Rekognition {
    async fn create(
        &self,
        token: &ClientRequestToken,
        settings: &SessionSettings,
    ) -> Result<AttemptOutput<SessionId>, UpstreamError> {
        let call = self
            .client
            .create_face_liveness_session()
            .client_request_token(token.expose())
            .set_kms_key_id(
                settings
                    .kms_key_id
                    .as_ref()
                    .map(|key| key.as_str().to_owned()),
            )
            .settings(translate::settings(settings));
        let output = call
            .send()
            .await
            .map_err(|error| self.note(error::translate(&error)))?;
        let value = translate::session_id(output.session_id())?;
        Ok(answer(value, output.request_id()))
    }

    async fn result(
        &self,
        session: &SessionId,
    ) -> Result<AttemptOutput<LivenessResult>, UpstreamError> {
        let call = self
            .client
            .get_face_liveness_session_results()
            .session_id(session.expose());
        let output = call
            .send()
            .await
            .map_err(|error| self.note(error::translate(&error)))?;
        let aws_request_id = output.request_id().map(str::to_owned);
        let value = translate::result(output)?;
        Ok(answer(value, aws_request_id.as_deref()))
    }
}

/// AWS's own name for an attempt goes into the attempt's span too.
fn answer<T>(value: T, request_id: Option<&str>) -> AttemptOutput<T> {
    let aws_request_id = request_id.map(|id| error::shorten(id, error::LONGEST_CODE));
    tracing::Span::current().record("aws.request_id", aws_request_id.as_deref());
    AttemptOutput {
        value,
        aws_request_id,
    }
}
