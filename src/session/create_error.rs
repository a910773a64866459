//! What the error of a create means for its caller: whose fault it is, and whether the
//! call may be repeated.

use super::SessionError;
use super::attempts::AttemptStats;
use super::create_request::CreateRequest;
use crate::model::RequestedSettings;
use crate::upstream::UpstreamErrorKind;

/// Marks the error of a request without an id that AWS may have carried out: a repeat could
/// create another session.
pub(super) fn forbid_repeat(
    request: &CreateRequest,
    stats: AttemptStats,
    error: SessionError,
) -> SessionError {
    if request.request_id.is_none() && stats.outcome_unknown {
        return SessionError::OutcomeUnknown(Box::new(error));
    }
    error
}

/// Attributes a parameter that AWS rejects to its author: the operators if the request names
/// a profile, otherwise the caller.
pub(super) fn attribute(requested: &RequestedSettings, error: SessionError) -> SessionError {
    match (requested, error) {
        (RequestedSettings::Profile(profile), SessionError::Upstream(error))
            if error.kind == UpstreamErrorKind::InvalidParameter =>
        {
            let profile = profile.clone();
            SessionError::ProfileRefused { profile, error }
        }
        (_, error) => error,
    }
}
