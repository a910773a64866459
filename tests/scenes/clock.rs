//! The clock: a replica whose clock is wrong, or that receives a wrong time, loses no session.
//!
//! Paused time does not move the wall clock, so a reading of AWS's clock counts for a few
//! seconds of paused time only.

use std::time::{Duration, SystemTime};

use livegate::grpc::v1;
use livegate::model::{Clock, ClockSource, LivenessResult, SessionStatus, wall_clock};
use tokio::time::{Instant, sleep};
use tonic::Code;

use super::idempotency::{SECOND, assert_left, id_created, left};
use crate::harness::aws::{answers, created, never_answers, reads};
use crate::harness::pipes::{Livegate, Setup};
use crate::harness::tokens::{self, Owner};

const ID: &str = "0b5e3a4c-7d57-4f0e-9a51-6b5c1f7f3a10";

/// Returns a new replica, and its clock, which the answers of AWS check.
async fn start() -> (Livegate, Clock) {
    let clock = Clock::awaiting_check();
    let setup = Setup {
        clock: clock.clone(),
        ..Setup::default()
    };
    (Livegate::with(setup).await, clock)
}

fn time(time: Option<prost_types::Timestamp>) -> SystemTime {
    SystemTime::try_from(time.expect("always set")).unwrap()
}

/// Asserts that `time` is this many seconds after the wall clock, within a second.
fn assert_ahead(time: SystemTime, seconds: u64) {
    let ahead = time.duration_since(wall_clock()).unwrap();
    let error = ahead.abs_diff(Duration::from_secs(seconds));
    assert!(error < SECOND, "{ahead:?}, not {seconds} s");
}

/// Returns a token that expires at this time.
fn token(expire_time: SystemTime) -> String {
    Owner::of(ID).token_by(&tokens::keys(), expire_time)
}

fn read(result_token: String) -> v1::GetSessionResultRequest {
    v1::GetSessionResultRequest {
        session_id: ID.to_owned(),
        result_token,
        ..Default::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_replica_whose_clock_is_ahead_uses_the_clock_of_aws() {
    let (livegate, clock) = start().await;
    livegate.aws.is_ahead(-200, &clock);
    livegate.aws.plan([answers().after(SECOND)]);
    let caller = livegate.caller();
    for time_to_live in [179 * SECOND, 180 * SECOND] {
        let issued = caller.repeat(&id_created(200)).await.unwrap();
        assert_left(&issued.session, time_to_live);
    }
    let sent = livegate.aws.attempts().len();
    let old = caller.repeat(&id_created(440)).await.unwrap_err();
    let expected = (Code::FailedPrecondition, "REQUEST_ID_EXPIRED");
    assert_eq!(old.code_and_reason(), expected);
    let age = &old.metadata["request_id_age_seconds"];
    assert!(["239", "240"].contains(&age.as_str()), "{age}");
    assert_eq!(livegate.aws.attempts().len(), sent);
}

#[tokio::test(start_paused = true)]
async fn the_first_session_of_a_replica_with_a_wrong_clock_is_dated_by_aws() {
    for behind in [0, 200, 299] {
        let (livegate, clock) = start().await;
        livegate.aws.is_ahead(behind, &clock);
        livegate.aws.plan([answers().after(SECOND)]);
        let caller = livegate.caller();
        let issued = caller.create().await.unwrap().session;
        assert_left(&issued, 179 * SECOND);
        let behind = behind.unsigned_abs();
        assert_ahead(time(issued.expire_time), behind + 179);
        assert_ahead(time(issued.create_time) + SECOND, behind);
        livegate.aws.plan([reads(created(&issued.session_id))]);
        let request = v1::GetSessionResultRequest {
            session_id: issued.session_id,
            result_token: issued.result_token,
            ..Default::default()
        };
        let read = caller.result(request).await.unwrap();
        assert_eq!(read.status(), v1::SessionStatus::Created);
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeat_after_a_lost_answer_is_dated_by_aws() {
    let (livegate, clock) = start().await;
    livegate.aws.is_ahead(200, &clock);
    livegate.aws.plan([never_answers()]);
    let id = uuid::Uuid::new_v4().to_string();
    let caller = livegate.caller();
    caller.within(SECOND).repeat(&id).await.unwrap_err();
    let first = caller.repeat(&id).await.unwrap().session;
    assert!(left(&first) > 178 * SECOND);
    let repeat = caller.repeat(&id).await.unwrap().session;
    for session in [&first, &repeat] {
        assert_ahead(time(session.expire_time), 379);
    }
    assert_eq!(first.expire_time, repeat.expire_time);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_the_store_and_the_own_clock_date_wrong_is_dated_by_aws() {
    let (livegate, clock) = start().await;
    clock.observe(ClockSource::Store, wall_clock());
    livegate.aws.is_ahead(200, &clock);
    let issued = livegate.caller().create().await.unwrap().session;
    assert_ahead(time(issued.expire_time), 380);
}

#[tokio::test(start_paused = true)]
async fn one_wrong_time_refuses_no_request_id() {
    for ahead in [100, 250, 400, 3600, 90_000, -400] {
        for is_confirmed in [true, false] {
            let (livegate, clock) = start().await;
            let caller = livegate.caller();
            if is_confirmed {
                livegate.aws.is_ahead(0, &clock);
                caller.repeat(&id_created(0)).await.unwrap();
            }
            livegate.aws.is_ahead(ahead, &clock);
            caller.repeat(&id_created(0)).await.unwrap();
            livegate.aws.is_ahead(0, &clock);
            for _ in 0..3 {
                let issued = caller.repeat(&id_created(0)).await;
                let issued = issued.unwrap_or_else(|error| panic!("{ahead} s: {error:?}"));
                assert_left(&issued.session, 180 * SECOND);
                assert_ahead(time(issued.session.expire_time), 180);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_time_that_two_responses_confirm_is_forgotten_without_a_response() {
    let (livegate, clock) = start().await;
    let caller = livegate.caller();
    livegate.aws.is_ahead(1000, &clock);
    for _ in 0..2 {
        caller.create().await.unwrap();
    }
    livegate.aws.is_ahead(0, &clock);
    let refused = caller.repeat(&id_created(0)).await.unwrap_err();
    assert_eq!(refused.reason, "REQUEST_ID_EXPIRED");
    sleep(61 * SECOND).await;
    for _ in 0..2 {
        caller.repeat(&id_created(0)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn no_token_expires_by_an_unconfirmed_clock() {
    let (livegate, clock) = start().await;
    let caller = livegate.caller();
    let almost_new = token(wall_clock() - 290 * SECOND);
    livegate.aws.plan([reads(created(ID))]);
    caller.result(read(almost_new.clone())).await.unwrap();
    let old = token(wall_clock() - 400 * SECOND);
    let refused = caller.result(read(old)).await.unwrap_err();
    assert_eq!(refused.reason, "RESULT_TOKEN_INVALID");
    clock.observe(ClockSource::Aws, wall_clock());
    let refused = caller.result(read(almost_new)).await.unwrap_err();
    assert_eq!(refused.reason, "RESULT_TOKEN_INVALID", "it is confirmed");
}

#[tokio::test(start_paused = true)]
async fn a_watch_asks_aws_before_it_reports_that_a_session_has_expired() {
    let (livegate, clock) = start().await;
    clock.observe(ClockSource::Aws, wall_clock());
    let request = || v1::WatchSessionRequest {
        session_id: ID.to_owned(),
        result_token: token(wall_clock() - 30 * SECOND),
        ..Default::default()
    };
    let succeeded = LivenessResult {
        status: SessionStatus::Succeeded,
        confidence: Some(97.5),
        ..created(ID)
    };
    for (step, expected) in [
        (never_answers(), v1::SessionStatus::Expired),
        (reads(succeeded), v1::SessionStatus::Succeeded),
    ] {
        livegate.aws.plan([step]);
        let start = Instant::now();
        let mut states = livegate.caller().watch(request()).await.unwrap();
        let state = states.message().await.unwrap().unwrap().result.unwrap();
        assert_eq!(state.status(), expected);
        assert!(start.elapsed() < 11 * SECOND);
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeat_after_a_suspension_reports_what_is_left_by_the_wall_clock() {
    let (livegate, clock) = start().await;
    clock.observe(ClockSource::Aws, wall_clock());
    let (caller, id) = (livegate.caller(), uuid::Uuid::new_v4().to_string());
    caller.repeat(&id).await.unwrap();
    // During the suspension the monotonic clock stands still, and AWS's clock advances.
    for _ in 0..2 {
        clock.observe(ClockSource::Aws, wall_clock() + 100 * SECOND);
    }
    let repeat = caller.repeat(&id).await.unwrap().session;
    assert_left(&repeat, 80 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn an_old_request_id_that_an_unconfirmed_clock_admits_is_refused_after_the_answer() {
    let (livegate, clock) = start().await;
    livegate.aws.is_ahead(0, &clock);
    let id = id_created(200);
    for _ in 0..2 {
        let refused = livegate.caller().repeat(&id).await.unwrap_err();
        let expected = (Code::FailedPrecondition, "REQUEST_ID_EXPIRED");
        assert_eq!(refused.code_and_reason(), expected);
        assert_eq!(livegate.aws.attempts().len(), 1);
    }
}
