//! The credentials of all calls: loaded before the first call, renewed in the background,
//! and kept while a renewal fails.
//!
//! The SDK's own cache renews in the path of a call in the last ten seconds, cannot be
//! invalidated, and asks providers that remember their first answer. Here each load builds
//! AWS's default chain anew, so it sees a changed file, profile or environment.
//!
//! Credentials are renewed after half of their remaining life, so several renewals can fail
//! before calls do. A call loads credentials itself only if there are none, they have expired
//! or AWS rejected them. It then waits for at most 90 % of its attempt timeout: with an
//! attempt timeout of 3 s, a hanging provider gives a credentials error after 2.7 s.
//!
//! For example, credentials are loaded at 8:00 and expire at 14:00. They are renewed at
//! 11:00. If the provider is unavailable from 10:00 on, calls succeed until 14:00.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::Credentials;
use aws_credential_types::credential_feature::AwsCredentialFeature as Feature;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{
    ProvideCredentials, Result as Loaded, SharedCredentialsProvider, future,
};
use aws_sdk_rekognition::config::SharedHttpClient;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use super::error::text;
use super::metrics::CredentialsMetrics;
use super::{AwsSettings, loader};
use crate::model::wall_clock;

/// The timeout of one load.
const LOAD_TIMEOUT: Duration = Duration::from_secs(10);

/// The least time between two reloads because AWS rejects credentials, however many calls
/// fail.
const MIN_RELOAD_INTERVAL: Duration = Duration::from_secs(1);

/// The shortest and the longest delay before credentials are renewed. The longest one also
/// applies to credentials that do not expire, whose file may have changed.
const RENEWAL_DELAYS: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(3600));

/// The delay after a renewal that failed.
const RETRY_DELAY: Duration = Duration::from_secs(15);

/// The credentials in use, and their provider. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct RenewedCredentials {
    provider: SharedCredentialsProvider,
    /// How long a call waits for a load.
    call_timeout: Duration,
    state: Arc<Mutex<State>>,
    /// Held during a load, so that concurrent calls share it.
    loading: Arc<tokio::sync::Mutex<()>>,
    metrics: CredentialsMetrics,
}

#[derive(Debug, Default)]
struct State {
    current: Option<Credentials>,
    /// AWS rejected the current credentials.
    is_rejected: bool,
    /// When a load was last forced by a rejection.
    rejected_at: Option<Instant>,
}

impl RenewedCredentials {
    /// Returns the credentials of `provider`, which are not loaded yet, for calls with this
    /// attempt timeout.
    pub(super) fn new(
        provider: SharedCredentialsProvider,
        attempt_timeout: Duration,
        metrics: CredentialsMetrics,
    ) -> Self {
        Self {
            provider,
            // A hanging provider must time out before the attempt, or it would look like a
            // timeout of AWS.
            call_timeout: (attempt_timeout / 10 * 9).min(LOAD_TIMEOUT),
            state: Arc::default(),
            loading: Arc::default(),
            metrics,
        }
    }

    /// Loads the credentials.
    pub(super) async fn load(&self) -> Loaded {
        let _loading = self.loading.lock().await;
        self.load_locked().await
    }

    /// Renews the credentials for as long as it is polled; it never returns.
    pub(super) async fn renew(&self) {
        let mut is_failing = false;
        let mut delay = renewal_delay(self.state.lock().current.as_ref());
        loop {
            sleep(delay).await;
            match self.load().await {
                Ok(renewed) => {
                    if std::mem::take(&mut is_failing) {
                        info!("AWS credentials renewed again");
                    }
                    delay = renewal_delay(Some(&renewed));
                }
                Err(error) => {
                    is_failing = true;
                    self.metrics.renewal_failed();
                    let error = text(&error);
                    warn!(
                        error,
                        "cannot renew AWS credentials, using the current ones"
                    );
                    delay = RETRY_DELAY;
                }
            }
        }
    }

    /// Returns the source of the current credentials, as their provider reports it.
    pub(super) fn source(&self) -> Option<&'static str> {
        let state = self.state.lock();
        let features: Option<&Vec<Feature>> = state.current.as_ref()?.get_property();
        Some(match features?.last()? {
            Feature::CredentialsEnvVars => "environment",
            Feature::CredentialsProfile | Feature::CredentialsProfileSourceProfile => "profile",
            Feature::CredentialsProcess => "credential process",
            Feature::CredentialsStsAssumeRole => "assumed role",
            Feature::CredentialsStsAssumeRoleWebId => "web identity token",
            Feature::CredentialsHttp => "container endpoint",
            Feature::CredentialsImds => "instance metadata",
            _ => "other",
        })
    }

    /// Makes the next call load the credentials, because AWS rejected the current ones.
    pub(super) fn reject(&self) {
        let mut state = self.state.lock();
        let rejected_at = state.rejected_at;
        if rejected_at.is_none_or(|at| at.elapsed() >= MIN_RELOAD_INTERVAL) {
            state.rejected_at = Some(Instant::now());
            state.is_rejected = true;
            self.metrics.refreshed();
        }
    }

    /// Returns the current credentials, and loads them if there are none.
    async fn current_or_load(&self) -> Loaded {
        if let Some(valid) = self.valid() {
            return Ok(valid);
        }
        let loaded = timeout(self.call_timeout, async {
            let _loading = self.loading.lock().await;
            match self.valid() {
                Some(valid) => Ok(valid),
                None => self.load_locked().await,
            }
        });
        let timed_out = |_| CredentialsError::provider_timed_out(self.call_timeout);
        loaded.await.map_err(timed_out)?
    }

    async fn load_locked(&self) -> Loaded {
        let loaded = timeout(LOAD_TIMEOUT, self.provider.provide_credentials()).await;
        let loaded = loaded.map_err(|_| CredentialsError::provider_timed_out(LOAD_TIMEOUT))??;
        self.metrics.set_expiry(loaded.expiry());
        let mut state = self.state.lock();
        state.is_rejected = false;
        let former = state.current.replace(loaded.clone());
        if !former.is_some_and(|former| has_same_keys(&former, &loaded)) {
            self.metrics.loaded();
        }
        Ok(loaded)
    }

    fn valid(&self) -> Option<Credentials> {
        let state = self.state.lock();
        let now = wall_clock();
        let is_valid = |keys: &&Credentials| keys.expiry().is_none_or(|expiry| now < expiry);
        let current = state.current.as_ref().filter(|_| !state.is_rejected);
        current.filter(is_valid).cloned()
    }
}

impl ProvideCredentials for RenewedCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.current_or_load())
    }
}

/// AWS's default chain, built anew for each load, and the role to assume with its
/// credentials.
#[derive(Debug)]
pub(super) struct DefaultChain {
    pub(super) settings: AwsSettings,
    pub(super) http: SharedHttpClient,
}

impl DefaultChain {
    async fn load(&self) -> Loaded {
        let config = loader(&self.settings, &self.http).load().await;
        let none = || CredentialsError::not_loaded("AWS's default chain has no provider");
        let chain = config.credentials_provider().ok_or_else(none)?;
        let Some(role) = &self.settings.role_arn else {
            return chain.provide_credentials().await;
        };
        let role = AssumeRoleProvider::builder(role).session_name("livegate");
        let role = role.configure(&config).build_from_provider(chain).await;
        role.provide_credentials().await
    }
}

impl ProvideCredentials for DefaultChain {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.load())
    }
}

/// Returns the delay before `loaded` is renewed: half of its remaining life.
fn renewal_delay(loaded: Option<&Credentials>) -> Duration {
    let (shortest, longest) = RENEWAL_DELAYS;
    let expiry = loaded.and_then(Credentials::expiry);
    let left = expiry.map(|expiry: SystemTime| expiry.duration_since(wall_clock()));
    let half = left.map(|left| left.unwrap_or_default() / 2);
    half.unwrap_or(longest).clamp(shortest, longest)
}

/// Ignores the expiry: if the instance metadata has no new keys, the SDK extends the
/// expiry of the old ones.
fn has_same_keys(one: &Credentials, other: &Credentials) -> bool {
    one.access_key_id() == other.access_key_id()
        && one.secret_access_key() == other.secret_access_key()
        && one.session_token() == other.session_token()
}

#[cfg(test)]
mod tests;
