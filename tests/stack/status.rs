//! `/status` and the page at `/`.

use std::time::Duration;

use livegate::grpc::v1;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::process::{Process, TIMEOUT, at_once};
use crate::harness::status::CallStatus;

const SUBJECT: &str = "jane@example.org";
const KMS_KEY: &str = "alias/hunter2-is-no-key-for-people";
const HEADER_MODE: &str = "auth.mode=trusted-header";

/// Returns the status as text and as JSON.
async fn status(process: &Process) -> (String, Value) {
    let response = process.get("/status").await.expect("a response");
    let (head, body) = response.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("content-type: application/json"), "{head}");
    let json = serde_json::from_str(body).expect("JSON");
    (body.to_owned(), json)
}

/// Waits until `condition` is true of the status, and returns it.
async fn status_until(process: &Process, condition: impl Fn(&Value) -> bool) -> Value {
    let reached = async {
        loop {
            let (_, status) = status(process).await;
            if condition(&status) {
                return status;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(TIMEOUT, reached).await.expect("it becomes true")
}

#[tokio::test]
async fn a_rate_that_throttling_has_lowered_is_reported() {
    let set = ["adaptive.enabled=true", "quota.create.rate_per_second=50"];
    let process = Process::start(at_once(), &set).await;
    process.inject("create:ThrottlingException/400**");
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let caller = process.caller().within(Duration::from_secs(2));
        calls.spawn(async move { caller.create().await });
    }
    let reported = async {
        loop {
            let page = process.get("/readyz?verbose").await.unwrap();
            if page.contains("create: lowered to ") {
                return page;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    let page = timeout(TIMEOUT, reported).await.expect("it is reported");
    assert!(page.starts_with("HTTP/1.1 200"), "it is no outage: {page}");
    assert!(!page.contains("results: lowered"), "{page}");
    calls.shutdown().await;
    process.shut_down().await;
}

/// The texts of a session that must stay secret.
struct Secrets(Vec<String>);

/// Creates a session of `payments`, reads it, and fails twice: as another end user, and at
/// AWS. Returns the secrets, and the first error.
async fn use_the_service(process: &Process) -> (Secrets, CallStatus) {
    let payments = process.caller().named("payments");
    let request = v1::CreateSessionRequest {
        request_id: uuid::Uuid::new_v4().to_string(),
        subject: SUBJECT.to_owned(),
        kms_key_id: KMS_KEY.to_owned(),
        ..Default::default()
    };
    let session = payments.ask(request.clone()).await.unwrap().session;
    let read = v1::GetSessionResultRequest {
        session_id: session.session_id.clone(),
        result_token: session.result_token.clone(),
        subject: SUBJECT.to_owned(),
        ..Default::default()
    };
    payments.result(read.clone()).await.unwrap();
    let foreign = v1::GetSessionResultRequest {
        subject: "a stranger".to_owned(),
        ..read
    };
    let refused = payments.result(foreign).await.unwrap_err();
    process.inject("create:AccessDeniedException/400");
    payments.create().await.unwrap_err();
    let settings = [SUBJECT, KMS_KEY, "stranger"].map(str::to_owned);
    let ids = [session.session_id, session.result_token, request.request_id];
    (Secrets(ids.into_iter().chain(settings).collect()), refused)
}

#[tokio::test]
async fn the_status_has_the_state_of_all_parts_and_no_secret() {
    let process = Process::start(at_once(), &[HEADER_MODE]).await;
    let (Secrets(secrets), refused) = use_the_service(&process).await;
    let counted = |status: &Value| {
        status["errors"]
            .as_array()
            .is_some_and(|all| all.len() == 2)
    };
    status_until(&process, counted).await;
    let (text, status) = status(&process).await;
    for secret in secrets {
        assert!(!text.contains(&secret), "{secret} in {text}");
    }
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(status["readiness"]["ready"], true);
    assert_eq!(status["calls"]["OK"], 2);
    let create = &status["operations"]["create"];
    assert_eq!(create["attempts"]["ok"], 1);
    assert_eq!(create["aws_errors"]["AccessDeniedException"], 1);
    assert_eq!(create["queue"]["callers"][0]["caller"], "payments");
    assert_eq!(create["limit"]["adaptive_factor"], 1.0);
    assert_eq!(status["operations"]["results"]["attempts"]["ok"], 1);
    assert!(status["store"].is_null() && status["certificate"].is_null());
    assert!(status["credentials"]["age_seconds"].is_number(), "{text}");
    let earlier = &status["errors"][1];
    assert_eq!(earlier["reason"], refused.reason.as_str());
    assert_eq!(earlier["caller"], "payments");
    assert_eq!(earlier["method"], "GetSessionResult");
    assert_eq!(earlier["call_id"], refused.call_id.as_str());
    process.shut_down().await;
}

#[tokio::test]
async fn a_flood_of_unauthenticated_calls_is_one_entry_and_hides_no_other_error() {
    let process = Process::start(at_once(), &[HEADER_MODE]).await;
    process.inject("create:AccessDeniedException/400");
    let denied = process.caller().named("payments").create().await;
    for _ in 0..30 {
        process.caller().create().await.unwrap_err();
    }
    let counted = |status: &Value| status["errors"][0]["count"] == 30;
    let status = status_until(&process, counted).await;
    let [flood, earlier] = &status["errors"].as_array().expect("a list")[..] else {
        panic!("two entries: {}", status["errors"]);
    };
    assert_eq!(flood["reason"], "CALLER_NOT_AUTHENTICATED");
    assert!(flood["caller"].is_null());
    assert_eq!(earlier["call_id"], denied.unwrap_err().call_id.as_str());
    assert_eq!(earlier["count"], 1);
    process.shut_down().await;
}

#[tokio::test]
async fn an_overload_by_a_hundred_callers_is_bounded_in_the_status() {
    let quota = [
        "quota.create.rate_per_second=2",
        "quota.create.burst=1",
        HEADER_MODE,
    ];
    let process = Process::start(at_once(), &quota).await;
    let mut calls = JoinSet::new();
    for number in 0..100 {
        let caller = process.caller().named(&format!("service-{number:03}"));
        let caller = caller.within(Duration::from_secs(8));
        calls.spawn(async move { caller.create().await.is_ok() });
    }
    let busy = |status: &Value| {
        let create = &status["operations"]["create"];
        let refused = create["refusals"]["quota"].as_u64().unwrap_or(0);
        refused + create["queue"]["waiting"].as_u64().unwrap_or(0) > 90
    };
    let status = status_until(&process, busy).await;
    let queue = &status["operations"]["create"]["queue"];
    let callers = queue["callers"].as_array().expect("a list");
    assert_eq!(callers.len(), 50);
    assert_eq!(queue["omitted_callers"], 50);
    let waiting = |caller: &Value| caller["waiting"].as_u64().expect("a number");
    assert!(callers.is_sorted_by(|one, next| waiting(one) >= waiting(next)));
    let listed: u64 = callers.iter().map(waiting).sum();
    let omitted = queue["omitted_waiting"].as_u64().expect("a number");
    assert_eq!(Some(listed + omitted), queue["waiting"].as_u64());
    assert!(listed > 0, "{queue}");
    assert_eq!(status["errors"].as_array().map(Vec::len), Some(20));
    calls.shutdown().await;
    process.stop.cancel();
}

#[tokio::test]
async fn the_page_permits_only_its_own_script_and_style() {
    let process = Process::start(at_once(), &[]).await;
    let page = process.get("/").await.expect("a response");
    let policy = page
        .lines()
        .find_map(|line| line.strip_prefix("content-security-policy: "));
    let policy = policy.expect("a policy");
    assert!(
        policy.starts_with("default-src 'none'; script-src 'sha256-"),
        "{policy}"
    );
    assert!(
        !policy.contains("unsafe") && !policy.contains('*'),
        "{policy}"
    );
    assert!(page.contains("<title>Livegate</title>"));
    process.shut_down().await;
}
