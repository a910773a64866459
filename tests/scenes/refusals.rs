//! Requests that the quota cannot serve in time fail at once, with a retry delay.

use std::time::Duration;

use livegate::admission::{CallerLimits, QueueSettings};
use livegate::auth::AuthMode;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tonic::Code;

use crate::harness::pipes::{Livegate, Setup, quota};
use crate::harness::status::CallStatus;

const SECOND: Duration = Duration::from_secs(1);

/// Starts a Livegate whose next quota token comes in ten seconds.
async fn start_with_empty_quota() -> Livegate {
    let livegate = Livegate::with_quota(quota(0.1, 1)).await;
    livegate.caller().create().await.unwrap();
    livegate
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_immediate_and_has_all_details() {
    let livegate = start_with_empty_quota().await;
    let start = Instant::now();
    let status = livegate
        .caller()
        .within(5 * SECOND)
        .create()
        .await
        .unwrap_err();
    assert!(start.elapsed() <= Duration::from_millis(1));
    assert_eq!(
        status.code_and_reason(),
        (Code::ResourceExhausted, "QUOTA_EXHAUSTED")
    );
    assert_eq!(status.quotas, ["quota:shared"]);
    let wait = status.retry_after.expect("a retry delay");
    assert!(
        status
            .message
            .ends_with(&format!("retry after {:.2} s", wait.as_secs_f64()))
    );
    assert_eq!(
        status.metadata["retry_after_ms"],
        wait.as_millis().to_string()
    );
    assert_eq!(status.metadata["caller"], "anonymous");
    assert_eq!(livegate.aws.attempts().len(), 1, "nothing was sent");
}

#[tokio::test(start_paused = true)]
async fn a_retry_delay_beyond_the_deadline_tells_grpc_clients_not_to_retry() {
    let livegate = start_with_empty_quota().await;
    let status = livegate
        .caller()
        .within(5 * SECOND)
        .create()
        .await
        .unwrap_err();
    assert!(status.retry_after.unwrap() > 4 * SECOND, "{status:?}");
    assert_eq!(status.pushback, Some(-1));
}

/// Returns the refusal of a call with `deadline` because of the bound `max_wait`.
async fn refused_by_max_wait(deadline: Option<Duration>) -> CallStatus {
    let mut quota = quota(0.1, 1);
    quota.max_wait = SECOND;
    let livegate = Livegate::with_quota(quota).await;
    let caller = livegate.caller();
    caller.create().await.unwrap();
    let caller = deadline.map_or_else(|| caller.clone(), |deadline| caller.within(deadline));
    caller.create().await.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn a_retry_delay_within_the_deadline_is_the_pushback() {
    let status = refused_by_max_wait(Some(60 * SECOND)).await;
    let wait = status.retry_after.expect("a retry delay");
    assert_eq!(status.pushback, Some(wait.as_millis() as i64));
    let status = refused_by_max_wait(Some(6 * SECOND)).await;
    assert_eq!(status.pushback, Some(-1), "{status:?}");
}

#[tokio::test(start_paused = true)]
async fn without_a_deadline_any_retry_delay_is_the_pushback() {
    let status = refused_by_max_wait(None).await;
    let wait = status.retry_after.expect("a retry delay");
    assert!(wait >= 9 * SECOND, "{status:?}");
    assert_eq!(status.pushback, Some(wait.as_millis() as i64));
}

#[tokio::test(start_paused = true)]
async fn concurrent_refusals_have_retry_delays_one_token_apart() {
    let livegate = Livegate::with_quota(quota(5.0, 1)).await;
    let caller = livegate.caller().within(2 * SECOND);
    let mut calls = JoinSet::new();
    for _ in 0..30 {
        let caller = caller.clone();
        calls.spawn(async move { caller.create().await });
    }
    let results = calls.join_all().await;
    let mut delays: Vec<_> = results
        .into_iter()
        .filter_map(Result::err)
        .map(|status| status.retry_after.unwrap())
        .collect();
    assert!((18..=25).contains(&delays.len()), "{delays:?}");
    delays.sort_unstable();
    for pair in delays.windows(2) {
        let gap = pair[1] - pair[0];
        assert!((195..=205).contains(&gap.as_millis()), "{delays:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_above_its_own_rate_limit_gets_a_reason_of_its_own() {
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
    let status = payments.create().await.unwrap_err();
    assert_eq!(
        status.code_and_reason(),
        (Code::ResourceExhausted, "CALLER_QUOTA_EXHAUSTED")
    );
    assert_eq!(status.quotas, ["caller:payments"]);
    assert_eq!(status.metadata["caller"], "payments");
    let other = livegate.caller().named("onboarding").create().await;
    assert!(other.is_ok(), "other callers still have quota");
}
