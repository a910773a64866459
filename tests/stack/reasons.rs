//! What operators can count of failures: each once, by the reason that its caller
//! was told.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use livegate::grpc::v1;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tonic::Status;
use tonic_prost::ProstCodec;
use tonic_types::StatusExt as _;

use super::process::{LONGEST, Process, at_once};
use crate::harness::status::CallStatus;

const PATH: &str = "livegate.v1.SessionService/CreateSession";
const CREATE: &str = "CreateSession";
const RESULT: &str = "GetSessionResult";

type Counts = BTreeMap<String, u64>;

/// A line of the page: its labels, and its number.
fn series<'a>(page: &'a str, name: &str) -> Vec<(&'a str, u64)> {
    let begins = format!("{name}{{");
    let lines = page.lines().filter_map(|line| line.strip_prefix(&begins));
    let split = |line: &'a str| {
        let (labels, number) = line.split_once("} ").unwrap();
        (labels, number.parse().unwrap())
    };
    lines.map(split).collect()
}

fn label<'a>(labels: &'a str, name: &str) -> &'a str {
    let (_, rest) = labels.split_once(&format!("{name}=\"")).unwrap();
    rest.split('"').next().unwrap()
}

/// Failures by method, reason and fault, after a look at whether they are as many as
/// the calls that were not `OK`.
async fn failures(process: &Process) -> Counts {
    let page = process.get("/metrics").await.unwrap();
    let errors = series(&page, "livegate_rpc_errors_total");
    let calls = series(&page, "grpc_server_call_duration_seconds_count");
    let not_ok = calls
        .iter()
        .filter(|(labels, _)| label(labels, "grpc_status") != "OK");
    let not_ok: u64 = not_ok.map(|(_, number)| number).sum();
    let all: u64 = errors.iter().map(|(_, number)| number).sum();
    assert_eq!(all, not_ok, "{page}");
    let seen = errors.into_iter().filter(|(_, number)| *number > 0);
    let named = seen.map(|(labels, number)| {
        let method = label(labels, "grpc_method").rsplit('/').next().unwrap();
        let (reason, fault) = (label(labels, "reason"), label(labels, "fault"));
        (format!("{method} {reason} {fault}"), number)
    });
    named.collect()
}

fn counts<const N: usize>(expected: [(&str, u64); N]) -> Counts {
    let owned = expected.map(|(text, number)| (text.to_owned(), number));
    owned.into_iter().collect()
}

/// What failed: the method, what its caller was told, and whose fault that is.
type Failure = (&'static str, CallStatus, &'static str);

/// The page says the same as the callers heard, each once.
async fn are_counted(process: &Process, failed: Vec<Failure>) {
    let keys = failed.iter().map(|(method, told, fault)| {
        let key = format!("{method} {} {fault}", told.reason);
        (key, 1)
    });
    let expected: Counts = keys.collect();
    assert_eq!(expected.len(), failed.len(), "each for a reason of its own");
    assert_eq!(failures(process).await, expected);
}

#[tokio::test]
async fn what_a_caller_was_told_is_what_is_counted() {
    let set = [
        "auth.mode=trusted-header",
        "results.require_token=false",
        // Nobody listens there.
        "store.url=redis://127.0.0.1:1",
        "idempotency.required=true",
    ];
    let process = Process::up(at_once(), &set).await;
    let nobody = process.caller();
    let caller = nobody.named("payments");
    let invalid = caller.repeat("no uuid").await.unwrap_err();
    let unauthenticated = nobody.create().await.unwrap_err();
    let unknown = caller.send("/made.up.Service/Method", Bytes::new()).await;
    let id = uuid::Uuid::now_v7().to_string();
    let alone = caller.repeat(&id).await.unwrap_err();
    assert_eq!(alone.reason, "STORE_UNAVAILABLE");
    let session_id = uuid::Uuid::new_v4().to_string();
    let gone = caller.result(v1::GetSessionResultRequest {
        session_id,
        ..Default::default()
    });
    let failed = vec![
        (CREATE, invalid, "caller"),
        (CREATE, unauthenticated, "caller"),
        ("other", unknown.unwrap_err(), "caller"),
        (CREATE, alone, "livegate"),
        (RESULT, gone.await.unwrap_err(), "caller"),
    ];
    are_counted(&process, failed).await;
    process.leave().await;
}

#[tokio::test]
async fn of_the_failures_at_aws_those_of_our_access_are_ours() {
    let process = Process::up(at_once(), &[]).await;
    let caller = process.caller().within(Duration::from_secs(1));
    let mut failed = Vec::new();
    for (fault, whose) in [
        ("create:AccessDeniedException/400", "livegate"),
        ("create:ExpiredTokenException/400**", "livegate"),
        ("create:BrandNewException/400", "livegate"),
        ("create:InvalidParameterException/400", "caller"),
        ("create:LimitExceededException/400", "quota"),
        ("create:InternalServerError/500**", "aws"),
        ("create:hang", "aws"),
    ] {
        process.play(fault);
        failed.push((CREATE, caller.create().await.unwrap_err(), whose));
    }
    are_counted(&process, failed).await;
    process.leave().await;
}

#[tokio::test]
async fn a_profile_that_aws_refuses_is_ours_and_a_callers_own_settings_are_its() {
    let process = Process::up(at_once(), &["profiles.kyc.audit_images_limit=1"]).await;
    let caller = process.caller();
    let of_a_profile = v1::CreateSessionRequest {
        profile: "kyc".to_owned(),
        ..Default::default()
    };
    let mut failed = Vec::new();
    for (request, whose) in [
        (of_a_profile, "livegate"),
        (v1::CreateSessionRequest::default(), "caller"),
    ] {
        process.play("create:InvalidParameterException/400");
        let told = caller.ask(request).await.unwrap_err();
        assert_eq!(told.reason, "UPSTREAM_INVALID_PARAMETER");
        assert_eq!(told.metadata["aws_code"], "InvalidParameterException");
        failed.push((CREATE, told, whose));
    }
    are_counted(&process, failed).await;
    process.leave().await;
}

#[tokio::test]
async fn a_call_that_never_reached_a_handler_is_counted_too() {
    let set = [
        "grpc.max_concurrent_requests=1",
        "grpc.request_body_timeout=100ms",
    ];
    let process = Process::up(at_once(), &set).await;
    let slow = without_a_message(process.channel()).await;
    assert_eq!(reason(&slow), "REQUEST_BODY_TIMEOUT");
    process.play("create:hang");
    let caller = process.caller();
    let hanging = tokio::spawn({
        let caller = caller.clone();
        async move { caller.create().await }
    });
    let taken = async {
        while process.simulator.stats().in_flight == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONGEST, taken)
        .await
        .expect("the only place is taken");
    let refused = caller.create().await.unwrap_err();
    assert_eq!(refused.reason, "CONCURRENCY_LIMIT_EXCEEDED");
    let expected = counts([
        ("CreateSession REQUEST_BODY_TIMEOUT caller", 1),
        ("CreateSession CONCURRENCY_LIMIT_EXCEEDED caller", 1),
    ]);
    assert_eq!(failures(&process).await, expected);
    hanging.abort();
    process.leave().await;
}

#[tokio::test]
async fn a_call_whose_deadline_was_over_as_it_came_is_counted_too() {
    let process = Process::up(at_once(), &[]).await;
    let stream = TcpStream::connect(process.grpc).await.unwrap();
    let connected = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (mut client, connection) = connected.unwrap();
    tokio::spawn(connection);
    // A client of gRPC would not wait for the answer.
    let request = Request::post(format!("http://{}/{PATH}", process.grpc))
        .header("content-type", "application/grpc")
        .header("grpc-timeout", "1m");
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let answer = client.send_request(request).await.unwrap();
    assert_eq!(answer.headers()["grpc-status"], "4");
    let expected = counts([("CreateSession DEADLINE_EXCEEDED caller", 1)]);
    assert_eq!(failures(&process).await, expected);
    process.leave().await;
}

fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    details.error_info().unwrap().reason.clone()
}

/// A call whose request never comes.
async fn without_a_message(channel: tonic::transport::Channel) -> Status {
    let codec = ProstCodec::<v1::CreateSessionRequest, v1::CreateSessionResponse>::default();
    let path = format!("/{PATH}").parse().unwrap();
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.unwrap();
    let never = tonic::Request::new(tokio_stream::pending());
    grpc.client_streaming(never, path, codec).await.unwrap_err()
}

#[tokio::test]
async fn a_caller_that_gave_up_has_been_told_nothing_and_is_counted() {
    let process = Process::up(at_once(), &[]).await;
    process.play("create:hang");
    let caller = process.caller();
    let given_up = timeout(Duration::from_millis(100), caller.create()).await;
    assert!(given_up.is_err());
    let seen = async {
        loop {
            let failures = failures(&process).await;
            if !failures.is_empty() {
                return failures;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    let failures = timeout(LONGEST, seen).await.expect("it is counted");
    assert_eq!(failures, counts([("CreateSession CANCELLED caller", 1)]));
    process.leave().await;
}

#[tokio::test]
async fn faults_of_our_own_are_there_before_the_first_of_them() {
    let process = Process::up(at_once(), &[]).await;
    let page = process.get("/metrics").await.unwrap();
    let errors = series(&page, "livegate_rpc_errors_total");
    assert!(
        errors
            .iter()
            .all(|(labels, number)| { (label(labels, "fault"), *number) == ("livegate", 0) })
    );
    for method in [CREATE, RESULT] {
        let has = |reason: &str| {
            let of = |labels: &str| label(labels, "grpc_method").ends_with(method);
            let says = |labels: &str| label(labels, "reason") == reason;
            errors.iter().any(|(labels, _)| of(labels) && says(labels))
        };
        assert!(
            has("STORE_UNAVAILABLE") && has("UPSTREAM_CREDENTIALS"),
            "{page}"
        );
    }
    process.leave().await;
}
