//! A credentials cache that can be told to forget.
//!
//! The SDK's own has no invalidation: credentials that AWS stops accepting
//! before their time would be sent until they expire.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_sdk_rekognition::config::{ConfigBag, IdentityCache, RuntimeComponents};
use aws_smithy_runtime_api::client::identity::{
    IdentityFuture, ResolveCachedIdentity, SharedIdentityCache, SharedIdentityResolver,
};
use tokio::time::Instant;

use super::metrics::CredentialsMetrics;

/// Credentials are asked for anew at most this often, however many calls fail.
const REFRESH_EACH: Duration = Duration::from_secs(1);

/// The SDK's lazy cache, replaced by an empty one at each refresh.
#[derive(Clone)]
pub(super) struct RefreshableIdentityCache {
    current: Arc<ArcSwap<SharedIdentityCache>>,
    refreshed_at: Arc<Mutex<Option<Instant>>>,
    load_timeout: Duration,
    metrics: CredentialsMetrics,
}

impl RefreshableIdentityCache {
    pub(super) fn new(load_timeout: Duration, metrics: CredentialsMetrics) -> Self {
        Self {
            current: Arc::new(ArcSwap::from_pointee(empty(load_timeout))),
            refreshed_at: Arc::default(),
            load_timeout,
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
}

fn empty(load_timeout: Duration) -> SharedIdentityCache {
    IdentityCache::lazy().load_timeout(load_timeout).build()
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
            let identity = current
                .resolve_cached_identity(resolver, components, config)
                .await?;
            if let Some(at) = identity.expiration() {
                self.metrics.expire(at);
            }
            Ok(identity)
        })
    }
}
