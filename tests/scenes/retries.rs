//! Retries: transient failures are retried, within bounds.

use std::time::Duration;

use livegate::retry::RetrySettings;
use livegate::upstream::{UpstreamError, UpstreamErrorKind as Kind};
use tokio::time::Instant;
use tonic::Code;

use crate::harness::aws::{Step, answers, fails, fails_with, never_answers};
use crate::harness::pipes::{Livegate, Setup, count, quota};

const SECOND: Duration = Duration::from_secs(1);

fn asks_to_wait(kind: Kind, wait: Duration) -> Step {
    fails_with(UpstreamError {
        retry_after: Some(wait),
        ..UpstreamError::bare(kind)
    })
}

async fn with_retry(change: impl FnOnce(&mut RetrySettings)) -> Livegate {
    let mut setup = Setup::default();
    change(&mut setup.retry);
    Livegate::with(setup).await
}

#[tokio::test(start_paused = true)]
async fn every_attempt_has_the_same_token_and_uses_a_quota_token() {
    let livegate = Livegate::with_quota(quota(0.5, 1)).await;
    livegate
        .aws
        .plan([fails(Kind::Internal), fails(Kind::Timeout)]);
    let issued = livegate.caller().create().await.unwrap();
    assert_eq!(issued.attempts, 3);
    let attempts = livegate.aws.attempts();
    assert!(
        attempts
            .iter()
            .all(|attempt| attempt.token == attempts[0].token)
    );
    for gap in livegate.aws.gaps() {
        assert!(
            gap >= Duration::from_millis(1999),
            "a quota token comes every 2 s: {gap:?}"
        );
    }
    let until_answered = attempts[2].at - attempts[0].at;
    let left = issued.session.time_to_live.unwrap();
    let left = Duration::try_from(left).unwrap();
    assert_eq!(left, Duration::from_secs(180) - until_answered);
}

#[tokio::test(start_paused = true)]
async fn after_the_maximum_of_attempts_the_last_error_is_returned() {
    let livegate = Livegate::start().await;
    let last = UpstreamError {
        aws_request_id: Some("the-fourth".to_owned()),
        ..UpstreamError::bare(Kind::Unavailable)
    };
    let throttled = || fails(Kind::Throttled);
    livegate
        .aws
        .plan([throttled(), throttled(), throttled(), fails_with(last)]);
    let status = livegate.caller().create().await.unwrap_err();
    assert_eq!(
        status.code_and_reason(),
        (Code::Unavailable, "UPSTREAM_UNAVAILABLE")
    );
    assert_eq!(status.metadata["aws_request_id"], "the-fourth");
    assert_eq!(livegate.aws.attempts().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn delays_have_full_jitter_below_a_bound_that_doubles() {
    let ms = Duration::from_millis;
    let mut runs = Vec::new();
    for _ in 0..40 {
        let livegate = with_retry(|retry| retry.max_delay = ms(300)).await;
        livegate.aws.plan((0..3).map(|_| fails(Kind::Internal)));
        livegate.caller().create().await.unwrap();
        runs.push(livegate.aws.gaps());
    }
    for (retry, bound) in [100, 200, 300].into_iter().enumerate() {
        let gaps = runs.iter().map(|gaps| gaps[retry]);
        assert!(gaps.clone().all(|gap| gap <= ms(bound + 2)), "{runs:?}");
        assert!(gaps.clone().any(|gap| gap < ms(bound / 2)), "{runs:?}");
        assert!(gaps.clone().any(|gap| gap > ms(bound / 2)), "{runs:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_retry_delay_from_aws_is_a_lower_bound() {
    let livegate = Livegate::start().await;
    livegate.aws.plan([
        asks_to_wait(Kind::Throttled, 3 * SECOND),
        asks_to_wait(Kind::Internal, 5 * SECOND),
    ]);
    livegate.caller().create().await.unwrap();
    let gaps = livegate.aws.gaps();
    assert!((3000..=3002).contains(&gaps[0].as_millis()), "{gaps:?}");
    assert!((5000..=5002).contains(&gaps[1].as_millis()), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn a_retry_past_the_deadline_is_not_made() {
    let livegate = Livegate::start().await;
    livegate
        .aws
        .plan([asks_to_wait(Kind::Throttled, 3 * SECOND)]);
    let start = Instant::now();
    let status = livegate
        .caller()
        .within(2 * SECOND)
        .create()
        .await
        .unwrap_err();
    assert_eq!(
        status.code_and_reason(),
        (Code::ResourceExhausted, "UPSTREAM_THROTTLED")
    );
    assert_eq!(
        (status.retry_after, status.pushback),
        (Some(3 * SECOND), Some(-1))
    );
    assert!(start.elapsed() < Duration::from_millis(5));
    assert_eq!(livegate.aws.attempts().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_retry_without_a_permit_fails_with_the_last_error_from_aws() {
    let livegate = Livegate::with_quota(quota(0.1, 1)).await;
    livegate.aws.plan([fails(Kind::Internal)]);
    let start = Instant::now();
    let status = livegate
        .caller()
        .within(5 * SECOND)
        .create()
        .await
        .unwrap_err();
    assert_eq!(
        status.code_and_reason(),
        (Code::Unavailable, "UPSTREAM_INTERNAL")
    );
    assert!(
        start.elapsed() < Duration::from_millis(200),
        "the call does not wait for a permit"
    );
    assert_eq!(livegate.aws.attempts().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_retry_cut_off_by_the_deadline_is_an_upstream_timeout() {
    let livegate = Livegate::start().await;
    livegate.aws.plan([fails(Kind::Internal), never_answers()]);
    let status = livegate
        .caller()
        .within(2 * SECOND)
        .create()
        .await
        .unwrap_err();
    assert_eq!(
        status.code_and_reason(),
        (Code::DeadlineExceeded, "UPSTREAM_TIMEOUT")
    );
    assert_eq!(livegate.aws.attempts().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_empty_budget_allows_no_retry_and_successes_refill_it() {
    let livegate = with_retry(|retry| {
        retry.budget_floor_per_second = 0.0;
        retry.budget_ratio = 0.5;
    })
    .await;
    let caller = livegate.caller();
    livegate.aws.plan([fails(Kind::Internal)]);
    let status = caller.create().await.unwrap_err();
    assert_eq!(status.reason, "UPSTREAM_INTERNAL");
    for _ in 0..2 {
        caller.create().await.unwrap();
    }
    livegate
        .aws
        .plan([fails(Kind::Internal), answers(), fails(Kind::Internal)]);
    assert_eq!(
        caller.create().await.unwrap().attempts,
        2,
        "two successes paid for one retry"
    );
    let status = caller.create().await.unwrap_err();
    assert_eq!(
        status.reason, "UPSTREAM_INTERNAL",
        "only half a retry is left"
    );
    assert_eq!(livegate.aws.attempts().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_maximum_of_one_attempt_means_no_retry() {
    let livegate = with_retry(|retry| retry.max_attempts = count(1)).await;
    livegate.aws.plan([fails(Kind::Unavailable)]);
    assert!(livegate.caller().create().await.is_err());
    assert_eq!(livegate.aws.attempts().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_are_retried_once() {
    let livegate = Livegate::start().await;
    let caller = livegate.caller();
    livegate.aws.plan([fails(Kind::Credentials)]);
    assert_eq!(caller.create().await.unwrap().attempts, 2);
    livegate
        .aws
        .plan([fails(Kind::Credentials), fails(Kind::Credentials)]);
    let status = caller.create().await.unwrap_err();
    assert_eq!(
        status.code_and_reason(),
        (Code::Internal, "UPSTREAM_CREDENTIALS")
    );
    assert_eq!(livegate.aws.attempts().len(), 4);
}
