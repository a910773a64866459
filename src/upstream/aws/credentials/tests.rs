//! Renewal, rejection and hanging providers, in paused time.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

/// A provider whose loads return new keys with this life, fail, or never return.
#[derive(Clone, Debug)]
struct FakeProvider {
    loads: Arc<AtomicU64>,
    script: fn(u64) -> Load,
}

enum Load {
    Keys(&'static str, Option<Duration>),
    Fails,
    Hangs,
}

impl ProvideCredentials for FakeProvider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        match (self.script)(self.loads.fetch_add(1, Ordering::Relaxed)) {
            Load::Keys(key, life) => {
                let expiry = life.map(|life| wall_clock() + life);
                let keys = Credentials::new(key, "secret", None, expiry, "test");
                future::ProvideCredentials::ready(Ok(keys))
            }
            Load::Fails => {
                let error = CredentialsError::provider_error("the agent is unavailable");
                future::ProvideCredentials::ready(Err(error))
            }
            Load::Hangs => future::ProvideCredentials::new(std::future::pending()),
        }
    }
}

struct Scene {
    credentials: RenewedCredentials,
    loads: Arc<AtomicU64>,
    registry: Registry,
}

impl Scene {
    fn new(attempt_timeout: Duration, script: fn(u64) -> Load) -> Self {
        let mut registry = Registry::default();
        let metrics = CredentialsMetrics::register(&mut registry);
        let loads = Arc::default();
        let provider = FakeProvider {
            loads: Arc::clone(&loads),
            script,
        };
        let provider = SharedCredentialsProvider::new(provider);
        Self {
            credentials: RenewedCredentials::new(provider, attempt_timeout, metrics),
            loads,
            registry,
        }
    }

    /// Returns the key that a call uses.
    async fn key(&self) -> Result<String, String> {
        let provided = self.credentials.provide_credentials().await;
        let key = provided.map(|keys| keys.access_key_id().to_owned());
        key.map_err(|error| text(&error))
    }

    fn loads(&self) -> u64 {
        self.loads.load(Ordering::Relaxed)
    }

    fn metric(&self, name: &str) -> String {
        let mut page = String::new();
        encode(&mut page, &self.registry).unwrap();
        let line = page.lines().find(|line| line.starts_with(name));
        line.expect("the metric has a series").to_owned()
    }

    async fn renew_for(&self, time: Duration) {
        let renewing = timeout(time, self.credentials.renew()).await;
        assert!(renewing.is_err(), "it never returns");
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_are_renewed_after_half_of_their_life() {
    let scene = Scene::new(HOUR, |load| {
        Load::Keys(["first", "second"][load.min(1) as usize], Some(HOUR))
    });
    scene.credentials.load().await.unwrap();
    scene.renew_for(HOUR / 2 - Duration::from_secs(1)).await;
    assert_eq!(scene.key().await.as_deref(), Ok("first"));
    scene.renew_for(HOUR / 2).await;
    assert_eq!(scene.key().await.as_deref(), Ok("second"));
    assert_eq!(scene.loads(), 2, "calls load nothing");
}

#[tokio::test(start_paused = true)]
async fn valid_credentials_are_kept_while_renewals_fail() {
    let scene = Scene::new(HOUR, |load| match load {
        0 => Load::Keys("first", Some(HOUR)),
        1..20 => Load::Fails,
        _ => Load::Keys("second", Some(HOUR)),
    });
    scene.credentials.load().await.unwrap();
    scene.renew_for(HOUR / 2 + 10 * RETRY_DELAY).await;
    assert_eq!(scene.key().await.as_deref(), Ok("first"));
    let failures = scene.metric("livegate_aws_credentials_renewal_failures_total");
    assert!(!failures.ends_with(" 0"), "{failures}");
    scene.renew_for(HOUR).await;
    assert_eq!(scene.key().await.as_deref(), Ok("second"));
}

#[tokio::test(start_paused = true)]
async fn a_call_loads_credentials_that_have_expired() {
    let scene = Scene::new(HOUR, |load| match load {
        0 => Load::Keys("expired", Some(Duration::ZERO)),
        1 => Load::Fails,
        _ => Load::Keys("new", None),
    });
    scene.credentials.load().await.unwrap();
    let error = scene.key().await.unwrap_err();
    assert!(error.contains("the agent is unavailable"), "{error}");
    assert_eq!(scene.key().await.as_deref(), Ok("new"));
}

#[tokio::test(start_paused = true)]
async fn rejected_credentials_are_loaded_again_at_most_once_a_second() {
    let scene = Scene::new(HOUR, |_| Load::Keys("same", None));
    scene.key().await.unwrap();
    let loaded_at = "livegate_aws_credentials_loaded_timestamp_seconds{";
    let first = scene.metric(loaded_at);
    for _ in 0..10 {
        scene.credentials.reject();
        scene.key().await.unwrap();
    }
    assert_eq!(scene.loads(), 2);
    sleep(MIN_RELOAD_INTERVAL).await;
    scene.credentials.reject();
    scene.key().await.unwrap();
    assert_eq!(scene.loads(), 3);
    assert_eq!(scene.metric(loaded_at), first, "the keys are the same");
}

#[tokio::test(start_paused = true)]
async fn concurrent_calls_share_one_load() {
    let scene = Scene::new(HOUR, |_| Load::Keys("shared", None));
    let keys = (0..100).map(|_| scene.key());
    let keys = futures_util::future::join_all(keys).await;
    assert!(keys.iter().all(|key| key.as_deref() == Ok("shared")));
    assert_eq!(scene.loads(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_hanging_provider_times_out_before_the_attempt() {
    for (attempt, within) in [(3000, 2700), (400, 360), (60_000, 10_000)] {
        let scene = Scene::new(Duration::from_millis(attempt), |_| Load::Hangs);
        let started = Instant::now();
        scene.key().await.unwrap_err();
        let took = started.elapsed().as_millis();
        assert!(
            (within..within + 50).contains(&took),
            "{took} of {within} ms"
        );
    }
}
