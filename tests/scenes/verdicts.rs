//! Verdicts: the minimum confidence of the request, and that of the caller as its floor.

use std::collections::HashMap;

use livegate::auth::AuthMode;
use livegate::auth::policy::{Permissions, Policy};
use livegate::grpc::v1;
use livegate::model::{CallerId, LivenessResult, MinimumConfidence, PerCaller, SessionStatus};
use tonic::Code;
use uuid::Uuid;

use crate::harness::aws::{created, reads};
use crate::harness::pipes::{Livegate, Setup};
use crate::harness::tokens::Owner;

/// Reads a new session with this status and confidence.
async fn read(
    livegate: &Livegate,
    caller: &str,
    (status, confidence): (SessionStatus, Option<f32>),
    minimum_confidence: Option<f32>,
) -> (v1::Verdict, String) {
    let session = Uuid::new_v4().to_string();
    let result = LivenessResult {
        status,
        confidence,
        ..created(&session)
    };
    livegate.aws.plan([reads(result)]);
    let request = v1::GetSessionResultRequest {
        result_token: Owner {
            caller,
            ..Owner::of(&session)
        }
        .token(),
        session_id: session,
        minimum_confidence,
        ..Default::default()
    };
    let read = livegate.caller().named(caller).result(request).await;
    let read = read.unwrap();
    (read.verdict(), read.verdict_reason)
}

/// The status and confidence of a result, its verdict at a minimum of 90, and the reason.
#[rustfmt::skip]
const VERDICTS: [(SessionStatus, Option<f32>, v1::Verdict, &str); 8] = [
    (SessionStatus::Created, None, v1::Verdict::Pending, "CHECK_NOT_FINISHED"),
    (SessionStatus::InProgress, None, v1::Verdict::Pending, "CHECK_NOT_FINISHED"),
    (SessionStatus::Unknown, Some(99.0), v1::Verdict::Pending, "CHECK_NOT_FINISHED"),
    (SessionStatus::Succeeded, Some(90.0), v1::Verdict::Passed, ""),
    (SessionStatus::Succeeded, Some(89.9), v1::Verdict::Failed, "CONFIDENCE_BELOW_MINIMUM"),
    (SessionStatus::Succeeded, None, v1::Verdict::Failed, "CHECK_FAILED"),
    (SessionStatus::Failed, None, v1::Verdict::Failed, "CHECK_FAILED"),
    (SessionStatus::Expired, None, v1::Verdict::Failed, "SESSION_EXPIRED"),
];

#[tokio::test(start_paused = true)]
async fn a_request_with_a_minimum_receives_a_verdict_and_its_reason() {
    let livegate = Livegate::with(Setup {
        auth: AuthMode::OptionalHeader,
        ..Setup::default()
    })
    .await;
    for (status, confidence, verdict, reason) in VERDICTS {
        let read = read(&livegate, "web", (status, confidence), Some(90.0)).await;
        assert_eq!(read, (verdict, reason.to_owned()), "{status:?}");
    }
    let unset = read(
        &livegate,
        "web",
        (SessionStatus::Succeeded, Some(99.0)),
        None,
    )
    .await;
    assert_eq!(unset, (v1::Verdict::Unspecified, String::new()));
}

#[tokio::test(start_paused = true)]
async fn a_request_can_raise_the_minimum_of_its_caller_and_not_lower_it() {
    let permissions = Permissions {
        minimum_confidence: MinimumConfidence::new(90.0).ok(),
        ..Permissions::default()
    };
    let livegate = Livegate::with(Setup {
        auth: AuthMode::OptionalHeader,
        policy: Policy {
            permissions: PerCaller {
                named: HashMap::from([(CallerId::new("kyc").unwrap(), permissions)]),
                ..PerCaller::default()
            },
            ..Policy::default()
        },
        ..Setup::default()
    })
    .await;
    for (confidence, requested, expected) in [
        (91.0, None, v1::Verdict::Passed),
        (89.0, None, v1::Verdict::Failed),
        (89.0, Some(50.0), v1::Verdict::Failed),
        (91.0, Some(95.0), v1::Verdict::Failed),
        (96.0, Some(95.0), v1::Verdict::Passed),
    ] {
        let check = (SessionStatus::Succeeded, Some(confidence));
        let (verdict, _) = read(&livegate, "kyc", check, requested).await;
        assert_eq!(verdict, expected, "{confidence} {requested:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_minimum_outside_0_to_100_is_a_violation() {
    let livegate = Livegate::start().await;
    for minimum in [-1.0, 100.5, f32::NAN, f32::INFINITY] {
        let session = Uuid::new_v4().to_string();
        let request = v1::GetSessionResultRequest {
            result_token: Owner::of(&session).token(),
            session_id: session,
            minimum_confidence: Some(minimum),
            ..Default::default()
        };
        let status = livegate.caller().result(request).await.unwrap_err();
        assert_eq!(status.code, Code::InvalidArgument, "{minimum}");
        assert_eq!(status.fields(), ["minimum_confidence"]);
    }
    assert!(livegate.aws.reads().is_empty());
}
