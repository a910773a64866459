//! To whom a slot goes, and whoever waits in vain.

use std::num::NonZeroU32;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use livegate::admission::Admission;
use tokio::time::{Instant, advance, sleep};

use super::door::{MS, SECOND, admit, settings, settings_with, waiting};

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
        settings.quota.target_utilization = 1.0;
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
async fn timers_that_tick_in_milliseconds_cost_no_quota() {
    for rate in [3.0, 49.0, 300.0, 1999.0] {
        let door = Admission::open(settings_with(|s| {
            s.quota.rate_per_second = rate;
            s.callers.limits.default.max_waiting = NonZeroU32::new(100_000).expect("not zero");
        }));
        let start = Instant::now();
        let count = (rate * 5.0) as usize;
        let crowd = join_all((0..count).map(|_| admit(&door, "a", 60 * SECOND))).await;
        assert!(crowd.iter().all(Result::is_ok));
        let took = start.elapsed().as_secs_f64();
        assert!((took - 5.0).abs() < 0.02 + 1.0 / rate, "{rate}: {took}");
    }
}
