//! The check of a session: a stream takes the session over, once.

use tokio::time::Instant;
use uuid::Uuid;

use super::{Session, Sessions};
use crate::aws_error::AwsError;
use crate::check_outcome::CheckOutcome;
use crate::stream::Challenge;

/// The check of one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Check {
    NotStarted,
    UnderWay(Challenge),
    Completed(Challenge),
    BrokenOff(Challenge),
}

impl Check {
    /// Returns the challenge of a check that has started.
    pub(super) fn challenge(&self) -> Option<&Challenge> {
        match self {
            Self::NotStarted => None,
            Self::UnderWay(challenge) | Self::Completed(challenge) | Self::BrokenOff(challenge) => {
                Some(challenge)
            }
        }
    }
}

impl Sessions {
    /// Starts the check of a session, and returns its challenge: the first that the session
    /// prefers and the client offers.
    pub(crate) fn start_check(
        &mut self,
        id: Uuid,
        offered: &[Challenge],
        now: Instant,
    ) -> Result<Challenge, AwsError> {
        self.delete_old(now);
        let expired = self.lifetimes.expired;
        let session = self.by_id.get_mut(&id).filter(|session| {
            let age = now.saturating_duration_since(session.created_at);
            age < expired && session.check == Check::NotStarted
        });
        let Some(session) = session else {
            let message = "Requested session does not exist.";
            return Err(AwsError::new("SessionNotFoundException", message));
        };
        let Some(challenge) = session.choose(offered) else {
            let message = "challengeVersions has none of the challenges that the session prefers";
            return Err(AwsError::validation(message));
        };
        session.check = Check::UnderWay(challenge.clone());
        Ok(challenge.clone())
    }

    /// Ends the check of a session, which may have been deleted.
    pub(crate) fn end_check(&mut self, id: Uuid, is_complete: bool) {
        if let Some(session) = self.by_id.get_mut(&id)
            && let Some(challenge) = session.check.challenge().cloned()
        {
            session.check = if is_complete {
                Check::Completed(challenge)
            } else {
                Check::BrokenOff(challenge)
            };
        }
    }

    /// Sets the outcome of one session. Returns whether the session exists.
    pub(crate) fn set_outcome(&mut self, id: Uuid, outcome: CheckOutcome) -> bool {
        let session = self.by_id.get_mut(&id);
        session
            .map(|session| session.outcome = Some(outcome))
            .is_some()
    }
}

impl Session {
    /// Without a preference, the session takes the light challenge, as at AWS.
    fn choose<'a>(&self, offered: &'a [Challenge]) -> Option<&'a Challenge> {
        let preferences = self.parameters.preferences.iter();
        let mut names: Vec<&str> = preferences.map(|one| one.challenge.as_str()).collect();
        if names.is_empty() {
            names = vec!["FaceMovementAndLightChallenge", "FaceMovementChallenge"];
        }
        names
            .iter()
            .find_map(|name| offered.iter().find(|one| one.kind.aws_name() == *name))
    }
}
