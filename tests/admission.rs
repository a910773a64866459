//! The door to the quota, as its callers see it, on paused time.

use std::num::NonZeroU32;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use livegate::admission::{
    Admission, AdmissionSettings, CallerPolicies, CallerPolicy, Entry, Outcome, Permit,
    QuotaSettings, Refusal, Refused,
};
use livegate::deadline::Deadline;
use livegate::session::words::CallerId;
use proptest::prelude::*;
use tokio::time::{Instant, advance, sleep};

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// Ten calls a second, one at once.
fn settings() -> AdmissionSettings {
    AdmissionSettings {
        quota: QuotaSettings {
            rate_per_second: 10.0,
            burst: NonZeroU32::MIN,
            headroom: 1.0,
            max_wait: 10 * SECOND,
        },
        callers: CallerPolicies::default(),
        adaptive: true,
    }
}

fn settings_with(change: impl FnOnce(&mut AdmissionSettings)) -> AdmissionSettings {
    let mut settings = settings();
    change(&mut settings);
    settings
}

fn caller(name: &str) -> CallerId {
    CallerId::new(name).expect("a plain name")
}

async fn admit(door: &Admission, name: &str, patience: Duration) -> Result<Permit, Refused> {
    let deadline = Deadline::after(Instant::now(), patience);
    door.admit(&caller(name), Entry::Arrival, deadline).await
}

async fn waiting(door: &Admission) -> usize {
    door.state().await.expect("the gate runs").waiting
}

#[tokio::test(start_paused = true)]
async fn a_slot_goes_to_whoever_is_first_when_it_comes() {
    let door = Admission::open(settings());
    let start = Instant::now();
    let mut first = Box::pin(admit(&door, "a", 5 * SECOND));
    let mut second = Box::pin(admit(&door, "a", 5 * SECOND));
    assert!(first.as_mut().now_or_never().is_none());
    assert!(second.as_mut().now_or_never().is_none());
    assert_eq!(waiting(&door).await, 2);
    advance(50 * MS).await;
    drop(first);
    assert_eq!(waiting(&door).await, 1, "the place is free at once");
    let permit = second.await.expect("a slot comes");
    assert!(
        start.elapsed() <= 101 * MS,
        "the first slot, not the second"
    );
    assert_eq!(permit.waited(), start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_slot_given_at_the_moment_its_request_gives_up_is_put_back() {
    let door = Admission::open(settings());
    let mut first = Box::pin(admit(&door, "a", 5 * SECOND));
    assert!(first.as_mut().now_or_never().is_none());
    sleep(102 * MS).await;
    assert_eq!(
        waiting(&door).await,
        0,
        "the slot is given, and not yet seen"
    );
    drop(first);
    let granted = Instant::now();
    drop(admit(&door, "b", 5 * SECOND).await.expect("the same slot"));
    assert_eq!(granted.elapsed(), Duration::ZERO);
    drop(admit(&door, "b", 5 * SECOND).await.expect("the next slot"));
    assert!(granted.elapsed() >= 95 * MS, "it is put back once");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_does_not_fit_is_refused_at_once_and_told_when_to_come_back() {
    let door = Admission::open(settings());
    let start = Instant::now();
    let tries = join_all((0..30).map(|_| admit(&door, "a", 1050 * MS)));
    let mut refused_at = Vec::new();
    for outcome in tries.await {
        if let Err(refused) = outcome {
            assert_eq!(refused.reason, Refusal::Quota);
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
        permit.finish(Outcome::Answered);
    }
    sleep(SECOND).await;
    let permit = admit(&door, "a", 50 * MS).await.expect("a slot is there");
    assert_eq!(permit.waited(), Duration::ZERO);
    let refused = admit(&door, "a", SECOND)
        .await
        .expect_err("an attempt takes 10 s");
    assert_eq!(refused.reason, Refusal::Quota);
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
    let tight = CallerPolicy {
        max_waiting: NonZeroU32::MIN,
        max_rate_per_second: Some(1.0),
        ..CallerPolicy::default()
    };
    let door = Admission::open(settings_with(|s| {
        s.callers.named.insert(caller("tight"), tight);
    }));
    let tries = join_all((0..3).map(|_| admit(&door, "tight", 5 * SECOND))).await;
    let reasons: Vec<_> = tries.into_iter().filter_map(Result::err).collect();
    assert_eq!(reasons.len(), 2, "one waits, and there is room for one");
    assert!(reasons.iter().all(|r| r.reason == Refusal::CallerQuota));
    sleep(SECOND).await;
    let permit = admit(&door, "tight", 5 * SECOND)
        .await
        .expect("a call a second");
    permit.finish(Outcome::Answered);
    let refused = admit(&door, "tight", SECOND).await.expect_err("not two");
    assert_eq!(refused.reason, Refusal::CallerQuota);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_in_vain_is_told_while_there_is_time_to_hear_it() {
    let door = Admission::open(settings());
    let crowd = join_all((0..20).map(|_| admit(&door, "a", 3 * SECOND)));
    let slow = async {
        sleep(100 * MS).await;
        door.apply(settings_with(|s| s.quota.rate_per_second = 1.0));
    };
    let start = Instant::now();
    let (outcomes, ()) = tokio::join!(crowd, slow);
    assert!(outcomes.iter().any(Result::is_err));
    assert!(start.elapsed() < 3 * SECOND - 290 * MS);
    assert_eq!(waiting(&door).await, 0);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_overtaken_by_other_callers_is_told_at_once() {
    let door = Admission::open(settings_with(|settings| {
        settings.quota.rate_per_second = 5.0;
        settings.quota.headroom = 1.0;
    }));
    let begun = Instant::now();
    let crowd = |name: &'static str, count: usize| {
        let door = &door;
        (0..count).map(move |_| async move {
            let admitted = admit(door, name, 5 * SECOND).await;
            (name, admitted.is_ok(), begun.elapsed())
        })
    };
    // `a` fits while it is alone; then `b` and `c` take their shares.
    let calls = crowd("a", 18).chain(crowd("b", 7)).chain(crowd("c", 5));
    let ended = join_all(calls).await;
    let refused: Vec<_> = ended.iter().filter(|(_, served, _)| !served).collect();
    assert!(refused.len() >= 5, "{refused:?}");
    for (name, _, took) in refused {
        assert_eq!(*name, "a", "the others keep their share");
        assert!(*took <= 30 * MS, "told after {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reload_under_load_loses_nobody_and_brings_no_second_burst() {
    let door = Admission::open(settings_with(|s| {
        s.quota.burst = NonZeroU32::new(5).expect("not zero");
    }));
    sleep(10 * SECOND).await;
    let start = Instant::now();
    let crowd = join_all((0..60).map(|n| {
        let door = door.clone();
        async move { admit(&door, &format!("caller-{}", n % 6), 60 * SECOND).await }
    }));
    let reloads = async {
        for burst in 5..25 {
            sleep(77 * MS).await;
            door.apply(settings_with(|s| {
                s.quota.burst = NonZeroU32::new(burst).expect("not zero");
                s.quota.rate_per_second = if burst % 2 == 0 { 20.0 } else { 10.0 };
                s.callers.default.max_waiting = NonZeroU32::new(burst).expect("not zero");
            }));
        }
    };
    let (outcomes, ()) = tokio::join!(crowd, reloads);
    let mut waits = Vec::new();
    for outcome in outcomes {
        waits.push(outcome.expect("nobody is lost").waited());
    }
    waits.sort_unstable();
    assert_eq!(waits[4], Duration::ZERO, "the burst that was saved");
    for (number, wait) in waits.iter().enumerate().skip(5) {
        let allowed = 5.0 + 20.0 * (wait.as_secs_f64() + 0.002);
        assert!((number + 1) as f64 <= allowed, "{number} after {wait:?}");
    }
    assert!(start.elapsed() < 6 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn throttles_cut_the_rate_once_in_each_epoch_and_it_climbs_back() {
    let fast = || settings_with(|s| s.quota.rate_per_second = 1000.0);
    let door = Admission::open(fast());
    let factor = async || door.state().await.expect("the gate runs").adaptive_factor;
    for _ in 0..100 {
        let permit = admit(&door, "a", SECOND).await.expect("there is enough");
        permit.finish(Outcome::Throttled);
    }
    assert!((factor().await - 0.95).abs() < 1e-9);
    sleep(500 * MS).await;
    drop(admit(&door, "a", SECOND).await.expect("there is enough"));
    assert!(
        factor().await > 0.95,
        "an attempt without an outcome is no failure"
    );
    sleep(13 * SECOND).await;
    admit(&door, "a", SECOND)
        .await
        .expect("there is enough")
        .finish(Outcome::Answered);
    assert!((factor().await - 1.0).abs() < 1e-9);
    door.apply(AdmissionSettings {
        adaptive: false,
        ..fast()
    });
    let permit = admit(&door, "a", SECOND).await.expect("there is enough");
    permit.finish(Outcome::Throttled);
    assert!((factor().await - 1.0).abs() < 1e-9, "it is switched off");
}

#[tokio::test(start_paused = true)]
async fn timers_that_tick_in_milliseconds_cost_no_quota() {
    for rate in [3.0, 49.0, 300.0, 1999.0] {
        let door = Admission::open(settings_with(|s| {
            s.quota.rate_per_second = rate;
            s.callers.default.max_waiting = NonZeroU32::new(100_000).expect("not zero");
        }));
        let start = Instant::now();
        let count = (rate * 5.0) as usize;
        let crowd = join_all((0..count).map(|_| admit(&door, "a", 60 * SECOND))).await;
        assert!(crowd.iter().all(Result::is_ok));
        let took = start.elapsed().as_secs_f64();
        assert!((took - 5.0).abs() < 0.02 + 1.0 / rate, "{rate}: {took}");
    }
}

/// Grants of a door at `rate` and `burst`, to requests that come as `pauses` say.
fn grants(rate: f64, burst: u32, pauses: &[(u64, usize, u64)]) -> Vec<Instant> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let door = Admission::open(settings_with(|s| {
            s.quota.rate_per_second = rate;
            s.quota.burst = NonZeroU32::new(burst).expect("not zero");
        }));
        let mut requests = tokio::task::JoinSet::new();
        for (pause, count, patience) in pauses {
            sleep(Duration::from_millis(*pause)).await;
            for number in 0..*count {
                let (door, patience) = (door.clone(), Duration::from_millis(*patience));
                requests.spawn(async move {
                    let name = format!("caller-{}", number % 3);
                    let permit = admit(&door, &name, patience).await.ok()?;
                    let at = Instant::now();
                    let throttled = number % 7 == 0;
                    permit.finish(if throttled {
                        Outcome::Throttled
                    } else {
                        Outcome::Answered
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

    /// Whatever comes when, and whatever is throttled: no window sees more than
    /// rate x (time + a tick of 2 ms) + burst.
    #[test]
    fn no_window_sees_more_than_the_quota(
        rate in 1.0_f64..200.0,
        burst in 1_u32..10,
        pauses in prop::collection::vec((0_u64..2000, 0_usize..20, 1_u64..6000), 1..20),
    ) {
        let granted = grants(rate, burst, &pauses);
        for (i, from) in granted.iter().enumerate() {
            for (j, to) in granted.iter().enumerate().skip(i) {
                let time = (*to - *from).as_secs_f64() + 0.002;
                let allowed = rate * time + f64::from(burst) + 1e-3;
                prop_assert!((j - i + 1) as f64 <= allowed, "{} in {}", j - i + 1, time);
            }
        }
    }
}
