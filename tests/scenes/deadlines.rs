//! An answer leaves before the caller's deadline, whatever AWS does.

use std::time::Duration;

use livegate::auth::AuthMode;
use livegate::upstream::UpstreamErrorKind as Kind;
use tokio::time::Instant;
use tonic::Code;

use crate::harness::aws::{answers, fails, never_answers};
use crate::harness::pipes::{Livegate, Setup, quota};

const MS: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_a_slow_attempt_with_its_own_code_and_in_time() {
    for deadline in [40, 200, 1000, 5000, 60_000] {
        let livegate = Livegate::up().await;
        livegate.aws.will([never_answers()]);
        let begun = Instant::now();
        let told = livegate.caller().within(deadline * MS).create().await;
        let told = told.unwrap_err();
        assert_eq!(told.what(), (Code::DeadlineExceeded, "UPSTREAM_TIMEOUT"));
        let took = begun.elapsed();
        assert!(took < deadline * MS, "{deadline} ms: {took:?}");
        assert!(
            took >= deadline * MS * 9 / 10,
            "no time is given away: {took:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_just_before_the_deadline_still_counts() {
    let livegate = Livegate::up().await;
    livegate.aws.will([answers().after(180 * MS)]);
    assert!(livegate.caller().within(200 * MS).create().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_caller_without_a_deadline_has_the_default_one() {
    let livegate = Livegate::with(Setup {
        default_deadline: 7000 * MS,
        ..Setup::default()
    })
    .await;
    livegate.aws.will([never_answers()]);
    let begun = Instant::now();
    let told = livegate.caller().create().await.unwrap_err();
    assert_eq!(told.what(), (Code::DeadlineExceeded, "UPSTREAM_TIMEOUT"));
    assert_eq!(begun.elapsed().as_secs(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_would_come_too_late_is_refused_before_the_deadline() {
    let livegate = Livegate::with_quota(quota(1.0, 1)).await;
    let caller = livegate.caller();
    caller.create().await.unwrap();
    let begun = Instant::now();
    let told = caller.within(200 * MS).create().await.unwrap_err();
    assert_eq!(told.what(), (Code::ResourceExhausted, "QUOTA_EXHAUSTED"));
    assert!(begun.elapsed() <= MS);
}

#[tokio::test(start_paused = true)]
async fn retries_share_the_one_deadline() {
    let livegate = Livegate::up().await;
    let slow = |_| fails(Kind::Internal).after(400 * MS);
    livegate.aws.will((0..4).map(slow));
    let begun = Instant::now();
    let told = livegate.caller().within(1000 * MS).create().await;
    let told = told.unwrap_err();
    let ended = matches!(
        told.reason.as_str(),
        "UPSTREAM_TIMEOUT" | "UPSTREAM_INTERNAL"
    );
    assert!(ended, "{told:?}");
    assert!(begun.elapsed() < 1000 * MS);
}

#[tokio::test(start_paused = true)]
async fn whoever_joined_a_slow_call_is_told_that_aws_was_being_asked() {
    let livegate = Livegate::with(Setup {
        auth: AuthMode::None,
        ..Setup::default()
    })
    .await;
    livegate.aws.will([answers().after(3000 * MS)]);
    let caller = livegate.caller();
    let id = uuid::Uuid::new_v4().to_string();
    let patient = tokio::spawn({
        let (caller, id) = (caller.clone(), id.clone());
        async move { caller.repeat(&id).await }
    });
    tokio::time::sleep(100 * MS).await;
    let told = caller.within(500 * MS).repeat(&id).await.unwrap_err();
    assert_eq!(told.what(), (Code::DeadlineExceeded, "UPSTREAM_TIMEOUT"));
    assert!(patient.await.unwrap().is_ok());
    assert_eq!(livegate.aws.attempts().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_too_short_for_any_attempt_costs_nobody_a_slot() {
    let livegate = Livegate::with_quota(quota(1.0, 1)).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    for _ in 0..50 {
        let told = livegate.caller().within(8 * MS).create().await.unwrap_err();
        assert_eq!(told.what(), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
    }
    assert!(livegate.aws.attempts().is_empty());
    let begun = Instant::now();
    assert!(livegate.caller().within(1000 * MS).create().await.is_ok());
    assert!(begun.elapsed() < 100 * MS, "the slot is still there");
}
