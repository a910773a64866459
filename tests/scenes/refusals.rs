//! What will not fit is refused at once, with the time to come back.

use std::time::Duration;

use livegate::admission::{CallerLimits, QueueSettings};
use livegate::auth::AuthMode;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tonic::Code;

use crate::harness::pipes::{Livegate, Setup, quota};
use crate::harness::status::Told;

const SECOND: Duration = Duration::from_secs(1);

/// A Livegate whose next slot comes in ten seconds.
async fn spent() -> Livegate {
    let livegate = Livegate::with_quota(quota(0.1, 1)).await;
    livegate.caller().create().await.unwrap();
    livegate
}

#[tokio::test(start_paused = true)]
async fn a_refusal_leaves_at_once_and_says_all_there_is_to_say() {
    let livegate = spent().await;
    let begun = Instant::now();
    let told = livegate
        .caller()
        .within(5 * SECOND)
        .create()
        .await
        .unwrap_err();
    assert!(begun.elapsed() <= Duration::from_millis(1));
    assert_eq!(told.what(), (Code::ResourceExhausted, "QUOTA_EXHAUSTED"));
    assert_eq!(told.quotas, ["quota:shared"]);
    let wait = told.retry_after.expect("when to come back");
    assert!(
        told.message
            .ends_with(&format!("come back in {} ms", wait.as_millis()))
    );
    assert_eq!(
        told.metadata["retry_after_ms"],
        wait.as_millis().to_string()
    );
    assert_eq!(told.metadata["caller"], "anonymous");
    assert_eq!(livegate.aws.attempts().len(), 1, "nothing was sent");
}

#[tokio::test(start_paused = true)]
async fn a_wait_beyond_the_deadline_is_told_but_not_to_stock_clients() {
    let livegate = spent().await;
    let told = livegate
        .caller()
        .within(5 * SECOND)
        .create()
        .await
        .unwrap_err();
    assert!(told.retry_after.unwrap() > 4 * SECOND, "{told:?}");
    assert_eq!(told.pushback, Some(-1));
}

/// AdmissionRefused by the longest wait alone: the deadline is far.
async fn refused_by_the_longest_wait(deadline: Option<Duration>) -> Told {
    let mut quota = quota(0.1, 1);
    quota.max_wait = SECOND;
    let livegate = Livegate::with_quota(quota).await;
    let caller = livegate.caller();
    caller.create().await.unwrap();
    let caller = deadline.map_or_else(|| caller.clone(), |deadline| caller.within(deadline));
    caller.create().await.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn a_wait_within_the_deadline_is_told_to_stock_clients_too() {
    let told = refused_by_the_longest_wait(Some(60 * SECOND)).await;
    let wait = told.retry_after.expect("when to come back");
    assert_eq!(told.pushback, Some(wait.as_millis() as i64));
    let told = refused_by_the_longest_wait(Some(6 * SECOND)).await;
    assert_eq!(told.pushback, Some(-1), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_caller_without_a_deadline_has_time_for_any_wait() {
    let told = refused_by_the_longest_wait(None).await;
    let wait = told.retry_after.expect("when to come back");
    assert!(wait >= 9 * SECOND, "{told:?}");
    assert_eq!(told.pushback, Some(wait.as_millis() as i64));
}

#[tokio::test(start_paused = true)]
async fn those_refused_together_are_told_to_come_back_a_slot_apart() {
    let livegate = Livegate::with_quota(quota(5.0, 1)).await;
    let caller = livegate.caller().within(2 * SECOND);
    let mut calls = JoinSet::new();
    for _ in 0..30 {
        let caller = caller.clone();
        calls.spawn(async move { caller.create().await });
    }
    let answers = calls.join_all().await;
    let mut hints: Vec<_> = answers
        .into_iter()
        .filter_map(Result::err)
        .map(|told| told.retry_after.unwrap())
        .collect();
    assert!((18..=25).contains(&hints.len()), "{hints:?}");
    hints.sort_unstable();
    for pair in hints.windows(2) {
        let gap = pair[1] - pair[0];
        assert!((195..=205).contains(&gap.as_millis()), "{hints:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_above_its_own_ceiling_is_told_that_it_is_its_own() {
    let default = CallerLimits {
        max_rate_per_second: Some(0.05),
        ..CallerLimits::default()
    };
    let livegate = Livegate::with(Setup {
        auth: AuthMode::TrustedHeader,
        callers: QueueSettings {
            limits: default.into(),
            ..QueueSettings::default()
        },
        ..Setup::default()
    })
    .await;
    let payments = livegate.caller().named("payments");
    payments.create().await.unwrap();
    let told = payments.create().await.unwrap_err();
    assert_eq!(
        told.what(),
        (Code::ResourceExhausted, "CALLER_QUOTA_EXHAUSTED")
    );
    assert_eq!(told.quotas, ["caller:payments"]);
    assert_eq!(told.metadata["caller"], "payments");
    let other = livegate.caller().named("onboarding").create().await;
    assert!(other.is_ok(), "the quota is there for others");
}
