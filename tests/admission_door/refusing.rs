//! Who is turned away, how soon, and with which hint.

use std::num::NonZeroU32;
use std::time::Duration;

use futures_util::future::join_all;
use livegate::admission::{Admission, AttemptOutcome, CallerLimits, RefusalReason};
use tokio::time::{Instant, sleep};

use super::door::{MS, SECOND, admit, caller, settings, settings_with};

#[tokio::test(start_paused = true)]
async fn a_request_that_does_not_fit_is_refused_at_once_and_told_when_to_come_back() {
    let door = Admission::open(settings());
    let start = Instant::now();
    let tries = join_all((0..30).map(|_| admit(&door, "a", 1050 * MS)));
    let mut refused_at = Vec::new();
    for outcome in tries.await {
        if let Err(refused) = outcome {
            assert_eq!(refused.reason, RefusalReason::Quota);
            refused_at.push(refused.retry_after);
        }
    }
    assert_eq!(refused_at.len(), 23, "7 slots leave 0.3 s for an attempt");
    assert!(start.elapsed() <= 702 * MS);
    for (earlier, later) in refused_at.iter().zip(&refused_at[1..]) {
        assert!((*later - *earlier).abs_diff(100 * MS) < MS, "a slot apart");
    }
}

#[tokio::test(start_paused = true)]
async fn no_refusal_takes_time() {
    let door = Admission::open(settings());
    for _ in 0..1000 {
        let start = Instant::now();
        assert!(admit(&door, "a", 50 * MS).await.is_err());
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_need_not_wait_is_not_refused_even_after_a_slow_minute() {
    let door = Admission::open(settings());
    for _ in 0..6 {
        let permit = admit(&door, "a", 60 * SECOND).await.expect("a slot comes");
        sleep(10 * SECOND).await;
        permit.finish(AttemptOutcome::Answered);
    }
    sleep(SECOND).await;
    let permit = admit(&door, "a", 50 * MS).await.expect("a slot is there");
    assert_eq!(permit.waited(), Duration::ZERO);
    let refused = admit(&door, "a", SECOND)
        .await
        .expect_err("an attempt takes 10 s");
    assert_eq!(refused.reason, RefusalReason::Quota);
}

#[tokio::test(start_paused = true)]
async fn hints_bring_every_refused_caller_of_a_burst_of_twenty_through() {
    for (rate, callers) in [(5.0, 1), (5.0, 4), (5.0, 20), (25.0, 1), (25.0, 20)] {
        let door = Admission::open(settings_with(|s| s.quota.rate_per_second = rate));
        let clients = (0..20).map(|number| {
            let (door, name) = (door.clone(), format!("caller-{}", number % callers));
            async move {
                for tries in 1..=4 {
                    match admit(&door, &name, 800 * MS).await {
                        Ok(_) => return Some(tries),
                        Err(refused) => sleep(refused.retry_after).await,
                    }
                }
                None
            }
        });
        let tries = join_all(clients).await;
        assert!(
            tries.iter().all(Option::is_some),
            "{rate}, {callers}: {tries:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_callers_own_limits_are_named_as_what_is_in_the_way() {
    let tight = CallerLimits {
        max_waiting: NonZeroU32::MIN,
        max_rate_per_second: Some(1.0),
        ..CallerLimits::default()
    };
    let door = Admission::open(settings_with(|s| {
        s.callers.limits.named.insert(caller("tight"), tight);
    }));
    let tries = join_all((0..3).map(|_| admit(&door, "tight", 5 * SECOND))).await;
    let reasons: Vec<_> = tries.into_iter().filter_map(Result::err).collect();
    assert_eq!(reasons.len(), 2, "one waits, and there is room for one");
    assert!(
        reasons
            .iter()
            .all(|r| r.reason == RefusalReason::CallerQuota)
    );
    sleep(SECOND).await;
    let permit = admit(&door, "tight", 5 * SECOND)
        .await
        .expect("a call a second");
    permit.finish(AttemptOutcome::Answered);
    let refused = admit(&door, "tight", SECOND).await.expect_err("not two");
    assert_eq!(refused.reason, RefusalReason::CallerQuota);
}
