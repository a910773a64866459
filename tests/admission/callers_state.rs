//! The callers that a status page shows.

use futures_util::FutureExt as _;
use livegate::admission::{Admission, ArrivalKind, CallerLimits, Weight};
use livegate::model::Deadline;
use tokio::time::{Instant, advance};

use super::fixture::{SECOND, admit, caller, settings, settings_with};

/// Returns an admission in which `payments` has three quarters of the tokens, one each 2 s.
fn weighted() -> Admission {
    let payments = CallerLimits {
        weight: Weight::new(3).expect("a valid weight"),
        ..CallerLimits::default()
    };
    Admission::open(settings_with(|settings| {
        settings.quota.rate_per_second = 0.5;
        let named = &mut settings.callers.limits.named;
        named.insert(caller("payments"), payments);
    }))
}

#[tokio::test(start_paused = true)]
async fn each_caller_has_its_share_and_its_longest_wait() {
    let admission = weighted();
    let mut requests = Vec::new();
    for (name, kind) in [
        ("payments", ArrivalKind::New),
        ("payments", ArrivalKind::New),
        ("shop", ArrivalKind::New),
        ("shop", ArrivalKind::Retry),
    ] {
        let (admission, caller) = (&admission, caller(name));
        let deadline = Deadline::after(Instant::now(), 20 * SECOND);
        let mut request =
            Box::pin(async move { admission.admit(&caller, kind, deadline).await.is_ok() });
        assert!(request.as_mut().now_or_never().is_none());
        requests.push(request);
        advance(SECOND / 4).await;
    }
    let (state, callers) = admission.snapshot(9).expect("the scheduler runs");
    assert_eq!(state.waiting, 4);
    let [payments, shop] = &callers.callers[..] else {
        panic!("two callers: {callers:?}");
    };
    assert_eq!(payments.caller, "payments");
    assert_eq!((payments.waiting, payments.share), (2, 0.75));
    assert_eq!(payments.oldest_wait_seconds, 1.0);
    assert_eq!(shop.caller, "shop");
    assert_eq!((shop.waiting, shop.share), (2, 0.25));
    assert_eq!(
        shop.oldest_wait_seconds, 0.5,
        "not the retry, which is next"
    );
}

#[tokio::test(start_paused = true)]
async fn a_caller_is_listed_with_its_last_wait_when_nothing_waits() {
    let admission = weighted();
    let granted = admit(&admission, "shop", 9 * SECOND).await;
    drop(granted.expect("a token"));
    let (_, callers) = admission.snapshot(9).expect("the scheduler runs");
    let [shop] = &callers.callers[..] else {
        panic!("one caller: {callers:?}");
    };
    assert_eq!((shop.waiting, shop.share), (0, 0.0));
    assert!((1.9..2.1).contains(&shop.last_wait_seconds), "{shop:?}");
    assert!(shop.arrivals_per_second > 0.0, "{shop:?}");
}

#[tokio::test(start_paused = true)]
async fn the_list_is_bounded_and_the_rest_is_counted() {
    let admission = Admission::open(settings());
    let names: Vec<String> = (0..100).map(|number| format!("c{number:02}")).collect();
    let mut requests = Vec::new();
    for name in &names {
        let mut request = Box::pin(admit(&admission, name, 20 * SECOND));
        if request.as_mut().now_or_never().is_none() {
            requests.push(request);
        }
    }
    let (state, callers) = admission.snapshot(50).expect("the scheduler runs");
    assert_eq!(callers.callers.len(), 50);
    let listed: usize = callers.callers.iter().map(|one| one.waiting).sum();
    assert_eq!(callers.omitted_callers, 50);
    assert_eq!(listed + callers.omitted_waiting, state.waiting);
}

#[tokio::test(start_paused = true)]
async fn a_caller_at_its_own_rate_limit_has_no_share() {
    let limited = CallerLimits {
        max_rate_per_second: Some(0.2),
        ..CallerLimits::default()
    };
    let settings = settings_with(|settings| {
        let named = &mut settings.callers.limits.named;
        named.insert(caller("limited"), limited);
    });
    let admission = Admission::open(settings);
    drop(
        admit(&admission, "limited", 9 * SECOND)
            .await
            .expect("a token"),
    );
    let mut second = Box::pin(admit(&admission, "limited", 9 * SECOND));
    assert!(second.as_mut().now_or_never().is_none());
    let (_, callers) = admission.snapshot(1).expect("the scheduler runs");
    assert_eq!(
        (callers.callers[0].waiting, callers.callers[0].share),
        (1, 0.0)
    );
}
