//! The rate of permits: the quota, throttling, and reloads.

use std::num::NonZeroU32;
use std::time::Duration;

use futures_util::future::join_all;
use livegate::admission::{Admission, AdmissionSettings, AttemptOutcome};
use proptest::prelude::*;
use tokio::time::{Instant, sleep};

use super::fixture::{MS, SECOND, admit, settings_with};

#[tokio::test(start_paused = true)]
async fn a_reload_under_load_drops_no_request_and_causes_no_second_burst() {
    let admission = Admission::open(settings_with(|s| {
        s.quota.burst = NonZeroU32::new(5).expect("not zero");
    }));
    sleep(10 * SECOND).await;
    let start = Instant::now();
    let requests = join_all((0..60).map(|n| {
        let admission = admission.clone();
        async move { admit(&admission, &format!("caller-{}", n % 6), 60 * SECOND).await }
    }));
    let reloads = async {
        for burst in 5..25 {
            sleep(77 * MS).await;
            admission.apply(settings_with(|s| {
                s.quota.burst = NonZeroU32::new(burst).expect("not zero");
                s.quota.rate_per_second = if burst % 2 == 0 { 20.0 } else { 10.0 };
                s.callers.limits.default.max_waiting = NonZeroU32::new(burst).expect("not zero");
            }));
        }
    };
    let (outcomes, ()) = tokio::join!(requests, reloads);
    let mut waits = Vec::new();
    for outcome in outcomes {
        waits.push(outcome.expect("no request is dropped").waited());
    }
    waits.sort_unstable();
    assert_eq!(waits[4], Duration::ZERO, "the saved burst");
    for (number, wait) in waits.iter().enumerate().skip(5) {
        let allowed = 5.0 + 20.0 * (wait.as_secs_f64() + 0.002);
        assert!((number + 1) as f64 <= allowed, "{number} after {wait:?}");
    }
    assert!(start.elapsed() < 6 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn throttles_cut_the_rate_once_in_each_epoch_and_it_recovers_in_use() {
    let fast = || settings_with(|s| s.quota.rate_per_second = 1000.0);
    let admission = Admission::open(fast());
    let factor = async || {
        admission
            .state()
            .expect("the scheduler runs")
            .adaptive_factor
    };
    for _ in 0..100 {
        let permit = admit(&admission, "a", SECOND).await.expect("quota is left");
        permit.finish(AttemptOutcome::Throttled);
    }
    assert!((factor().await - 0.95).abs() < 1e-9);
    sleep(500 * MS).await;
    drop(admit(&admission, "a", SECOND).await.expect("quota is left"));
    assert!(
        factor().await > 0.95 - 1e-9,
        "an attempt without an outcome is no failure"
    );
    sleep(3600 * SECOND).await;
    assert!(factor().await < 0.96, "nothing was sent");
    let end = Instant::now() + 14 * SECOND;
    while Instant::now() < end {
        let requests = (0..100).map(|_| admit(&admission, "a", 5 * SECOND));
        for permit in join_all(requests).await.into_iter().flatten() {
            permit.finish(AttemptOutcome::Answered);
        }
    }
    let recovered = factor().await;
    assert!(recovered > 0.96, "it recovers in use: {recovered}");
    admission.apply(AdmissionSettings {
        adaptive: false,
        ..fast()
    });
    let permit = admit(&admission, "a", SECOND).await.expect("quota is left");
    permit.finish(AttemptOutcome::Throttled);
    assert!((factor().await - 1.0).abs() < 1e-9, "adaptation is off");
}

/// Returns the instants of grants at `rate` and `burst`. `batches` are requests as
/// (pause before them, count, timeout), in milliseconds.
fn grants(rate: f64, burst: u32, batches: &[(u64, usize, u64)]) -> Vec<Instant> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let admission = Admission::open(settings_with(|s| {
            s.quota.rate_per_second = rate;
            s.quota.burst = NonZeroU32::new(burst).expect("not zero");
        }));
        let mut requests = tokio::task::JoinSet::new();
        for (pause, count, timeout) in batches {
            sleep(Duration::from_millis(*pause)).await;
            for number in 0..*count {
                let (admission, timeout) = (admission.clone(), Duration::from_millis(*timeout));
                requests.spawn(async move {
                    let name = format!("caller-{}", number % 3);
                    let permit = admit(&admission, &name, timeout).await.ok()?;
                    let at = Instant::now();
                    let throttled = number % 7 == 0;
                    permit.finish(if throttled {
                        AttemptOutcome::Throttled
                    } else {
                        AttemptOutcome::Answered
                    });
                    Some(at)
                });
            }
        }
        let mut granted: Vec<Instant> = requests.join_all().await.into_iter().flatten().collect();
        granted.sort_unstable();
        granted
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// No window has more than rate x (time + a tick of 2 ms) + burst grants, whenever
    /// requests arrive and attempts are throttled.
    #[test]
    fn no_window_exceeds_the_quota(
        rate in 1.0_f64..200.0,
        burst in 1_u32..10,
        batches in prop::collection::vec((0_u64..2000, 0_usize..20, 1_u64..6000), 1..20),
    ) {
        let granted = grants(rate, burst, &batches);
        for (i, from) in granted.iter().enumerate() {
            for (j, to) in granted.iter().enumerate().skip(i) {
                let time = (*to - *from).as_secs_f64() + 0.002;
                let allowed = rate * time + f64::from(burst) + 1e-3;
                prop_assert!((j - i + 1) as f64 <= allowed, "{} in {}", j - i + 1, time);
            }
        }
    }
}
