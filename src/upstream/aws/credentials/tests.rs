//! Which credentials are in use, since when, and what it is like when none come.

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
