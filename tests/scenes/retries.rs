//! What fails and passes is tried again, and not for ever.

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
async fn every_attempt_carries_the_same_token_and_pays_a_slot() {
    let livegate = Livegate::with_quota(quota(0.5, 1)).await;
    livegate
        .aws
        .will([fails(Kind::Internal), fails(Kind::Timeout)]);
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
            "a slot comes each 2 s: {gap:?}"
        );
    }
    let until_answered = attempts[2].at - attempts[0].at;
    let left = issued.session.time_to_live.unwrap();
    let left = Duration::try_from(left).unwrap();
    assert_eq!(left, Duration::from_secs(180) - until_answered);
}

#[tokio::test(start_paused = true)]
async fn the_most_attempts_are_made_and_then_the_last_error_is_the_answer() {
    let livegate = Livegate::up().await;
    let last = UpstreamError {
        aws_request_id: Some("the-fourth".to_owned()),
        ..UpstreamError::bare(Kind::Unavailable)
    };
    let throttled = || fails(Kind::Throttled);
    livegate
        .aws
        .will([throttled(), throttled(), throttled(), fails_with(last)]);
    let told = livegate.caller().create().await.unwrap_err();
    assert_eq!(told.what(), (Code::Unavailable, "UPSTREAM_UNAVAILABLE"));
    assert_eq!(told.metadata["aws_request_id"], "the-fourth");
    assert_eq!(livegate.aws.attempts().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn delays_are_drawn_from_the_whole_of_a_bound_that_doubles() {
    let ms = Duration::from_millis;
    let mut drawn = Vec::new();
    for _ in 0..40 {
        let livegate = with_retry(|retry| retry.max_delay = ms(300)).await;
        livegate.aws.will((0..3).map(|_| fails(Kind::Internal)));
        livegate.caller().create().await.unwrap();
        drawn.push(livegate.aws.gaps());
    }
    for (retry, bound) in [100, 200, 300].into_iter().enumerate() {
        let gaps = drawn.iter().map(|gaps| gaps[retry]);
        assert!(gaps.clone().all(|gap| gap <= ms(bound + 2)), "{drawn:?}");
        assert!(gaps.clone().any(|gap| gap < ms(bound / 2)), "{drawn:?}");
        assert!(gaps.clone().any(|gap| gap > ms(bound / 2)), "{drawn:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_aws_asks_to_wait_is_a_lower_bound_of_the_delay() {
    let livegate = Livegate::up().await;
    livegate.aws.will([
        asks_to_wait(Kind::Throttled, 3 * SECOND),
        asks_to_wait(Kind::Internal, 5 * SECOND),
    ]);
    livegate.caller().create().await.unwrap();
    let gaps = livegate.aws.gaps();
    assert!((3000..=3002).contains(&gaps[0].as_millis()), "{gaps:?}");
    assert!((5000..=5002).contains(&gaps[1].as_millis()), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_would_come_after_the_deadline_is_not_waited_for() {
    let livegate = Livegate::up().await;
    livegate
        .aws
        .will([asks_to_wait(Kind::Throttled, 3 * SECOND)]);
    let begun = Instant::now();
    let told = livegate
        .caller()
        .within(2 * SECOND)
        .create()
        .await
        .unwrap_err();
    assert_eq!(told.what(), (Code::ResourceExhausted, "UPSTREAM_THROTTLED"));
    assert_eq!(
        (told.retry_after, told.pushback),
        (Some(3 * SECOND), Some(-1))
    );
    assert!(begun.elapsed() < Duration::from_millis(5));
    assert_eq!(livegate.aws.attempts().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_is_refused_a_slot_ends_with_what_aws_said() {
    let livegate = Livegate::with_quota(quota(0.1, 1)).await;
    livegate.aws.will([fails(Kind::Internal)]);
    let begun = Instant::now();
    let told = livegate
        .caller()
        .within(5 * SECOND)
        .create()
        .await
        .unwrap_err();
    assert_eq!(told.what(), (Code::Unavailable, "UPSTREAM_INTERNAL"));
    assert!(
        begun.elapsed() < Duration::from_millis(200),
        "it is not waited for"
    );
    assert_eq!(livegate.aws.attempts().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_the_deadline_cuts_off_is_an_upstream_timeout() {
    let livegate = Livegate::up().await;
    livegate.aws.will([fails(Kind::Internal), never_answers()]);
    let told = livegate
        .caller()
        .within(2 * SECOND)
        .create()
        .await
        .unwrap_err();
    assert_eq!(told.what(), (Code::DeadlineExceeded, "UPSTREAM_TIMEOUT"));
    assert_eq!(livegate.aws.attempts().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn without_a_budget_nothing_is_retried_and_successes_pay_for_retries() {
    let livegate = with_retry(|retry| {
        retry.budget_floor_per_second = 0.0;
        retry.budget_ratio = 0.5;
    })
    .await;
    let caller = livegate.caller();
    livegate.aws.will([fails(Kind::Internal)]);
    let told = caller.create().await.unwrap_err();
    assert_eq!(told.reason, "UPSTREAM_INTERNAL");
    for _ in 0..2 {
        caller.create().await.unwrap();
    }
    livegate
        .aws
        .will([fails(Kind::Internal), answers(), fails(Kind::Internal)]);
    assert_eq!(
        caller.create().await.unwrap().attempts,
        2,
        "two successes paid"
    );
    let told = caller.create().await.unwrap_err();
    assert_eq!(told.reason, "UPSTREAM_INTERNAL", "half a retry is left");
    assert_eq!(livegate.aws.attempts().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn one_attempt_is_what_one_attempt_means() {
    let livegate = with_retry(|retry| retry.max_attempts = count(1)).await;
    livegate.aws.will([fails(Kind::Unavailable)]);
    assert!(livegate.caller().create().await.is_err());
    assert_eq!(livegate.aws.attempts().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_are_given_one_more_try_and_no_second() {
    let livegate = Livegate::up().await;
    let caller = livegate.caller();
    livegate.aws.will([fails(Kind::Credentials)]);
    assert_eq!(caller.create().await.unwrap().attempts, 2);
    livegate
        .aws
        .will([fails(Kind::Credentials), fails(Kind::Credentials)]);
    let told = caller.create().await.unwrap_err();
    assert_eq!(told.what(), (Code::Internal, "UPSTREAM_CREDENTIALS"));
    assert_eq!(livegate.aws.attempts().len(), 4);
}
