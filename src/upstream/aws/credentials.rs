//! A credentials cache that can be told to forget, and tells how old they are.
//!
//! The SDK's own has no invalidation: credentials that AWS stops accepting
//! before their time would be sent until they expire.
//!
//! Calls that need new ones wait for nine tenths of their attempt's time at most: with
//! an attempt of 3 s a provider that hangs is told of as such after 2.7 s.
//!
//! An example: AWS refuses the keys that were loaded at 8:00. They are asked for
//! anew at 9:00, and again each second while that does not help. Where the provider
//! has the same ones still, they are those of 8:00; other keys are those of 9:00.

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

/// Credentials are asked for anew at most this often, however many calls fail.
const REFRESH_EACH: Duration = Duration::from_secs(1);

/// The SDK's lazy cache, replaced by an empty one at each refresh.
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

    /// Forgets what is cached: the next call asks the provider.
    pub(super) fn refresh(&self) {
        let mut refreshed_at = self
            .refreshed_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if refreshed_at.is_none_or(|at| at.elapsed() >= REFRESH_EACH) {
            *refreshed_at = Some(Instant::now());
            self.metrics.refreshed();
            self.current.store(Arc::new(empty(self.load_timeout)));
        }
    }

    /// A call goes out with `identity`.
    fn seen(&self, identity: &Identity) {
        if let Some(at) = identity.expiration() {
            self.metrics.expire(at);
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

/// A later expiry does not make them newer: where the instance's metadata has no
/// others, the SDK prolongs those it has.
fn same_keys(one: &Credentials, other: &Credentials) -> bool {
    one.access_key_id() == other.access_key_id()
        && one.secret_access_key() == other.secret_access_key()
        && one.session_token() == other.session_token()
}

fn empty(load_timeout: Duration) -> SharedIdentityCache {
    IdentityCache::lazy().load_timeout(load_timeout).build()
}

/// Nine tenths of an attempt's time: loading that hangs must end before the attempt
/// does, or it would look like an AWS that does not answer.
fn share_of_attempt(config: &ConfigBag) -> Duration {
    let timeouts = config.load::<TimeoutConfig>();
    let attempt = timeouts.and_then(TimeoutConfig::operation_attempt_timeout);
    attempt.map_or(Duration::MAX, |attempt| attempt / 10 * 9)
}

/// The SDK's own cache has errors of other kinds too.
fn named(error: BoxError) -> BoxError {
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
            let within = share_of_attempt(config).min(self.load_timeout);
            let identity = timeout(within, loading).await;
            let too_late = |_| CredentialsError::provider_timed_out(within);
            let identity = identity.map_err(too_late)?.map_err(named)?;
            self.seen(&identity);
            Ok(identity)
        })
    }
}

#[cfg(test)]
mod tests;
