//! The line of the audit that a call leaves, however it ends.
//!
//! An example: AWS has answered, and the caller hangs up. The handler is dropped, and
//! this with it: the line says `session_issued`, and no code.

use tokio::time::Instant;
use tonic::Code;

use super::call::Call;
use super::handler_error::Failure;
use super::status::Explained;
use super::{metrics, v1};
use crate::audit::{Audit, AuditEvent, AuditRecord};
use crate::model::{ProfileName, SessionId, Subject};
use crate::session::{Progress, ProgressSnapshot};

/// A call that will leave a line, if there is anything to say of it.
pub(super) struct Audited<'a> {
    audit: &'a Audit,
    call: &'a Call,
    asked: Asked,
    witness: Progress,
    began: Instant,
    end: Option<End>,
}

/// How a call ended that was answered.
struct End {
    code: Code,
    reason: Option<&'static str>,
    by: By,
}

/// Who says how a call ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// Our own rules.
    Rule,
    /// Whoever was asked.
    Another,
}

/// What a request names. A call may be refused before its request is judged: what
/// cannot be read is not there.
struct Asked {
    operation: &'static str,
    subject: Option<Subject>,
    profile: Option<ProfileName>,
    /// The session that is asked for, where it is.
    session: Option<SessionId>,
}

impl<'a> Audited<'a> {
    pub(super) fn create(
        audit: &'a Audit,
        call: &'a Call,
        request: &v1::CreateSessionRequest,
    ) -> Self {
        let asked = Asked {
            operation: "CreateSession",
            subject: Subject::parse(&request.subject).ok(),
            profile: ProfileName::parse(&request.profile).ok(),
            session: None,
        };
        Self::of(audit, call, asked)
    }

    pub(super) fn read(
        audit: &'a Audit,
        call: &'a Call,
        request: &v1::GetSessionResultRequest,
    ) -> Self {
        let asked = Asked {
            operation: "GetSessionResult",
            subject: Subject::parse(&request.subject).ok(),
            profile: None,
            session: SessionId::parse(&request.session_id).ok(),
        };
        Self::of(audit, call, asked)
    }

    fn of(audit: &'a Audit, call: &'a Call, asked: Asked) -> Self {
        Self {
            audit,
            call,
            asked,
            witness: Progress::default(),
            began: Instant::now(),
            end: None,
        }
    }

    /// What is to be told of the call as it goes on.
    pub(super) fn witness(&self) -> Progress {
        self.witness.clone()
    }

    /// The call is answered with `outcome`.
    pub(super) fn finish<T>(mut self, outcome: Result<T, Failure>) -> Result<T, Explained> {
        let by = match &outcome {
            Err(failure) if failure.is_by_rule() => By::Rule,
            Ok(_) | Err(_) => By::Another,
        };
        let outcome = outcome.map_err(|failure| failure.explained(self.call));
        let (code, reason) = match &outcome {
            Ok(_) => (Code::Ok, None),
            Err(explained) => (explained.code, Some(explained.reason.as_str())),
        };
        self.end = Some(End { code, reason, by });
        outcome
    }

    fn event(&self, seen: &ProgressSnapshot) -> Option<AuditEvent> {
        let by_rule = self.end.as_ref().is_some_and(|end| end.by == By::Rule);
        match seen.session {
            Some(_) if self.asked.session.is_some() => Some(AuditEvent::SessionRead),
            Some(_) if seen.replayed => Some(AuditEvent::SessionReplayed),
            Some(_) => Some(AuditEvent::SessionIssued),
            None => by_rule.then_some(AuditEvent::Refused),
        }
    }
}

impl Drop for Audited<'_> {
    fn drop(&mut self) {
        let seen = self.witness.snapshot();
        let Some(event) = self.event(&seen) else {
            return;
        };
        self.audit.write(|key| AuditRecord {
            event,
            operation: self.asked.operation,
            call_id: self.call.id.to_string(),
            caller: self.call.caller.to_string(),
            auth_method: self.call.auth_method.as_str(),
            subject_digest: self.asked.subject.as_ref().map(|one| key.subject(one)),
            session_digest: seen
                .session
                .or(self.asked.session)
                .map(|session| key.session(&session)),
            profile: self
                .asked
                .profile
                .as_ref()
                .map(|one| one.as_str().to_owned()),
            aws_request_id: seen.aws_request_id,
            code: self.end.as_ref().map(|end| metrics::name(end.code)),
            reason: self.end.as_ref().and_then(|end| end.reason),
            latency: self.began.elapsed(),
            attempts: seen.attempts,
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
    use crate::grpc::call::Patience;
    use crate::model::CallerId;
    use crate::model::Deadline;
    use crate::session::AttemptStats;

    fn call() -> Call {
        Call {
            id: Arc::from("01890a5d-ac96-774b-bcce-b302099a8057"),
            caller: CallerId::anonymous(),
            auth_method: AuthMethod::None,
            deadline: Deadline::after(Instant::now(), Duration::from_secs(10)),
            patience: Patience::Bounded,
        }
    }

    #[tokio::test]
    async fn a_call_that_is_dropped_after_aws_answered_leaves_a_line_without_a_code() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let output = AuditOutput::File(file.path().to_owned());
        let key = DigestKey::new(&[1; 32]);
        let audit = Audit::open(output, key, AuditMetrics::default()).unwrap();
        let (call, request) = (call(), v1::CreateSessionRequest::default());
        drop(Audited::create(&audit, &call, &request));
        let session = SessionId::parse("01890a5d-ac96-474b-8cce-b302099a8057").unwrap();
        let id = Some("7f3a".to_owned());
        let audited = Audited::create(&audit, &call, &request);
        audited
            .witness()
            .answered(session, id, AttemptStats::default());
        drop(audited);
        audit.flush().await;
        let text = std::fs::read_to_string(file.path()).unwrap();
        assert_eq!(
            text.lines().count(),
            1,
            "none where nothing came of it: {text}"
        );
        assert!(
            text.contains("session_issued") && text.contains("7f3a"),
            "{text}"
        );
        assert!(!text.contains("\"code\""), "{text}");
    }
}
