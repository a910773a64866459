//! The AWS SDK adapter: one attempt, one timeout, no retries.
//!
//! It owns the client, the credentials cache and the conversion of requests and
//! responses. No other module imports `aws_*`. The SDK's retries are disabled on this
//! client only: in the shared configuration that would disable them for loading
//! credentials too.

mod clock;
mod convert;
mod credentials;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod metrics;

use std::time::Duration;

use aws_config::{BehaviorVersion, ConfigLoader};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_rekognition::Client;
use aws_sdk_rekognition::config::retry::RetryConfig;
use aws_sdk_rekognition::config::timeout::TimeoutConfig;
use aws_sdk_rekognition::config::{Config, Credentials, IdentityCache, Region, SharedHttpClient};
use aws_sdk_rekognition::operation::RequestId as _;

use self::clock::DateObserver;
use self::credentials::{DefaultChain, RenewedCredentials};
pub use self::metrics::CredentialsMetrics;
use super::{AttemptOutput, LivenessApi, UpstreamError, UpstreamErrorKind};
use crate::model::{ClientRequestToken, Clock, LivenessResult, SessionId, SessionSettings};

/// The AWS endpoint and the timeout of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsSettings {
    /// The region of the sessions, for example `us-east-1`.
    pub region: String,
    /// A VPC endpoint or a simulator; `None`: the endpoint of the region.
    pub endpoint_url: Option<String>,
    /// Use the FIPS endpoints.
    pub use_fips: bool,
    /// Use the dual-stack endpoints.
    pub use_dual_stack: bool,
    /// The role to assume with the credentials of the default chain.
    pub role_arn: Option<String>,
    /// The timeout of one attempt.
    pub attempt_timeout: Duration,
}

/// Where the credentials come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialsSource {
    /// AWS's default provider chain: environment, profile (also its `credential_process`),
    /// EKS, ECS, instance metadata. SSO is not built in.
    DefaultChain,
    /// The simulator's credentials, `test` and `test`.
    Simulator,
}

/// Why the credentials cannot be loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CredentialsUnavailable(String);

/// The Rekognition client.
#[derive(Clone, Debug)]
pub struct Rekognition {
    client: Client,
    credentials: RenewedCredentials,
}

impl Rekognition {
    /// Returns a client for `settings`. It sends nothing yet. `clock` receives AWS's time.
    pub async fn new(
        settings: &AwsSettings,
        credentials: &CredentialsSource,
        metrics: &CredentialsMetrics,
        clock: Clock,
    ) -> Self {
        let http = http::client();
        let provider = match credentials {
            CredentialsSource::DefaultChain => SharedCredentialsProvider::new(DefaultChain {
                settings: settings.clone(),
                http: http.clone(),
            }),
            CredentialsSource::Simulator => {
                let test = Credentials::new("test", "test", None, None, "simulator");
                SharedCredentialsProvider::new(test)
            }
        };
        let credentials =
            RenewedCredentials::new(provider, settings.attempt_timeout, metrics.clone());
        let shared = loader(settings, &http)
            .credentials_provider(credentials.clone())
            .load()
            .await;
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(settings.attempt_timeout)
            .build();
        let mut config = Config::from(&shared)
            .to_builder()
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .identity_cache(IdentityCache::no_cache())
            .interceptor(DateObserver(clock));
        config.set_endpoint_url(settings.endpoint_url.clone());
        Self {
            client: Client::from_conf(config.build()),
            credentials,
        }
    }

    /// Loads the credentials before the first call needs them.
    ///
    /// # Errors
    /// If no provider has credentials.
    pub async fn load_credentials(&self) -> Result<(), CredentialsUnavailable> {
        let loaded = self.credentials.load().await;
        let unavailable = |error| CredentialsUnavailable(error::text(&error));
        loaded.map(drop).map_err(unavailable)
    }

    /// Returns the source of the current credentials, such as `instance metadata`; `None` if
    /// there are none, or their provider does not report it.
    #[must_use]
    pub fn credentials_source(&self) -> Option<&'static str> {
        self.credentials.source()
    }

    /// Renews the credentials for as long as it is polled; it never returns.
    pub async fn renew_credentials(&self) {
        self.credentials.renew().await;
    }

    /// Makes the next call reload credentials that AWS rejected. Returns the error unchanged.
    fn reload_if_rejected(&self, error: UpstreamError) -> UpstreamError {
        if error.kind == UpstreamErrorKind::Credentials && error.http_status.is_some() {
            self.credentials.reject();
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
        // Boxed as a whole, so that a call that waits for its permit holds neither the
        // request nor the SDK's large future.
        Box::pin(async {
            let kms_key_id = settings.kms_key_id.as_ref();
            let call = self
                .client
                .create_face_liveness_session()
                .client_request_token(token.expose())
                .set_kms_key_id(kms_key_id.map(|key| key.as_str().to_owned()))
                .settings(convert::settings(settings));
            let output = call.send().await;
            let output =
                output.map_err(|error| self.reload_if_rejected(error::from_sdk(&error)))?;
            attempt_output(
                convert::session_id(output.session_id()),
                output.request_id(),
            )
        })
        .await
    }

    async fn result(
        &self,
        session: &SessionId,
    ) -> Result<AttemptOutput<LivenessResult>, UpstreamError> {
        // Boxed for the same reason.
        Box::pin(async {
            let call = self.client.get_face_liveness_session_results();
            let output = call.session_id(session.expose()).send().await;
            let output =
                output.map_err(|error| self.reload_if_rejected(error::from_sdk(&error)))?;
            let aws_request_id = output.request_id().map(str::to_owned);
            attempt_output(convert::result(output), aws_request_id.as_deref())
        })
        .await
    }
}

/// Returns a loader of the SDK's configuration, without the credentials.
fn loader(settings: &AwsSettings, http: &SharedHttpClient) -> ConfigLoader {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(settings.region.clone()))
        .use_fips(settings.use_fips)
        .use_dual_stack(settings.use_dual_stack)
        .http_client(http.clone())
}

/// Returns the output of a success response or the error in it, with AWS's request id,
/// which it records in the span of the attempt.
fn attempt_output<T>(
    value: Result<T, UpstreamError>,
    request_id: Option<&str>,
) -> Result<AttemptOutput<T>, UpstreamError> {
    let aws_request_id = request_id.map(|id| error::sanitize(id, error::MAX_CODE_BYTES));
    tracing::Span::current().record("aws.request_id", aws_request_id.as_deref());
    match value {
        Ok(value) => Ok(AttemptOutput {
            value,
            aws_request_id,
        }),
        Err(error) => Err(UpstreamError {
            aws_request_id,
            ..error
        }),
    }
}
