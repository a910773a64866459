//! Rate limits in shadow mode: the calls beyond them are counted and go on.

use std::num::NonZeroU32;

use futures_util::future::join_all;
use livegate::admission::{
    Admission, AdmissionSettings, AttemptOutcome, CallerLimits, MaxRateMode, RefusalReason,
};
use livegate::model::{CallerGlob, CallerGlobs};
use tokio::time::{interval, sleep};

use super::fixture::{MS, SECOND, admit, caller, settings_with};

fn one_call_a_second(mode: MaxRateMode) -> CallerLimits {
    CallerLimits {
        max_rate_per_second: Some(1.0),
        max_rate_mode: mode,
        ..CallerLimits::default()
    }
}

fn limited(mode: MaxRateMode) -> AdmissionSettings {
    settings_with(|s| {
        let limits = one_call_a_second(mode);
        s.callers.limits.named.insert(caller("payments"), limits);
    })
}

/// The outcomes of a caller's calls.
#[derive(Debug, Default)]
struct Tally {
    granted: usize,
    by_shadow: usize,
    refused: usize,
}

/// Sends 5 calls a second for 20 s; each can wait for 3 s.
async fn send(mode: MaxRateMode) -> Tally {
    let admission = Admission::open(limited(mode));
    let mut ticks = interval(200 * MS);
    let mut calls = Vec::new();
    for _ in 0..100 {
        ticks.tick().await;
        let admission = admission.clone();
        calls.push(tokio::spawn(async move {
            let permit = admit(&admission, "payments", 3 * SECOND).await;
            permit.map(|permit| permit.shadow_refusal().is_some())
        }));
    }
    let mut tally = Tally::default();
    for call in join_all(calls).await {
        match call.expect("no panic") {
            Ok(by_shadow) => {
                tally.granted += 1;
                tally.by_shadow += usize::from(by_shadow);
            }
            Err(refused) => {
                assert_eq!(refused.reason, RefusalReason::CallerQuota);
                tally.refused += 1;
            }
        }
    }
    tally
}

#[tokio::test(start_paused = true)]
async fn shadow_mode_counts_the_calls_that_enforcing_the_limit_refuses() {
    let [enforced, shadow] = [MaxRateMode::Enforce, MaxRateMode::Shadow].map(send);
    let (enforced, shadow) = (enforced.await, shadow.await);
    assert!((75..=80).contains(&enforced.refused), "{enforced:?}");
    assert_eq!((shadow.granted, shadow.refused), (100, 0));
    assert!(
        shadow.by_shadow.abs_diff(enforced.refused) <= 1,
        "{shadow:?} {enforced:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn shadow_mode_leaves_the_shared_quota_enforced() {
    let admission = Admission::open(limited(MaxRateMode::Shadow));
    let calls = (0..100).map(|_| admit(&admission, "payments", SECOND));
    let outcomes = join_all(calls).await;
    let granted = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert!((5..=10).contains(&granted), "{granted} in one second of 10");
    let mut refused = outcomes.into_iter().filter_map(Result::err);
    assert!(refused.all(|refused| refused.reason == RefusalReason::Quota));
}

#[tokio::test(start_paused = true)]
async fn the_mode_changes_at_once_and_leaves_no_debt() {
    let admission = Admission::open(limited(MaxRateMode::Shadow));
    let granted = async || {
        let permit = admit(&admission, "payments", 3 * SECOND).await?;
        let by_shadow = permit.shadow_refusal().is_some();
        permit.finish(AttemptOutcome::Answered);
        Ok::<_, livegate::admission::AdmissionRefused>(by_shadow)
    };
    let calls = join_all((0..10).map(|_| granted())).await;
    let by_shadow = calls.into_iter().filter(|call| *call == Ok(true)).count();
    assert!((6..=7).contains(&by_shadow), "{by_shadow} of 10");
    admission.apply(limited(MaxRateMode::Enforce));
    assert_eq!(granted().await, Ok(false), "it starts with one call");
    let calls = join_all((0..10).map(|_| granted())).await;
    assert!(
        calls.iter().filter(|call| call.is_err()).count() >= 6,
        "{calls:?}"
    );
    admission.apply(limited(MaxRateMode::Shadow));
    sleep(SECOND).await;
    assert!(
        join_all((0..5).map(|_| granted()))
            .await
            .iter()
            .all(Result::is_ok)
    );
}

#[tokio::test(start_paused = true)]
async fn a_shadow_refusal_names_the_section_of_the_limit() {
    let shadow = || CallerLimits {
        max_waiting: NonZeroU32::new(10).expect("not zero"),
        ..one_call_a_second(MaxRateMode::Shadow)
    };
    let admission = Admission::open(settings_with(|s| {
        let glob = CallerGlob::parse("team/*").expect("a pattern");
        s.callers.limits.globs = CallerGlobs::new([(glob, shadow())]).expect("one");
        s.callers.limits.named.insert(caller("payments"), shadow());
        s.callers.limits.default = shadow();
    }));
    sleep(SECOND).await;
    for (name, section) in [
        ("payments", "payments"),
        ("team/a", "team/*"),
        ("x", "default"),
    ] {
        let mut sections = Vec::new();
        for _ in 0..2 {
            sleep(100 * MS).await;
            let permit = admit(&admission, name, 500 * MS)
                .await
                .expect("quota is left");
            sections.push(permit.shadow_refusal().map(str::to_owned));
        }
        assert_eq!(sections, [None, Some(section.to_owned())], "{name}");
    }
    // The callers of a pattern have one limit as a whole.
    let other = admit(&admission, "team/b", 500 * MS)
        .await
        .expect("quota is left");
    assert_eq!(other.shadow_refusal(), Some("team/*"));
}
