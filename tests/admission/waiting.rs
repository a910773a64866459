//! Which request gets a quota token, and when waiting requests are refused.

use std::num::NonZeroU32;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use livegate::admission::Admission;
use tokio::time::{Instant, advance, sleep};

use super::fixture::{MS, SECOND, admit, admit_unspent, settings, settings_with, waiting};

#[tokio::test(start_paused = true)]
async fn a_token_goes_to_the_request_that_is_first_when_it_becomes_available() {
    let admission = Admission::open(settings());
    let start = Instant::now();
    let mut first = Box::pin(admit(&admission, "a", 5 * SECOND));
    let mut second = Box::pin(admit(&admission, "a", 5 * SECOND));
    assert!(first.as_mut().now_or_never().is_none());
    assert!(second.as_mut().now_or_never().is_none());
    assert_eq!(waiting(&admission).await, 2);
    advance(50 * MS).await;
    drop(first);
    assert_eq!(waiting(&admission).await, 1, "the position is free at once");
    let permit = second.await.expect("a token becomes available");
    assert!(
        start.elapsed() <= 101 * MS,
        "the first token, not the second"
    );
    assert_eq!(permit.waited(), start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_permit_returns_its_token_unless_it_is_spent() {
    let admission = Admission::open(settings());
    drop(admit_unspent(&admission, "a", SECOND).await.expect("quota"));
    let returned = Instant::now();
    drop(
        admit(&admission, "b", SECOND)
            .await
            .expect("the same token"),
    );
    assert_eq!(returned.elapsed(), Duration::ZERO);
    drop(
        admit(&admission, "b", SECOND)
            .await
            .expect("the next token"),
    );
    assert!(returned.elapsed() >= 95 * MS, "a spent token is gone");
}

#[tokio::test(start_paused = true)]
async fn a_token_granted_to_a_cancelled_request_is_returned() {
    let admission = Admission::open(settings());
    let mut first = Box::pin(admit(&admission, "a", 5 * SECOND));
    assert!(first.as_mut().now_or_never().is_none());
    sleep(102 * MS).await;
    assert_eq!(
        waiting(&admission).await,
        0,
        "the grant is sent and not yet received"
    );
    drop(first);
    let granted = Instant::now();
    drop(
        admit(&admission, "b", 5 * SECOND)
            .await
            .expect("the same token"),
    );
    assert_eq!(granted.elapsed(), Duration::ZERO);
    drop(
        admit(&admission, "b", 5 * SECOND)
            .await
            .expect("the next token"),
    );
    assert!(granted.elapsed() >= 95 * MS, "it is returned once");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_be_served_is_refused_before_its_deadline() {
    let admission = Admission::open(settings());
    let requests = join_all((0..20).map(|_| admit(&admission, "a", 3 * SECOND)));
    let slow_down = async {
        sleep(100 * MS).await;
        admission.apply(settings_with(|s| s.quota.rate_per_second = 1.0));
    };
    let start = Instant::now();
    let (outcomes, ()) = tokio::join!(requests, slow_down);
    assert!(outcomes.iter().any(Result::is_err));
    assert!(start.elapsed() < 3 * SECOND - 290 * MS);
    assert_eq!(waiting(&admission).await, 0);
}

#[tokio::test(start_paused = true)]
async fn requests_overtaken_by_other_callers_are_refused_at_once() {
    let admission = Admission::open(settings_with(|settings| {
        settings.quota.rate_per_second = 5.0;
        settings.quota.target_utilization = 1.0;
    }));
    let start = Instant::now();
    let requests = |name: &'static str, count: usize| {
        let admission = &admission;
        (0..count).map(move |_| async move {
            let admitted = admit(admission, name, 5 * SECOND).await;
            (name, admitted.is_ok(), start.elapsed())
        })
    };
    // All requests of `a` fit until `b` and `c` take their shares.
    let calls = requests("a", 18)
        .chain(requests("b", 7))
        .chain(requests("c", 5));
    let ended = join_all(calls).await;
    let refused: Vec<_> = ended.iter().filter(|(_, served, _)| !served).collect();
    assert!(refused.len() >= 5, "{refused:?}");
    for (name, _, took) in refused {
        assert_eq!(*name, "a", "the others keep their share");
        assert!(*took <= 30 * MS, "refused after {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_millisecond_resolution_of_timers_costs_no_quota() {
    for rate in [3.0, 49.0, 300.0, 1999.0] {
        let admission = Admission::open(settings_with(|s| {
            s.quota.rate_per_second = rate;
            s.callers.limits.default.max_waiting = NonZeroU32::new(100_000).expect("not zero");
        }));
        let start = Instant::now();
        let count = (rate * 5.0) as usize;
        let outcomes = join_all((0..count).map(|_| admit(&admission, "a", 60 * SECOND))).await;
        assert!(outcomes.iter().all(Result::is_ok));
        let took = start.elapsed().as_secs_f64();
        assert!((took - 5.0).abs() < 0.02 + 1.0 / rate, "{rate}: {took}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_stalled_grants_no_token_to_an_expired_request() {
    let admission = Admission::open(settings_with(|s| {
        s.quota.burst = NonZeroU32::new(5).expect("not zero");
    }));
    let mut requests: Vec<_> = (0..10)
        .map(|_| Box::pin(admit(&admission, "a", 3 * SECOND)))
        .collect();
    for request in &mut requests {
        assert!(request.as_mut().now_or_never().is_none());
    }
    // The clock advances while no task runs.
    advance(10 * SECOND).await;
    let outcomes = join_all(requests).await;
    assert!(outcomes.iter().all(Result::is_err), "{outcomes:?}");
    let permit = admit(&admission, "a", SECOND).await;
    assert_eq!(permit.expect("no token was spent").waited(), Duration::ZERO);
}
