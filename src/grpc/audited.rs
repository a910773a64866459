//! The line of the audit that a call leaves, however it ends.
//!
//! An example: AWS has answered, and the caller hangs up. The handler is dropped, and
//! this with it: the line says `session_issued`, and no code.

use tokio::time::Instant;
use tonic::Code;

use super::call::Call;
use super::metrics;
use super::status::Explained;
use crate::audit::{Audit, Event, Record};
use crate::session::words::{SessionId, Subject, Wanted};
use crate::session::{Order, Reading, Seen, Witness};

/// The refusals of our own rules.
const BY_RULE: [&str; 2] = ["CALLER_NOT_ALLOWED", "SESSION_NOT_YOURS"];

/// A call that will leave a line, if there is anything to say of it.
pub(super) struct Audited<'a> {
    audit: &'a Audit,
    call: &'a Call,
    operation: &'static str,
    subject: Option<&'a Subject>,
    profile: Option<String>,
    /// The session that is asked for, where it is.
    asked_for: Option<SessionId>,
    witness: &'a Witness,
    began: Instant,
    end: Option<(Code, Option<&'static str>)>,
}

impl<'a> Audited<'a> {
    pub(super) fn create(audit: &'a Audit, call: &'a Call, order: &'a Order) -> Self {
        let profile = match &order.wanted {
            Wanted::Settings(_) => None,
            Wanted::Profile(name) => Some(name.as_str().to_owned()),
        };
        Self {
            audit,
            call,
            operation: "CreateSession",
            subject: order.subject.as_ref(),
            profile,
            asked_for: None,
            witness: &order.witness,
            began: Instant::now(),
            end: None,
        }
    }

    pub(super) fn read(audit: &'a Audit, call: &'a Call, reading: &'a Reading) -> Self {
        Self {
            audit,
            call,
            operation: "GetSessionResult",
            subject: reading.subject.as_ref(),
            profile: None,
            asked_for: Some(reading.session),
            witness: &reading.witness,
            began: Instant::now(),
            end: None,
        }
    }

    /// The call is answered with `outcome`.
    pub(super) fn finish<T>(mut self, outcome: Result<T, Explained>) -> Result<T, Explained> {
        self.end = Some(match &outcome {
            Ok(_) => (Code::Ok, None),
            Err(explained) => (explained.code, Some(explained.reason.as_str())),
        });
        outcome
    }

    fn event(&self, seen: &Seen) -> Option<Event> {
        let reason = self.end.and_then(|(_, reason)| reason);
        match seen.session {
            Some(_) if self.asked_for.is_some() => Some(Event::SessionRead),
            Some(_) if seen.replayed => Some(Event::SessionReplayed),
            Some(_) => Some(Event::SessionIssued),
            None => reason
                .filter(|reason| BY_RULE.contains(reason))
                .map(|_| Event::Refused),
        }
    }
}

impl Drop for Audited<'_> {
    fn drop(&mut self) {
        let seen = self.witness.seen();
        let Some(event) = self.event(&seen) else {
            return;
        };
        self.audit.write(|key| Record {
            event,
            operation: self.operation,
            call_id: self.call.id.to_string(),
            caller: self.call.caller.to_string(),
            known_by: self.call.proven_by.as_str(),
            subject_digest: self.subject.map(|subject| key.subject(subject)),
            session_digest: seen
                .session
                .or(self.asked_for)
                .map(|session| key.session(&session)),
            profile: self.profile.take(),
            aws_request_id: seen.aws_request_id,
            code: self.end.map(|(code, _)| metrics::name(code)),
            reason: self.end.and_then(|(_, reason)| reason),
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
    use crate::audit::{AuditMetrics, DigestKey, Output};
    use crate::auth::ProvenBy;
    use crate::deadline::Deadline;
    use crate::grpc::call::Patience;
    use crate::session::Effort;
    use crate::session::words::CallerId;

    fn call() -> Call {
        Call {
            id: Arc::from("01890a5d-ac96-774b-bcce-b302099a8057"),
            caller: CallerId::anonymous(),
            proven_by: ProvenBy::Nothing,
            deadline: Deadline::after(Instant::now(), Duration::from_secs(10)),
            patience: Patience::Bounded,
        }
    }

    fn order() -> Order {
        Order {
            caller: CallerId::anonymous(),
            subject: None,
            request_id: None,
            wanted: Wanted::default(),
            deadline: call().deadline,
            witness: Witness::default(),
        }
    }

    #[tokio::test]
    async fn a_call_that_is_dropped_after_aws_answered_leaves_a_line_without_a_code() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let output = Output::File(file.path().to_owned());
        let key = DigestKey::new(&[1; 32]);
        let audit = Audit::open(output, key, AuditMetrics::default()).unwrap();
        let (call, order) = (call(), order());
        drop(Audited::create(&audit, &call, &order));
        let session = SessionId::parse("01890a5d-ac96-474b-8cce-b302099a8057").unwrap();
        let id = Some("7f3a".to_owned());
        order.witness.answered(session, id, Effort::default());
        drop(Audited::create(&audit, &call, &order));
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
