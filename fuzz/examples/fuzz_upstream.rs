//! Fuzzes AWS's HTTP responses, through the SDK: a response is a session, a result, or an
//! error whose texts are bounded and whose status fits into the headers.
//!
//! An input looks like an HTTP response: the status on the first line, one header on each
//! line up to an empty one, then the body.
#![no_main]

use std::cell::LazyCell;

use livegate::grpc::fuzzing::map_upstream_error;
use livegate::model::{ClientRequestToken, SessionId, SessionSettings};
use livegate::upstream::aws::Rekognition;
use livegate::upstream::aws::fuzzing::FakeResponses;
use livegate::upstream::{LivenessApi, UpstreamError};
use tokio::runtime::{Builder, Runtime};

const SESSION: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

struct Target {
    runtime: Runtime,
    answers: FakeResponses,
    rekognition: Rekognition,
    session: SessionId,
}

thread_local! {
    static TARGET: LazyCell<Target> = LazyCell::new(|| {
        let answers = FakeResponses::default();
        Target {
            runtime: Builder::new_current_thread().enable_time().build().expect("a runtime"),
            rekognition: answers.rekognition(),
            answers,
            session: SessionId::parse(SESSION).expect("a session id"),
        }
    });
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| TARGET.with(|target| run(target, bytes)));

fn run(target: &Target, bytes: &[u8]) {
    let token = ClientRequestToken::random();
    let settings = SessionSettings::default();
    respond(&target.answers, bytes);
    let created = target
        .runtime
        .block_on(target.rekognition.create(&token, &settings));
    if let Err(error) = created {
        check(error);
    }
    respond(&target.answers, bytes);
    let result = target
        .runtime
        .block_on(target.rekognition.result(&target.session));
    if let Err(error) = result {
        check(error);
    }
}

/// Makes `bytes` the response to the next call.
fn respond(answers: &FakeResponses, bytes: &[u8]) {
    let (head, body) = match bytes.windows(2).position(|two| two == b"\n\n") {
        Some(end) => (&bytes[..end], &bytes[end + 2..]),
        None => (bytes, &[][..]),
    };
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.parse().ok());
    let headers: Vec<_> = lines.filter_map(|line| line.split_once(": ")).collect();
    answers.next(status.unwrap_or(200), &headers, body);
}

fn check(error: UpstreamError) {
    let bounded = |text: &Option<String>, max: usize| match text {
        Some(text) => text.len() <= max && !text.chars().any(char::is_control),
        None => true,
    };
    assert!(bounded(&error.code, 100), "{error:?}");
    assert!(bounded(&error.message, 500), "{error:?}");
    assert!(bounded(&error.aws_request_id, 100), "{error:?}");
    map_upstream_error(error);
}
