//! Which requests are refused, how soon, and with which reason and retry delay.

use std::num::NonZeroU32;
use std::time::Duration;

use futures_util::future::join_all;
use livegate::admission::{Admission, AttemptOutcome, CallerLimits, RefusalReason};
use tokio::time::{Instant, sleep};

use super::fixture::{MS, SECOND, admit, caller, settings, settings_with};

#[tokio::test(start_paused = true)]
async fn a_request_that_does_not_fit_is_refused_at_once_with_a_retry_delay() {
    let admission = Admission::open(settings());
    let start = Instant::now();
    let outcomes = join_all((0..30).map(|_| admit(&admission, "a", 1050 * MS)));
    let mut delays = Vec::new();
    for outcome in outcomes.await {
        if let Err(refused) = outcome {
            assert_eq!(refused.reason, RefusalReason::Quota);
            delays.push(refused.retry_after);
        }
    }
    assert_eq!(delays.len(), 23, "7 tokens leave 0.3 s for an attempt");
    assert!(start.elapsed() <= 702 * MS);
    for (earlier, later) in delays.iter().zip(&delays[1..]) {
        assert!(
            (*later - *earlier).abs_diff(100 * MS) < MS,
            "one token apart"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_takes_no_time() {
    let admission = Admission::open(settings());
    for _ in 0..1000 {
        let start = Instant::now();
        assert!(admit(&admission, "a", 50 * MS).await.is_err());
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_need_not_wait_is_admitted_even_after_a_slow_minute() {
    let admission = Admission::open(settings());
    for _ in 0..6 {
        let permit = admit(&admission, "a", 60 * SECOND)
            .await
            .expect("a token becomes available");
        sleep(10 * SECOND).await;
        permit.finish(AttemptOutcome::Answered);
    }
    sleep(SECOND).await;
    let permit = admit(&admission, "a", 50 * MS)
        .await
        .expect("a token is available");
    assert_eq!(permit.waited(), Duration::ZERO);
    let refused = admit(&admission, "a", SECOND)
        .await
        .expect_err("an attempt takes 10 s");
    assert_eq!(refused.reason, RefusalReason::Quota);
}

#[tokio::test(start_paused = true)]
async fn retry_delays_bring_every_refused_request_of_a_burst_of_twenty_through() {
    for (rate, callers) in [(5.0, 1), (5.0, 4), (5.0, 20), (25.0, 1), (25.0, 20)] {
        let admission = Admission::open(settings_with(|s| s.quota.rate_per_second = rate));
        let clients = (0..20).map(|number| {
            let (admission, name) = (admission.clone(), format!("caller-{}", number % callers));
            async move {
                for attempt in 1..=4 {
                    match admit(&admission, &name, 800 * MS).await {
                        Ok(_) => return Some(attempt),
                        Err(refused) => sleep(refused.retry_after).await,
                    }
                }
                None
            }
        });
        let attempts = join_all(clients).await;
        assert!(
            attempts.iter().all(Option::is_some),
            "{rate}, {callers}: {attempts:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_callers_own_limits_are_the_reason_of_its_refusals() {
    let tight = CallerLimits {
        max_waiting: NonZeroU32::MIN,
        max_rate_per_second: Some(1.0),
        ..CallerLimits::default()
    };
    let admission = Admission::open(settings_with(|s| {
        s.callers.limits.named.insert(caller("tight"), tight);
    }));
    let outcomes = join_all((0..3).map(|_| admit(&admission, "tight", 5 * SECOND))).await;
    let reasons: Vec<_> = outcomes.into_iter().filter_map(Result::err).collect();
    assert_eq!(reasons.len(), 2, "one request may wait");
    assert!(
        reasons
            .iter()
            .all(|r| r.reason == RefusalReason::CallerQuota)
    );
    sleep(SECOND).await;
    let permit = admit(&admission, "tight", 5 * SECOND)
        .await
        .expect("one call a second is allowed");
    permit.finish(AttemptOutcome::Answered);
    let refused = admit(&admission, "tight", SECOND)
        .await
        .expect_err("two are not allowed");
    assert_eq!(refused.reason, RefusalReason::CallerQuota);
}
