//! Writes the audit record of a call on drop, so that a cancelled call has one too. A watch
//! has one for each state that it delivers.
//!
//! For example, AWS has answered and the caller disconnects. The handler is dropped with
//! its guard, and the record has the event `session_issued` and no code.

use std::borrow::Cow;

use tokio::time::Instant;
use tonic::Code;

use super::call::Call;
use super::method::RpcMethod;
use super::reason::Reason;
use super::rpc_error::RpcError;
use super::{metrics, v1};
use crate::audit::{Audit, AuditEvent, AuditRecord, AuditedRead};
use crate::model::{ProfileName, SessionId, Subject};
use crate::session::Progress;

/// Writes the audit record of a call on drop, if there is an event to record.
pub(super) struct AuditGuard<'a> {
    audit: Cow<'a, Audit>,
    pub(super) call: Cow<'a, Call>,
    fields: RequestFields,
    /// The progress that the domain updates during the call.
    pub(super) progress: Progress,
    started: Instant,
    read: Option<AuditedRead>,
    outcome: Option<Outcome>,
}

/// How a call was answered.
#[derive(Clone, Copy)]
struct Outcome {
    code: Code,
    reason: Option<Reason>,
}

/// The audited fields of a request. Invalid ones are absent, because a call may be
/// refused before its request is validated, or read.
struct RequestFields {
    method: RpcMethod,
    subject: Option<Subject>,
    profile: Option<ProfileName>,
    /// The session whose result is requested.
    session: Option<SessionId>,
}

impl<'a> AuditGuard<'a> {
    pub(super) fn create(
        audit: &'a Audit,
        call: &'a Call,
        request: &v1::CreateSessionRequest,
    ) -> Self {
        let fields = RequestFields {
            subject: Subject::parse(&request.subject).ok(),
            profile: ProfileName::parse(&request.profile).ok(),
            ..RequestFields::unread(RpcMethod::CreateSession)
        };
        Self::new(audit, call, fields)
    }

    pub(super) fn read(
        audit: &'a Audit,
        call: &'a Call,
        request: &v1::GetSessionResultRequest,
    ) -> Self {
        let fields = RequestFields::read(RpcMethod::GetSessionResult, request);
        Self::new(audit, call, fields)
    }

    /// Returns the guard of a call whose request was not read.
    pub(super) fn unread(audit: &'a Audit, call: &'a Call, method: RpcMethod) -> Self {
        Self::new(audit, call, RequestFields::unread(method))
    }

    fn new(audit: &'a Audit, call: &'a Call, fields: RequestFields) -> Self {
        Self::of(Cow::Borrowed(audit), Cow::Borrowed(call), fields)
    }

    fn of(audit: Cow<'a, Audit>, call: Cow<'a, Call>, fields: RequestFields) -> Self {
        Self {
            audit,
            call,
            fields,
            progress: Progress::default(),
            started: Instant::now(),
            read: None,
            outcome: None,
        }
    }

    /// Records what the caller reads in `response`.
    pub(super) fn read_by_caller(&mut self, response: &v1::GetSessionResultResponse) {
        let images = || {
            response
                .reference_image
                .iter()
                .chain(&response.audit_images)
        };
        let verdict = Some(response.verdict()).filter(|it| *it != v1::Verdict::Unspecified);
        self.read = Some(AuditedRead {
            status: short(response.status().as_str_name(), "SESSION_STATUS_"),
            verdict: verdict.map(|verdict| short(verdict.as_str_name(), "VERDICT_")),
            images: images().filter(|image| !image.bytes.is_empty()).count(),
            stored_images: images().filter(|image| image.s3_object.is_some()).count(),
        });
    }

    /// Records how the call was answered.
    pub(super) fn finish(mut self, result: Result<(), &RpcError>) {
        self.answered(result);
    }

    fn answered(&mut self, result: Result<(), &RpcError>) {
        self.outcome = Some(Outcome {
            code: result.map_or_else(|error| error.code, |()| Code::Ok),
            reason: result.err().map(|error| error.reason),
        });
    }

    fn event(&self) -> Option<AuditEvent> {
        let reason = self.outcome.and_then(|outcome| outcome.reason);
        match self.progress.session {
            Some(_) if self.fields.session.is_some() => Some(AuditEvent::SessionRead),
            Some(_) if self.progress.replayed => Some(AuditEvent::SessionReplayed),
            Some(_) => Some(AuditEvent::SessionIssued),
            None => reason?.is_policy_refusal().then_some(AuditEvent::Refused),
        }
    }
}

impl AuditGuard<'static> {
    /// Returns the guard of a watch, which outlives its handler.
    pub(super) fn watch(audit: &Audit, call: &Call, request: &v1::GetSessionResultRequest) -> Self {
        let fields = RequestFields::read(RpcMethod::WatchSession, request);
        Self::of(Cow::Owned(audit.clone()), Cow::Owned(call.clone()), fields)
    }

    /// Writes the record of a state that the watch delivers as `response`.
    pub(super) fn delivered(&mut self, response: &v1::GetSessionResultResponse) {
        self.read_by_caller(response);
        self.answered(Ok(()));
        self.write();
        (self.progress, self.read, self.outcome) = (Progress::default(), None, None);
    }
}

impl RequestFields {
    fn read(method: RpcMethod, request: &v1::GetSessionResultRequest) -> Self {
        Self {
            subject: Subject::parse(&request.subject).ok(),
            session: SessionId::parse(&request.session_id).ok(),
            ..Self::unread(method)
        }
    }

    fn unread(method: RpcMethod) -> Self {
        Self {
            method,
            subject: None,
            profile: None,
            session: None,
        }
    }
}

/// Returns the name of an enum's value without the prefix that protobuf requires.
fn short(name: &'static str, prefix: &str) -> &'static str {
    name.strip_prefix(prefix).unwrap_or(name)
}

impl AuditGuard<'_> {
    /// Writes the record of the call so far, if there is an event to record.
    fn write(&self) {
        let Some(event) = self.event() else {
            return;
        };
        let (fields, progress) = (&self.fields, &self.progress);
        let reason = self.outcome.and_then(|outcome| outcome.reason);
        self.audit.write(|key| AuditRecord {
            event,
            operation: fields.method.split().1,
            call_id: self.call.id.to_string(),
            caller: self.call.caller.to_string(),
            auth_method: self.call.auth_method.as_str(),
            certificate: self.call.certificate.as_ref().map(ToString::to_string),
            peer: self.call.peer.socket().map(|peer| peer.to_string()),
            subject_digest: fields.subject.as_ref().map(|id| key.subject(id)),
            session_digest: progress
                .session
                .or(fields.session)
                .map(|session| key.session(&session)),
            profile: fields.profile.as_ref().map(|name| name.as_str().to_owned()),
            read: self.read,
            aws_request_id: progress.aws_request_id.clone(),
            code: self.outcome.map(|outcome| metrics::name(outcome.code)),
            reason: reason.map(Reason::as_str),
            latency: self.started.elapsed(),
            attempts: progress.attempts,
        });
    }
}

impl Drop for AuditGuard<'_> {
    fn drop(&mut self) {
        self.write();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::audit::{AuditMetrics, AuditOutput, DigestKey};
    use crate::auth::AuthMethod;
    use crate::auth::policy::{Authorizer, DefaultPermission, Policy};
    use crate::grpc::call::DeadlineSource;
    use crate::model::CallerId;
    use crate::model::Deadline;
    use crate::model::PeerAddress;

    fn call() -> Call {
        let authorizer = Authorizer::new(Policy::default(), DefaultPermission::Allow);
        Call {
            id: Arc::from("01890a5d-ac96-774b-bcce-b302099a8057"),
            caller: CallerId::anonymous(),
            permissions: authorizer.permissions(&CallerId::anonymous()),
            auth_method: AuthMethod::None,
            certificate: None,
            peer: PeerAddress::InProcess,
            deadline: Deadline::after(Instant::now(), Duration::from_secs(10)),
            deadline_source: DeadlineSource::Caller,
        }
    }

    #[tokio::test]
    async fn a_call_dropped_after_the_answer_of_aws_has_a_record_without_a_code() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let output = AuditOutput::File(file.path().to_owned());
        let key = DigestKey::new(&[1; 32]);
        let audit = Audit::open(output, key, AuditMetrics::default()).unwrap();
        let (call, request) = (call(), v1::CreateSessionRequest::default());
        drop(AuditGuard::create(&audit, &call, &request));
        let session = SessionId::parse("01890a5d-ac96-474b-8cce-b302099a8057").unwrap();
        let id = Some("7f3a".to_owned());
        let mut guard = AuditGuard::create(&audit, &call, &request);
        guard.progress.answered(session, id);
        drop(guard);
        audit.flush().await;
        let text = std::fs::read_to_string(file.path()).unwrap();
        assert_eq!(
            text.lines().count(),
            1,
            "no record without a session: {text}"
        );
        assert!(
            text.contains("session_issued") && text.contains("7f3a"),
            "{text}"
        );
        assert!(!text.contains("\"code\""), "{text}");
    }
}
