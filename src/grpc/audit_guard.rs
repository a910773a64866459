//! Writes the audit record of a call on drop, so that a cancelled call has one too.
//!
//! For example, AWS has answered and the caller disconnects. The handler is dropped with
//! its guard, and the record has the event `session_issued` and no code.

use tokio::time::Instant;
use tonic::Code;

use super::call::Call;
use super::failure_log::FailureLog;
use super::handler_error::HandlerError;
use super::rpc_error::RpcError;
use super::{metrics, v1};
use crate::audit::{Audit, AuditEvent, AuditRecord};
use crate::model::{ProfileName, SessionId, Subject};
use crate::session::{Progress, ProgressSnapshot};

/// Writes the audit record of a call on drop, if there is an event to record.
pub(super) struct AuditGuard<'a> {
    audit: &'a Audit,
    call: &'a Call,
    fields: RequestFields,
    progress: Progress,
    started: Instant,
    outcome: Option<Outcome>,
}

/// How a call was answered.
struct Outcome {
    code: Code,
    reason: Option<&'static str>,
    decided_by: DecidedBy,
}

/// What decided the outcome.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DecidedBy {
    /// Livegate's own rules.
    Policy,
    /// Everything else.
    Other,
}

/// The audited fields of a request. Invalid ones are absent, because a call may be
/// refused before its request is validated.
struct RequestFields {
    operation: &'static str,
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
            operation: "CreateSession",
            subject: Subject::parse(&request.subject).ok(),
            profile: ProfileName::parse(&request.profile).ok(),
            session: None,
        };
        Self::new(audit, call, fields)
    }

    pub(super) fn read(
        audit: &'a Audit,
        call: &'a Call,
        request: &v1::GetSessionResultRequest,
    ) -> Self {
        let fields = RequestFields {
            operation: "GetSessionResult",
            subject: Subject::parse(&request.subject).ok(),
            profile: None,
            session: SessionId::parse(&request.session_id).ok(),
        };
        Self::new(audit, call, fields)
    }

    fn new(audit: &'a Audit, call: &'a Call, fields: RequestFields) -> Self {
        Self {
            audit,
            call,
            fields,
            progress: Progress::default(),
            started: Instant::now(),
            outcome: None,
        }
    }

    /// Returns the progress that the domain updates during the call.
    pub(super) fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// Records the `result` of the call, logs its error, and returns it for the caller.
    pub(super) fn finish<T>(
        mut self,
        result: Result<T, HandlerError>,
        log: &FailureLog,
    ) -> Result<T, RpcError> {
        let decided_by = match &result {
            Err(error) if error.is_policy_refusal() => DecidedBy::Policy,
            Ok(_) | Err(_) => DecidedBy::Other,
        };
        let result = result.map_err(|error| error.report(self.call, log));
        let (code, reason) = match &result {
            Ok(_) => (Code::Ok, None),
            Err(error) => (error.code, Some(error.reason.as_str())),
        };
        self.outcome = Some(Outcome {
            code,
            reason,
            decided_by,
        });
        result
    }

    fn event(&self, progress: &ProgressSnapshot) -> Option<AuditEvent> {
        let outcome = self.outcome.as_ref();
        let by_policy = outcome.is_some_and(|outcome| outcome.decided_by == DecidedBy::Policy);
        match progress.session {
            Some(_) if self.fields.session.is_some() => Some(AuditEvent::SessionRead),
            Some(_) if progress.replayed => Some(AuditEvent::SessionReplayed),
            Some(_) => Some(AuditEvent::SessionIssued),
            None => by_policy.then_some(AuditEvent::Refused),
        }
    }
}

impl Drop for AuditGuard<'_> {
    fn drop(&mut self) {
        let progress = self.progress.snapshot();
        let Some(event) = self.event(&progress) else {
            return;
        };
        let outcome = self.outcome.as_ref();
        self.audit.write(|key| AuditRecord {
            event,
            operation: self.fields.operation,
            call_id: self.call.id.to_string(),
            caller: self.call.caller.to_string(),
            auth_method: self.call.auth_method.as_str(),
            subject_digest: self.fields.subject.as_ref().map(|id| key.subject(id)),
            session_digest: progress
                .session
                .or(self.fields.session)
                .map(|session| key.session(&session)),
            profile: self
                .fields
                .profile
                .as_ref()
                .map(|name| name.as_str().to_owned()),
            aws_request_id: progress.aws_request_id,
            code: outcome.map(|outcome| metrics::name(outcome.code)),
            reason: outcome.and_then(|outcome| outcome.reason),
            latency: self.started.elapsed(),
            attempts: progress.attempts,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::audit::{AuditMetrics, AuditOutput, DigestKey};
    use crate::auth::AuthMethod;
    use crate::grpc::call::DeadlineSource;
    use crate::model::CallerId;
    use crate::model::Deadline;
    use crate::session::AttemptStats;

    fn call() -> Call {
        Call {
            id: Arc::from("01890a5d-ac96-774b-bcce-b302099a8057"),
            caller: CallerId::anonymous(),
            auth_method: AuthMethod::None,
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
        let guard = AuditGuard::create(&audit, &call, &request);
        guard
            .progress()
            .answered(session, id, AttemptStats::default());
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
