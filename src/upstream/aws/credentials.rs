//! A credentials cache with invalidation, which records the age of the credentials.
//!
//! The SDK's cache cannot be invalidated: it would send credentials that AWS has revoked
//! until they expire.
//!
//! A call that needs new credentials waits for at most 90 % of its attempt timeout: with
//! an attempt timeout of 3 s, a hanging provider gives a credentials error after 2.7 s.
//!
//! For example, credentials were loaded at 8:00, and AWS rejects them at 9:00. They are
//! reloaded at 9:00 and then every second while AWS keeps rejecting them. If the provider
//! returns the same keys, their load time stays 8:00; for other keys it is 9:00.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_rekognition::config::timeout::TimeoutConfig;
use aws_sdk_rekognition::config::{ConfigBag, IdentityCache, RuntimeComponents};
use aws_sdk_rekognition::error::BoxError;
use aws_smithy_runtime_api::client::identity::{
    Identity, IdentityFuture, ResolveCachedIdentity, SharedIdentityCache, SharedIdentityResolver,
};
use tokio::time::{Instant, timeout};

use super::metrics::CredentialsMetrics;

/// The least time between two refreshes, however many calls fail.
const MIN_REFRESH_INTERVAL: Duration = Duration::from_secs(1);

/// The SDK's lazy cache. Each refresh replaces it by an empty one.
#[derive(Clone)]
pub(super) struct RefreshableIdentityCache {
    current: Arc<ArcSwap<SharedIdentityCache>>,
    refreshed_at: Arc<Mutex<Option<Instant>>>,
    load_timeout: Duration,
    in_use: Arc<Mutex<Option<Credentials>>>,
    metrics: CredentialsMetrics,
}

impl RefreshableIdentityCache {
    pub(super) fn new(load_timeout: Duration, metrics: CredentialsMetrics) -> Self {
        Self {
            current: Arc::new(ArcSwap::from_pointee(empty(load_timeout))),
            refreshed_at: Arc::default(),
            load_timeout,
            in_use: Arc::default(),
            metrics,
        }
    }

    /// Discards the cached credentials, so that the next call loads them from the provider.
    pub(super) fn refresh(&self) {
        let mut refreshed_at = self
            .refreshed_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if refreshed_at.is_none_or(|at| at.elapsed() >= MIN_REFRESH_INTERVAL) {
            *refreshed_at = Some(Instant::now());
            self.metrics.refreshed();
            self.current.store(Arc::new(empty(self.load_timeout)));
        }
    }

    /// Records the age and expiry of the credentials that a call uses.
    fn record(&self, identity: &Identity) {
        if let Some(at) = identity.expiration() {
            self.metrics.set_expiry(at);
        }
        let Some(credentials) = identity.data::<Credentials>() else {
            return;
        };
        let mut in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        if !in_use
            .as_ref()
            .is_some_and(|old| same_keys(old, credentials))
        {
            *in_use = Some(credentials.clone());
            self.metrics.loaded();
        }
    }
}

/// Ignores the expiry: if the instance metadata has no new keys, the SDK extends the
/// expiry of the old ones.
fn same_keys(one: &Credentials, other: &Credentials) -> bool {
    one.access_key_id() == other.access_key_id()
        && one.secret_access_key() == other.secret_access_key()
        && one.session_token() == other.session_token()
}

fn empty(load_timeout: Duration) -> SharedIdentityCache {
    IdentityCache::lazy().load_timeout(load_timeout).build()
}

/// Returns 90 % of the attempt timeout. A hanging provider must time out before the
/// attempt, or it would look like a timeout of AWS.
fn load_timeout_within(config: &ConfigBag) -> Duration {
    let timeouts = config.load::<TimeoutConfig>();
    let attempt = timeouts.and_then(TimeoutConfig::operation_attempt_timeout);
    attempt.map_or(Duration::MAX, |attempt| attempt / 10 * 9)
}

/// Wraps the other errors of the SDK's cache in a [`CredentialsError`].
fn as_credentials_error(error: BoxError) -> BoxError {
    if error.is::<CredentialsError>() {
        error
    } else {
        CredentialsError::provider_error(error).into()
    }
}

impl fmt::Debug for RefreshableIdentityCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshableIdentityCache(..)")
    }
}

impl ResolveCachedIdentity for RefreshableIdentityCache {
    fn resolve_cached_identity<'a>(
        &'a self,
        resolver: SharedIdentityResolver,
        components: &'a RuntimeComponents,
        config: &'a ConfigBag,
    ) -> IdentityFuture<'a> {
        let current = self.current.load_full();
        IdentityFuture::new(async move {
            let loading = current.resolve_cached_identity(resolver, components, config);
            let load_timeout = load_timeout_within(config).min(self.load_timeout);
            let identity = timeout(load_timeout, loading).await;
            let timed_out = |_| CredentialsError::provider_timed_out(load_timeout);
            let identity = identity.map_err(timed_out)?.map_err(as_credentials_error)?;
            self.record(&identity);
            Ok(identity)
        })
    }
}

#[cfg(test)]
mod tests;
