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
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::SystemTime;

    use aws_credential_types::provider::{self, ProvideCredentials, future};
    use aws_sdk_rekognition::config::retry::RetryConfig;
    use aws_sdk_rekognition::config::{BehaviorVersion, Region};
    use aws_sdk_rekognition::{Client, Config};
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    use super::super::WARM_UP_TIMEOUT;
    use super::super::error::translate;
    use super::super::warm_up::load_credentials;
    use super::*;
    use crate::upstream::UpstreamErrorKind;

    /// How many loads get the same keys, each of which lives longer than the last.
    #[derive(Clone, Debug)]
    struct Provider {
        same: u64,
        loads: Arc<AtomicU64>,
    }

    impl ProvideCredentials for Provider {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let load = self.loads.fetch_add(1, Ordering::Relaxed);
            let id = format!("key-{}", load / self.same);
            let until = SystemTime::UNIX_EPOCH + Duration::from_secs(9_000_000_000 + load);
            let loaded: provider::Result =
                Ok(Credentials::new(id, "secret", None, Some(until), "scene"));
            future::ProvideCredentials::ready(loaded)
        }
    }

    /// The SDK's client with our cache, which loads by the way that calls go.
    struct Scene {
        client: Client,
        cache: RefreshableIdentityCache,
        provider: Provider,
        registry: Registry,
    }

    impl Scene {
        fn new(same: u64) -> Self {
            let mut registry = Registry::default();
            let metrics = CredentialsMetrics::register(&mut registry);
            let cache = RefreshableIdentityCache::new(Duration::from_secs(10), metrics);
            let provider = Provider {
                same,
                loads: Arc::default(),
            };
            let config = Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new("us-east-1"))
                .credentials_provider(provider.clone())
                .identity_cache(cache.clone());
            Self {
                client: Client::from_conf(config.build()),
                cache,
                provider,
                registry,
            }
        }

        /// A call is signed; says since when there are these keys.
        async fn loaded_at(&self) -> String {
            let within = Duration::from_secs(10);
            load_credentials(&self.client, within).await.unwrap();
            let mut page = String::new();
            encode(&mut page, &self.registry).unwrap();
            let name = "livegate_aws_credentials_loaded_timestamp_seconds{";
            let line = page.lines().find(|line| line.starts_with(name));
            line.expect("it is told").to_owned()
        }

        fn loads(&self) -> u64 {
            self.provider.loads.load(Ordering::Relaxed)
        }
    }

    #[tokio::test]
    async fn keys_are_as_old_as_their_first_loading_until_a_refresh_brings_others() {
        let scene = Scene::new(1);
        let first = scene.loaded_at().await;
        assert_eq!(scene.loaded_at().await, first, "a second call");
        assert_eq!(scene.loads(), 1);
        scene.cache.refresh();
        assert_ne!(scene.loaded_at().await, first, "other keys");
        assert_eq!(scene.loads(), 2);
    }

    #[tokio::test]
    async fn the_same_keys_asked_for_anew_are_no_younger() {
        let scene = Scene::new(2);
        let first = scene.loaded_at().await;
        scene.cache.refresh();
        assert_eq!(scene.loaded_at().await, first, "they live longer, no more");
        assert_eq!(scene.loads(), 2);
    }

    /// A provider that never answers.
    #[derive(Debug)]
    struct Hanging;

    impl ProvideCredentials for Hanging {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::new(std::future::pending())
        }
    }

    /// A client whose attempts may take `attempt`, and whose credentials never come.
    fn hanging(attempt: Duration) -> Client {
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(attempt);
        let metrics = CredentialsMetrics::default();
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts.build())
            .credentials_provider(Hanging)
            .identity_cache(RefreshableIdentityCache::new(
                Duration::from_secs(10),
                metrics,
            ));
        Client::from_conf(config.build())
    }

    #[tokio::test(start_paused = true)]
    async fn credentials_that_never_come_end_before_the_attempt_and_are_named() {
        for (attempt, within) in [(3000, 2700), (400, 360), (60_000, 10_000)] {
            let begun = Instant::now();
            let call = hanging(Duration::from_millis(attempt)).create_face_liveness_session();
            let error = translate(&call.send().await.unwrap_err());
            assert_eq!(error.kind, UpstreamErrorKind::Credentials, "{attempt} ms");
            let took = begun.elapsed().as_millis();
            assert!(
                (within..within + 50).contains(&took),
                "{took} of {within} ms"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_loading_has_all_its_time_however_short_attempts_are() {
        let begun = Instant::now();
        let client = hanging(Duration::from_millis(400));
        let told = load_credentials(&client, WARM_UP_TIMEOUT).await;
        let told = told.unwrap_err();
        assert!(told.contains("10s"), "{told}");
        assert_eq!(begun.elapsed().as_secs(), 10);
    }
}
