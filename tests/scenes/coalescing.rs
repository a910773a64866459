//! Reads of one session share one call to AWS, and a final result is kept in memory.

use std::time::Duration;

use bytes::Bytes;
use livegate::auth::AuthMode;
use livegate::grpc::v1;
use livegate::model::{Image, LivenessResult, SessionStatus};
use livegate::upstream::UpstreamErrorKind as Kind;
use tonic::Code;

use crate::harness::aws::{created, fails, never_answers, reads};
use crate::harness::pipes::{Livegate, Setup, quota};
use crate::harness::tokens::Owner;

const ID: &str = "0b5e3a4c-7d57-4f0e-9a51-6b5c1f7f3a10";
const LATENCY: Duration = Duration::from_millis(100);

fn result(status: SessionStatus) -> LivenessResult {
    let image = Image {
        bytes: Some(Bytes::from_static(b"a face")),
        stored: None,
        bounding_box: None,
    };
    LivenessResult {
        status,
        reference_image: Some(image),
        ..created(ID)
    }
}

fn request(include_images: bool) -> v1::GetSessionResultRequest {
    v1::GetSessionResultRequest {
        session_id: ID.to_owned(),
        include_images,
        result_token: Owner::of(ID).token(),
        ..Default::default()
    }
}

fn image(read: v1::GetSessionResultResponse) -> Bytes {
    read.reference_image.map(|image| image.bytes).unwrap()
}

#[tokio::test(start_paused = true)]
async fn concurrent_reads_share_one_call_and_its_images() {
    let livegate = Livegate::start().await;
    let caller = livegate.caller();
    livegate
        .aws
        .plan([reads(result(SessionStatus::InProgress)).after(LATENCY)]);
    let (first, second, third) = tokio::join!(
        caller.served(request(false)),
        caller.served(request(true)),
        caller.served(request(false)),
    );
    let reads = [first, second, third].map(Result::unwrap);
    let mut served = reads.clone().map(|(_, served)| served);
    served.sort();
    assert_eq!(served, ["aws", "coalesced", "coalesced"]);
    let images = reads.map(|(read, _)| image(read).len());
    assert_eq!(
        images,
        [0, 6, 0],
        "each read has the images that it asked for"
    );
    assert_eq!(livegate.aws.reads(), [ID]);
}

#[tokio::test(start_paused = true)]
async fn if_the_call_fails_the_next_read_makes_one() {
    let livegate = Livegate::start().await;
    let caller = livegate.caller();
    let created = result(SessionStatus::Created);
    livegate.aws.plan([
        fails(Kind::SessionNotFound).after(LATENCY),
        reads(created).after(LATENCY),
    ]);
    let (first, second, third) = tokio::join!(
        caller.served(request(false)),
        caller.served(request(false)),
        caller.served(request(false)),
    );
    assert_eq!(first.unwrap_err().code, Code::NotFound);
    let mut served = [second, third].map(|read| read.unwrap().1);
    served.sort();
    assert_eq!(served, ["aws", "coalesced"]);
    assert_eq!(livegate.aws.reads(), [ID; 2]);
}

#[tokio::test(start_paused = true)]
async fn each_read_waits_until_its_own_deadline() {
    let livegate = Livegate::start().await;
    livegate
        .aws
        .plan([never_answers(), reads(result(SessionStatus::Created))]);
    let short = livegate.caller().within(Duration::from_millis(300));
    let long = livegate.caller().within(Duration::from_secs(5));
    let (first, second) = tokio::join!(short.served(request(false)), long.served(request(false)));
    let expected = (Code::DeadlineExceeded, "UPSTREAM_TIMEOUT");
    assert_eq!(first.unwrap_err().code_and_reason(), expected);
    assert_eq!(second.unwrap().1, "aws");
}

#[tokio::test(start_paused = true)]
async fn a_final_result_is_read_once_and_costs_no_further_quota() {
    for status in [SessionStatus::Succeeded, SessionStatus::Failed] {
        let livegate = Livegate::with_quota(quota(0.001, 1)).await;
        tokio::time::advance(Duration::from_secs(1000)).await;
        livegate.aws.plan([reads(result(status))]);
        for expected in ["aws", "cached", "cached"] {
            let (_, served) = livegate.caller().served(request(false)).await.unwrap();
            assert_eq!(served, expected);
        }
        assert_eq!(livegate.aws.reads(), [ID]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_state_that_can_change_is_read_each_time() {
    let livegate = Livegate::start().await;
    for status in [
        SessionStatus::Created,
        SessionStatus::InProgress,
        SessionStatus::Unknown,
    ] {
        livegate.aws.plan([reads(result(status))]);
        let (_, served) = livegate.caller().served(request(false)).await.unwrap();
        assert_eq!(served, "aws");
    }
    assert_eq!(livegate.aws.reads(), [ID; 3]);
}

#[tokio::test(start_paused = true)]
async fn images_are_kept_only_if_they_were_asked_for() {
    let livegate = Livegate::start().await;
    let final_result = || reads(result(SessionStatus::Succeeded));
    livegate.aws.plan([final_result(), final_result()]);
    for (include_images, expected) in [
        (false, "aws"),
        (false, "cached"),
        (true, "aws"),
        (true, "cached"),
        (false, "cached"),
    ] {
        let read = livegate.caller().served(request(include_images)).await;
        let (read, served) = read.unwrap();
        assert_eq!(served, expected);
        assert_eq!(image(read).is_empty(), !include_images);
    }
    assert_eq!(livegate.aws.reads(), [ID; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_result_is_forgotten_when_its_session_expires() {
    let livegate = Livegate::start().await;
    livegate.aws.plan([reads(result(SessionStatus::Succeeded))]);
    livegate.caller().served(request(false)).await.unwrap();
    tokio::time::advance(Duration::from_secs(181)).await;
    let status = livegate.caller().served(request(false)).await.unwrap_err();
    assert_eq!(status.code, Code::NotFound, "AWS has forgotten it too");
}

#[tokio::test(start_paused = true)]
async fn a_result_in_memory_needs_the_token_of_its_caller() {
    let livegate = Livegate::with(Setup {
        auth: AuthMode::OptionalHeader,
        ..Setup::default()
    })
    .await;
    livegate.aws.plan([reads(result(SessionStatus::Succeeded))]);
    livegate.caller().served(request(true)).await.unwrap();
    let another = livegate.caller().named("another");
    let status = another.served(request(true)).await.unwrap_err();
    let expected = (Code::PermissionDenied, "RESULT_TOKEN_INVALID");
    assert_eq!(status.code_and_reason(), expected);
    assert_eq!(livegate.aws.reads(), [ID]);
}
