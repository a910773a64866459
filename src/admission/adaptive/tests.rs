//! The cuts and the increases of the adaptive factor, and its search.

use super::*;

const MS: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn throttles_cut_the_factor_once_in_each_epoch() {
    let start = Instant::now();
    let mut factor = AdaptiveFactor::new(start);
    for at in 0..100 {
        factor.record_throttle(start + at * MS);
    }
    assert!((factor.get() - 0.95).abs() < 1e-9);
    factor.increase(start + 500 * MS, 500 * MS);
    factor.record_throttle(start + 500 * MS);
    assert!(
        (factor.get() - (0.952 * 0.95)).abs() < 1e-9,
        "two increases, then a cut"
    );
}

#[tokio::test(start_paused = true)]
async fn a_search_cuts_off_the_throttled_share_of_each_sample() {
    let mut now = Instant::now();
    let mut factor = AdaptiveFactor::new(now);
    let mut sample = |throttled: u32, after: Duration| {
        (0..10).for_each(|_| factor.record_attempt());
        now += after;
        (0..throttled).for_each(|_| factor.record_throttle(now));
        factor.get()
    };
    assert!((sample(1, MS) - 0.95).abs() < 1e-9);
    assert!((sample(1, 100 * MS) - 0.95).abs() < 1e-9, "too early");
    // The second sample: 2 of 20 attempts when it is complete.
    assert!((sample(1, 100 * MS) - 0.95 * 0.9).abs() < 1e-9);
    let settled = sample(0, 200 * MS);
    for _ in 0..2 {
        sample(0, 200 * MS);
    }
    assert!(
        (sample(1, 200 * MS) - settled * 0.95).abs() < 1e-9,
        "1 of 40"
    );
    let cut = sample(3, 600 * MS);
    assert!(
        (cut - settled * 0.95 * 0.95).abs() < 1e-9,
        "the search ended"
    );
}

#[tokio::test(start_paused = true)]
async fn the_factor_recovers_only_while_the_limit_is_in_use() {
    let start = Instant::now();
    let mut factor = AdaptiveFactor::new(start);
    factor.record_throttle(start);
    factor.increase(start + Duration::from_secs(3600), Duration::ZERO);
    assert!((factor.get() - 0.95).abs() < 1e-9, "nothing was sent");
    let start = start + Duration::from_secs(3600);
    factor.increase(start + 12_000 * MS, 12_000 * MS);
    assert!(factor.get() < 1.0 && factor.next_increase().is_some());
    factor.increase(start + 12_500 * MS, 500 * MS);
    assert!((factor.get() - 1.0).abs() < 1e-9);
}

#[tokio::test(start_paused = true)]
async fn a_cut_by_another_replica_grows_with_the_use_of_the_fleet() {
    let start = Instant::now();
    let mut factor = AdaptiveFactor::new(start);
    factor.set(0.5, 5_000 * MS, start);
    for seconds in 1..10 {
        let later = start + Duration::from_secs(seconds);
        factor.set(0.5, 5_100 * MS, later);
        assert!((factor.get() - 0.52).abs() < 1e-9, "{seconds}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_factor_stays_within_its_bounds() {
    let start = Instant::now();
    let mut factor = AdaptiveFactor::new(start);
    for epoch in 0..1000 {
        factor.record_attempt();
        factor.record_throttle(start + epoch * 500 * MS);
    }
    assert!(factor.get() >= MIN_FACTOR && factor.get() < 0.1);
    let late = Duration::from_secs(1_000_000);
    factor.increase(start + late, late);
    assert!((factor.get() - 1.0).abs() < 1e-9 && factor.next_increase().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_sample_starts_again_at_the_cut_of_another_replica() {
    let start = Instant::now();
    let mut factor = AdaptiveFactor::new(start);
    factor.record_throttle(start);
    (0..20).for_each(|_| factor.record_attempt());
    (0..9).for_each(|_| factor.record_throttle(start + 100 * MS));
    factor.set(0.6, Duration::ZERO, start + 150 * MS);
    factor.record_throttle(start + 300 * MS);
    assert!(
        (factor.get() - 0.6).abs() < 1e-9,
        "half were throttled before"
    );
}

#[tokio::test(start_paused = true)]
async fn a_sample_of_throttled_attempts_cuts_off_half() {
    let start = Instant::now();
    let mut factor = AdaptiveFactor::new(start);
    factor.record_throttle(start);
    (0..10).for_each(|_| factor.record_attempt());
    (0..9).for_each(|_| factor.record_throttle(start + 100 * MS));
    factor.record_throttle(start + 200 * MS);
    assert!((factor.get() - 0.95 * 0.5).abs() < 1e-9);
}

#[tokio::test(start_paused = true)]
async fn a_factor_that_has_recovered_starts_another_search() {
    let start = Instant::now();
    for (in_use, after_a_sample) in [(25_000, 0.6 * 0.95), (75_000, 0.8 * 0.95 * 0.5)] {
        let mut factor = AdaptiveFactor::new(start);
        factor.set(0.5, Duration::ZERO, start);
        let now = start + in_use * MS;
        factor.set(0.5, in_use * MS, now);
        factor.record_throttle(now);
        (0..10).for_each(|_| factor.record_attempt());
        (0..9).for_each(|_| factor.record_throttle(now + 100 * MS));
        factor.record_throttle(now + 200 * MS);
        assert!((factor.get() - after_a_sample).abs() < 1e-9, "{in_use} ms");
    }
}
