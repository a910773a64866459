//! The age of the credentials, and providers that hang.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use aws_credential_types::provider::{self, ProvideCredentials, future};
use aws_sdk_rekognition::config::retry::RetryConfig;
use aws_sdk_rekognition::config::{BehaviorVersion, Region};
use aws_sdk_rekognition::{Client, Config};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::super::WARM_UP_TIMEOUT;
use super::super::error::from_sdk;
use super::super::warm_up::load_credentials;
use super::*;
use crate::upstream::UpstreamErrorKind;

/// Returns the same keys for a number of loads, each time with a later expiry.
#[derive(Clone, Debug)]
struct FakeProvider {
    loads_per_key: u64,
    loads: Arc<AtomicU64>,
}

impl ProvideCredentials for FakeProvider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let load = self.loads.fetch_add(1, Ordering::Relaxed);
        let id = format!("key-{}", load / self.loads_per_key);
        let until = SystemTime::UNIX_EPOCH + Duration::from_secs(9_000_000_000 + load);
        let loaded: provider::Result =
            Ok(Credentials::new(id, "secret", None, Some(until), "test"));
        future::ProvideCredentials::ready(loaded)
    }
}

/// The SDK's client with the refreshable cache.
struct Scene {
    client: Client,
    cache: RefreshableIdentityCache,
    provider: FakeProvider,
    registry: Registry,
}

impl Scene {
    fn new(loads_per_key: u64) -> Self {
        let mut registry = Registry::default();
        let metrics = CredentialsMetrics::register(&mut registry);
        let cache = RefreshableIdentityCache::new(Duration::from_secs(10), metrics);
        let provider = FakeProvider {
            loads_per_key,
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

    /// Signs a call and returns the metric line with the load time of the keys.
    async fn loaded_at(&self) -> String {
        let within = Duration::from_secs(10);
        load_credentials(&self.client, within).await.unwrap();
        let mut page = String::new();
        encode(&mut page, &self.registry).unwrap();
        let name = "livegate_aws_credentials_loaded_timestamp_seconds{";
        let line = page.lines().find(|line| line.starts_with(name));
        line.expect("the metric has a series").to_owned()
    }

    fn loads(&self) -> u64 {
        self.provider.loads.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn the_load_time_of_keys_changes_only_when_a_refresh_brings_other_keys() {
    let scene = Scene::new(1);
    let first = scene.loaded_at().await;
    assert_eq!(scene.loaded_at().await, first, "a second call");
    assert_eq!(scene.loads(), 1);
    scene.cache.refresh();
    assert_ne!(scene.loaded_at().await, first, "other keys");
    assert_eq!(scene.loads(), 2);
}

#[tokio::test]
async fn a_refresh_that_returns_the_same_keys_keeps_their_load_time() {
    let scene = Scene::new(2);
    let first = scene.loaded_at().await;
    scene.cache.refresh();
    assert_eq!(scene.loaded_at().await, first, "only the expiry is later");
    assert_eq!(scene.loads(), 2);
}

/// A provider that never returns.
#[derive(Debug)]
struct HangingProvider;

impl ProvideCredentials for HangingProvider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(std::future::pending())
    }
}

/// A client with this attempt timeout, whose provider hangs.
fn hanging_client(attempt_timeout: Duration) -> Client {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(attempt_timeout);
    let metrics = CredentialsMetrics::default();
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts.build())
        .credentials_provider(HangingProvider)
        .identity_cache(RefreshableIdentityCache::new(
            Duration::from_secs(10),
            metrics,
        ));
    Client::from_conf(config.build())
}

#[tokio::test(start_paused = true)]
async fn a_hanging_provider_times_out_before_the_attempt_with_a_credentials_error() {
    for (attempt, within) in [(3000, 2700), (400, 360), (60_000, 10_000)] {
        let started = Instant::now();
        let call = hanging_client(Duration::from_millis(attempt)).create_face_liveness_session();
        let error = from_sdk(&call.send().await.unwrap_err());
        assert_eq!(error.kind, UpstreamErrorKind::Credentials, "{attempt} ms");
        let took = started.elapsed().as_millis();
        assert!(
            (within..within + 50).contains(&took),
            "{took} of {within} ms"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_warm_up_ignores_a_short_attempt_timeout() {
    let started = Instant::now();
    let client = hanging_client(Duration::from_millis(400));
    let error = load_credentials(&client, WARM_UP_TIMEOUT).await;
    let error = error.unwrap_err();
    assert!(error.contains("10s"), "{error}");
    assert_eq!(started.elapsed().as_secs(), 10);
}
