//! Responses are sent before the caller's deadline, even if AWS is slow.

use std::time::Duration;

use livegate::auth::AuthMode;
use livegate::upstream::UpstreamErrorKind as Kind;
use tokio::time::Instant;
use tonic::Code;

use crate::harness::aws::{answers, fails, never_answers};
use crate::harness::pipes::{Livegate, Setup, quota};

const MS: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_a_slow_attempt_in_time() {
    for deadline in [40, 200, 1000, 5000, 60_000] {
        let livegate = Livegate::start().await;
        livegate.aws.plan([never_answers()]);
        let start = Instant::now();
        let status = livegate.caller().within(deadline * MS).create().await;
        let status = status.unwrap_err();
        assert_eq!(
            status.code_and_reason(),
            (Code::DeadlineExceeded, "UPSTREAM_TIMEOUT")
        );
        let elapsed = start.elapsed();
        assert!(elapsed < deadline * MS, "{deadline} ms: {elapsed:?}");
        assert!(
            elapsed >= deadline * MS * 9 / 10,
            "the call uses the whole deadline: {elapsed:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_just_before_the_deadline_is_returned() {
    let livegate = Livegate::start().await;
    livegate.aws.plan([answers().after(180 * MS)]);
    assert!(livegate.caller().within(200 * MS).create().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_call_without_a_deadline_has_the_default_deadline() {
    let livegate = Livegate::with(Setup {
        default_deadline: 7000 * MS,
        ..Setup::default()
    })
    .await;
    livegate.aws.plan([never_answers()]);
    let start = Instant::now();
    let status = livegate.caller().create().await.unwrap_err();
    assert_eq!(
        status.code_and_reason(),
        (Code::DeadlineExceeded, "UPSTREAM_TIMEOUT")
    );
    assert_eq!(start.elapsed().as_secs(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_permit_would_come_too_late_is_refused_at_once() {
    let livegate = Livegate::with_quota(quota(1.0, 1)).await;
    let caller = livegate.caller();
    caller.create().await.unwrap();
    let start = Instant::now();
    let status = caller.within(200 * MS).create().await.unwrap_err();
    assert_eq!(
        status.code_and_reason(),
        (Code::ResourceExhausted, "QUOTA_EXHAUSTED")
    );
    assert!(start.elapsed() <= MS);
}

#[tokio::test(start_paused = true)]
async fn retries_share_one_deadline() {
    let livegate = Livegate::start().await;
    let slow = |_| fails(Kind::Internal).after(400 * MS);
    livegate.aws.plan((0..4).map(slow));
    let start = Instant::now();
    let status = livegate.caller().within(1000 * MS).create().await;
    let status = status.unwrap_err();
    let expected = matches!(
        status.reason.as_str(),
        "UPSTREAM_TIMEOUT" | "UPSTREAM_INTERNAL"
    );
    assert!(expected, "{status:?}");
    assert!(start.elapsed() < 1000 * MS);
}

#[tokio::test(start_paused = true)]
async fn a_joined_call_past_its_deadline_is_an_upstream_timeout() {
    let livegate = Livegate::with(Setup {
        auth: AuthMode::None,
        ..Setup::default()
    })
    .await;
    livegate.aws.plan([answers().after(3000 * MS)]);
    let caller = livegate.caller();
    let id = uuid::Uuid::new_v4().to_string();
    let patient = tokio::spawn({
        let (caller, id) = (caller.clone(), id.clone());
        async move { caller.repeat(&id).await }
    });
    tokio::time::sleep(100 * MS).await;
    let status = caller.within(500 * MS).repeat(&id).await.unwrap_err();
    assert_eq!(
        status.code_and_reason(),
        (Code::DeadlineExceeded, "UPSTREAM_TIMEOUT")
    );
    assert!(patient.await.unwrap().is_ok());
    assert_eq!(livegate.aws.attempts().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_too_short_for_an_attempt_uses_no_quota_token() {
    let livegate = Livegate::with_quota(quota(1.0, 1)).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    for _ in 0..50 {
        let status = livegate.caller().within(8 * MS).create().await.unwrap_err();
        assert_eq!(
            status.code_and_reason(),
            (Code::DeadlineExceeded, "DEADLINE_EXCEEDED")
        );
    }
    assert!(livegate.aws.attempts().is_empty());
    let start = Instant::now();
    assert!(livegate.caller().within(1000 * MS).create().await.is_ok());
    assert!(start.elapsed() < 100 * MS, "the quota token is still there");
}
