//! Any HTTP answer as AWS's, through the SDK: it is a session or a result, or an
//! error in bounded words that reaches the caller whole.
//!
//! An input reads like an answer: the status on the first line, a header on each
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

struct Stage {
    runtime: Runtime,
    answers: FakeResponses,
    rekognition: Rekognition,
    session: SessionId,
}

thread_local! {
    static STAGE: LazyCell<Stage> = LazyCell::new(|| {
        let answers = FakeResponses::default();
        Stage {
            runtime: Builder::new_current_thread().enable_time().build().expect("a runtime"),
            rekognition: answers.rekognition(),
            answers,
            session: SessionId::parse(SESSION).expect("a session id"),
        }
    });
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| STAGE.with(|stage| play(stage, bytes)));

fn play(stage: &Stage, bytes: &[u8]) {
    let token = ClientRequestToken::random();
    let settings = SessionSettings::default();
    answer(&stage.answers, bytes);
    let created = stage
        .runtime
        .block_on(stage.rekognition.create(&token, &settings));
    if let Err(error) = created {
        judge(error);
    }
    answer(&stage.answers, bytes);
    let result = stage
        .runtime
        .block_on(stage.rekognition.result(&stage.session));
    if let Err(error) = result {
        judge(error);
    }
}

/// Has the next call answered by what `bytes` say.
fn answer(answers: &FakeResponses, bytes: &[u8]) {
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

fn judge(error: UpstreamError) {
    let bounded = |words: &Option<String>, most: usize| match words {
        Some(words) => words.len() <= most && !words.chars().any(char::is_control),
        None => true,
    };
    assert!(bounded(&error.code, 100), "{error:?}");
    assert!(bounded(&error.message, 500), "{error:?}");
    assert!(bounded(&error.aws_request_id, 100), "{error:?}");
    map_upstream_error(error);
}
