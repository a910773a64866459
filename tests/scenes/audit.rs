//! The audit log: one line for each session that is created or read and for each call that
//! the policy refuses. It contains no secrets.

use std::path::PathBuf;

use livegate::audit::{Audit, AuditMetrics, AuditOutput, DigestKey};
use livegate::auth::AuthMode;
use livegate::auth::policy::DefaultPermission;
use livegate::grpc::v1;
use livegate::model::{SessionId, Subject};
use livegate::upstream::UpstreamErrorKind as Kind;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::Value;
use tempfile::TempDir;
use tonic::Code;

use crate::harness::aws::{AWS_REQUEST_ID, answers, created, fails, reads};
use crate::harness::pipes::{Livegate, Setup};

const SUBJECT: &str = "jane@example.org";
const SECRET: [u8; 32] = [7; 32];
const REQUEST_ID: &str = "6f0c2a0e-6c1e-4d6f-9f6b-0b8f6d3c1a2b";

/// A Livegate with an audit log in a temporary directory.
pub(crate) struct AuditedLivegate {
    pub(crate) livegate: Livegate,
    pub(crate) audit: Audit,
    pub(crate) directory: TempDir,
    registry: Registry,
}

impl AuditedLivegate {
    pub(crate) async fn start(setup: Setup) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.log");
        let mut registry = Registry::default();
        let metrics = AuditMetrics::register(&mut registry);
        let audit = Audit::open(AuditOutput::File(path), DigestKey::new(&SECRET), metrics).unwrap();
        let setup = Setup {
            audit: audit.clone(),
            auth: AuthMode::TrustedHeader,
            ..setup
        };
        Self {
            livegate: Livegate::with(setup).await,
            audit,
            directory,
            registry,
        }
    }

    /// Returns the lines of the current file.
    pub(crate) async fn lines(&self) -> Vec<Value> {
        self.audit.flush().await;
        let text = std::fs::read_to_string(self.path()).unwrap_or_default();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("audit.log")
    }

    /// Returns the counter of lines with this outcome.
    pub(crate) async fn counter(&self, outcome: &str) -> u64 {
        self.audit.flush().await;
        let mut page = String::new();
        encode(&mut page, &self.registry).unwrap();
        let start = format!("livegate_audit_lines_total{{outcome=\"{outcome}\"}} ");
        let value = page.lines().find_map(|line| line.strip_prefix(&start));
        value.unwrap().parse().unwrap()
    }
}

fn for_jane(request_id: &str) -> v1::CreateSessionRequest {
    v1::CreateSessionRequest {
        request_id: request_id.to_owned(),
        subject: SUBJECT.to_owned(),
        ..Default::default()
    }
}

fn digests(session: &str) -> (String, String) {
    let key = DigestKey::new(&SECRET);
    let session = SessionId::parse(session).unwrap();
    let subject = Subject::parse(SUBJECT).unwrap();
    (key.session(&session), key.subject(&subject))
}

#[tokio::test(start_paused = true)]
async fn a_created_and_a_replayed_session_write_a_line_each() {
    let audited = AuditedLivegate::start(Setup::default()).await;
    audited
        .livegate
        .aws
        .plan([fails(Kind::Throttled), answers()]);
    let payments = audited.livegate.caller().named("payments");
    let session = payments.ask(for_jane(REQUEST_ID)).await.unwrap().session;
    payments.ask(for_jane(REQUEST_ID)).await.unwrap();
    let lines = audited.lines().await;
    let (session_digest, subject_digest) = digests(&session.session_id);
    assert_eq!(lines.len(), 2, "{lines:?}");
    for (line, event) in lines.iter().zip(["session_issued", "session_replayed"]) {
        assert_eq!(line["event"], event);
        assert_eq!(line["operation"], "CreateSession");
        assert_eq!(line["caller"], "payments");
        assert_eq!(line["auth_method"], "header");
        assert_eq!(line["session_digest"], session_digest);
        assert_eq!(line["subject_digest"], subject_digest);
        assert_eq!(line["code"], "OK");
        assert_eq!(line["call_id"].as_str().unwrap().len(), 36);
        assert!(line["time"].as_str().unwrap().ends_with('Z'));
        assert!(line["latency_ms"].is_u64());
    }
    assert_eq!(lines[0]["attempts"], 2);
    assert_eq!(lines[0]["aws_request_id"], AWS_REQUEST_ID);
    assert_eq!(lines[1]["attempts"], 0);
    assert!(lines[1].get("aws_request_id").is_none(), "no call to aws");
    assert_eq!(audited.counter("written").await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_read_and_a_refused_result_write_a_line_each() {
    let audited = AuditedLivegate::start(Setup::default()).await;
    let payments = audited.livegate.caller().named("payments");
    let session = payments.ask(for_jane("")).await.unwrap().session;
    let request = v1::GetSessionResultRequest {
        session_id: session.session_id.clone(),
        subject: SUBJECT.to_owned(),
        result_token: session.result_token.clone(),
        ..Default::default()
    };
    audited
        .livegate
        .aws
        .plan([reads(created(&session.session_id))]);
    payments.result(request.clone()).await.unwrap();
    let stranger = audited.livegate.caller().named("stranger");
    stranger.result(request).await.unwrap_err();
    let lines = audited.lines().await;
    let (session_digest, _) = digests(&session.session_id);
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(lines[1]["event"], "session_read");
    assert_eq!(lines[1]["aws_request_id"], AWS_REQUEST_ID);
    assert_eq!(lines[2]["event"], "refused");
    assert_eq!(lines[2]["caller"], "stranger");
    assert_eq!(lines[2]["code"], "PERMISSION_DENIED");
    assert_eq!(lines[2]["reason"], "RESULT_TOKEN_INVALID");
    for line in &lines {
        assert_eq!(line["session_digest"], session_digest);
    }
}

#[tokio::test(start_paused = true)]
async fn permission_for_the_method_comes_before_the_message() {
    for (permission, unreadable, too_large, written) in [
        (
            DefaultPermission::Allow,
            "INVALID_REQUEST",
            "MESSAGE_TOO_LARGE",
            0,
        ),
        (
            DefaultPermission::Deny,
            "CALLER_NOT_ALLOWED",
            "CALLER_NOT_ALLOWED",
            2,
        ),
    ] {
        let audited = AuditedLivegate::start(Setup {
            default_permission: permission,
            ..Setup::default()
        })
        .await;
        let payments = audited.livegate.caller().named("payments");
        for (bytes, reason) in [(vec![0xff], unreadable), (vec![0; 8 * 1024 + 1], too_large)] {
            let path = "/livegate.v1.SessionService/CreateSession";
            let status = payments.send(path, bytes.into()).await.unwrap_err();
            assert_eq!(status.reason, reason);
        }
        let lines = audited.lines().await;
        assert_eq!(lines.len(), written, "{lines:?}");
    }
}

/// Returns a request with several violations, and a valid profile and subject.
fn malformed() -> v1::CreateSessionRequest {
    v1::CreateSessionRequest {
        profile: "kyc".to_owned(),
        kms_key_id: "not beside a profile".to_owned(),
        ..for_jane("no uuid")
    }
}

#[tokio::test(start_paused = true)]
async fn a_method_without_permission_writes_a_line_also_for_a_malformed_request() {
    let audited = AuditedLivegate::start(Setup {
        default_permission: DefaultPermission::Deny,
        ..Setup::default()
    })
    .await;
    let payments = audited.livegate.caller().named("payments");
    let status = payments.ask(malformed()).await.unwrap_err();
    assert_eq!(
        status.code_and_reason(),
        (Code::PermissionDenied, "CALLER_NOT_ALLOWED")
    );
    assert_eq!(status.fields(), [""; 0], "no violations");
    let empty = v1::GetSessionResultRequest::default();
    let status = payments.result(empty).await.unwrap_err();
    assert_eq!(
        status.code_and_reason(),
        (Code::PermissionDenied, "CALLER_NOT_ALLOWED")
    );
    assert_eq!(status.metadata["field"], "GetSessionResult");
    let lines = audited.lines().await;
    assert_eq!(lines.len(), 2, "{lines:?}");
    for (line, operation) in lines.iter().zip(["CreateSession", "GetSessionResult"]) {
        assert_eq!(line["event"], "refused");
        assert_eq!(line["operation"], operation);
        assert_eq!(line["reason"], "CALLER_NOT_ALLOWED");
        for field in ["profile", "subject_digest", "session_digest"] {
            assert!(line.get(field).is_none(), "the message is not read: {line}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_malformed_request_of_a_permitted_caller_writes_no_line() {
    let audited = AuditedLivegate::start(Setup::default()).await;
    let payments = audited.livegate.caller().named("payments");
    let status = payments.ask(malformed()).await.unwrap_err();
    assert_eq!(
        status.code_and_reason(),
        (Code::InvalidArgument, "INVALID_REQUEST")
    );
    assert_eq!(status.fields().len(), 3, "{status:?}");
    assert!(audited.lines().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_missing_permission_is_reported_although_results_are_disabled() {
    let audited = AuditedLivegate::start(Setup {
        default_permission: DefaultPermission::Deny,
        results: false,
        ..Setup::default()
    })
    .await;
    let payments = audited.livegate.caller().named("payments");
    let request = v1::GetSessionResultRequest::default();
    let status = payments.result(request).await.unwrap_err();
    assert_eq!(
        status.code_and_reason(),
        (Code::PermissionDenied, "CALLER_NOT_ALLOWED")
    );
    assert_eq!(audited.lines().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_lines_contain_no_session_id_subject_or_token() {
    let audited = AuditedLivegate::start(Setup::default()).await;
    let payments = audited.livegate.caller().named("payments");
    let session = payments.ask(for_jane(REQUEST_ID)).await.unwrap().session;
    audited.audit.flush().await;
    let text = std::fs::read_to_string(audited.path()).unwrap();
    assert_eq!(text.lines().count(), 1);
    for secret in [
        &session.session_id,
        &session.result_token,
        SUBJECT,
        REQUEST_ID,
    ] {
        assert!(!text.contains(secret), "{text}");
    }
}
