//! The audit has a line for each session that is issued or read and for each call
//! that the rules refuse, and nothing in it that must not be read.

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

/// A Livegate with an audit in a folder of its own.
struct Audited {
    livegate: Livegate,
    audit: Audit,
    folder: TempDir,
    registry: Registry,
}

impl Audited {
    async fn up(setup: Setup) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
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
            folder,
            registry,
        }
    }

    /// The lines so far, those of the file that has this name now.
    async fn lines(&self) -> Vec<Value> {
        self.audit.flush().await;
        let text = std::fs::read_to_string(self.path()).unwrap_or_default();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect()
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("audit.log")
    }

    async fn counted(&self, outcome: &str) -> u64 {
        self.audit.flush().await;
        let mut page = String::new();
        encode(&mut page, &self.registry).unwrap();
        let start = format!("livegate_audit_lines_total{{outcome=\"{outcome}\"}} ");
        let figure = page.lines().find_map(|line| line.strip_prefix(&start));
        figure.unwrap().parse().unwrap()
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
async fn a_session_that_is_issued_and_one_that_is_told_again_leave_a_line_each() {
    let scene = Audited::up(Setup::default()).await;
    scene.livegate.aws.will([fails(Kind::Throttled), answers()]);
    let payments = scene.livegate.caller().named("payments");
    let session = payments.ask(for_jane(REQUEST_ID)).await.unwrap().session;
    payments.ask(for_jane(REQUEST_ID)).await.unwrap();
    let lines = scene.lines().await;
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
    assert!(
        lines[1].get("aws_request_id").is_none(),
        "aws was not asked"
    );
    assert_eq!(scene.counted("written").await, 2);
}

#[tokio::test(start_paused = true)]
async fn a_result_that_is_read_and_one_that_is_refused_leave_a_line_each() {
    let scene = Audited::up(Setup::default()).await;
    let payments = scene.livegate.caller().named("payments");
    let session = payments.ask(for_jane("")).await.unwrap().session;
    let request = v1::GetSessionResultRequest {
        session_id: session.session_id.clone(),
        subject: SUBJECT.to_owned(),
        result_token: session.result_token.clone(),
        ..Default::default()
    };
    scene
        .livegate
        .aws
        .will([reads(created(&session.session_id))]);
    payments.result(request.clone()).await.unwrap();
    let stranger = scene.livegate.caller().named("stranger");
    stranger.result(request).await.unwrap_err();
    let lines = scene.lines().await;
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
async fn what_cannot_be_read_is_refused_before_the_rules_and_leaves_no_line() {
    let scene = Audited::up(Setup {
        unsaid: DefaultPermission::Deny,
        ..Setup::default()
    })
    .await;
    let payments = scene.livegate.caller().named("payments");
    for (bytes, reason) in [
        (vec![0xff], "INVALID_REQUEST"),
        (vec![0; 64 * 1024 + 1], "MESSAGE_TOO_LARGE"),
    ] {
        let path = "/livegate.v1.SessionService/CreateSession";
        let told = payments.send(path, bytes.into()).await.unwrap_err();
        assert_eq!(told.reason, reason);
    }
    payments.create().await.unwrap_err();
    let lines = scene.lines().await;
    assert_eq!(lines.len(), 1, "of the one that could be read: {lines:?}");
}

/// As wrong as it can be, but for what it names.
fn malformed() -> v1::CreateSessionRequest {
    v1::CreateSessionRequest {
        profile: "kyc".to_owned(),
        kms_key_id: "not beside a profile".to_owned(),
        ..for_jane("no uuid")
    }
}

#[tokio::test(start_paused = true)]
async fn who_may_not_use_a_method_leaves_a_line_however_malformed_the_request() {
    let scene = Audited::up(Setup {
        unsaid: DefaultPermission::Deny,
        ..Setup::default()
    })
    .await;
    let payments = scene.livegate.caller().named("payments");
    let told = payments.ask(malformed()).await.unwrap_err();
    assert_eq!(told.what(), (Code::PermissionDenied, "CALLER_NOT_ALLOWED"));
    assert_eq!(told.fields(), [""; 0], "nothing of what is malformed");
    let nothing = v1::GetSessionResultRequest::default();
    let told = payments.result(nothing).await.unwrap_err();
    assert_eq!(told.what(), (Code::PermissionDenied, "CALLER_NOT_ALLOWED"));
    assert_eq!(told.metadata["field"], "GetSessionResult");
    let lines = scene.lines().await;
    let key = DigestKey::new(&SECRET);
    let jane = key.subject(&Subject::parse(SUBJECT).unwrap());
    assert_eq!(lines.len(), 2, "{lines:?}");
    for (line, operation) in lines.iter().zip(["CreateSession", "GetSessionResult"]) {
        assert_eq!(line["event"], "refused");
        assert_eq!(line["operation"], operation);
        assert_eq!(line["reason"], "CALLER_NOT_ALLOWED");
    }
    assert_eq!(lines[0]["profile"], "kyc");
    assert_eq!(lines[0]["subject_digest"], jane);
    assert!(lines[1].get("session_digest").is_none(), "it named none");
}

#[tokio::test(start_paused = true)]
async fn what_is_malformed_of_one_who_may_leaves_no_line_and_is_told_at_once() {
    let scene = Audited::up(Setup::default()).await;
    let payments = scene.livegate.caller().named("payments");
    let told = payments.ask(malformed()).await.unwrap_err();
    assert_eq!(told.what(), (Code::InvalidArgument, "INVALID_REQUEST"));
    assert_eq!(told.fields().len(), 3, "{told:?}");
    assert!(scene.lines().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_may_not_read_results_is_told_so_where_none_are_served() {
    let scene = Audited::up(Setup {
        unsaid: DefaultPermission::Deny,
        results: false,
        ..Setup::default()
    })
    .await;
    let payments = scene.livegate.caller().named("payments");
    let request = v1::GetSessionResultRequest::default();
    let told = payments.result(request).await.unwrap_err();
    assert_eq!(told.what(), (Code::PermissionDenied, "CALLER_NOT_ALLOWED"));
    assert_eq!(scene.lines().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_lines_hold_no_session_subject_or_token() {
    let scene = Audited::up(Setup::default()).await;
    let payments = scene.livegate.caller().named("payments");
    let session = payments.ask(for_jane(REQUEST_ID)).await.unwrap().session;
    scene.audit.flush().await;
    let text = std::fs::read_to_string(scene.path()).unwrap();
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

#[tokio::test(start_paused = true)]
async fn a_file_that_is_moved_away_is_made_anew_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let scene = Audited::up(Setup::default()).await;
    let payments = scene.livegate.caller().named("payments");
    payments.create().await.unwrap();
    scene.audit.flush().await;
    std::fs::rename(scene.path(), scene.folder.path().join("audit.log.1")).unwrap();
    payments.create().await.unwrap();
    assert_eq!(scene.lines().await.len(), 1, "the second, in a new file");
    let mode = std::fs::metadata(scene.path())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_cannot_be_written_loses_lines_and_no_call() {
    let scene = Audited::up(Setup::default()).await;
    let payments = scene.livegate.caller().named("payments");
    std::fs::remove_file(scene.path()).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(scene.path())
        .status();
    assert!(made.unwrap().success());
    for _ in 0..3 {
        payments.create().await.unwrap();
    }
    assert_eq!(scene.counted("lost").await, 3, "nobody waits for a reader");
    assert_eq!(scene.counted("written").await, 0);
    std::fs::remove_file(scene.path()).unwrap();
    payments.create().await.unwrap();
    assert_eq!(scene.lines().await.len(), 1, "it is a file again");
}
