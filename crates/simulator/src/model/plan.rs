//! The planned outcome of a call, which the server carries out.

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use crate::aws_error::AwsError;
use crate::fault::{Effect, FaultAction};
use crate::reply::Reply;

/// The outcome of a call, after a delay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) delay: Duration,
    pub(crate) outcome: Outcome,
}

/// The end of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Reply(Reply),
    /// Resets the connection.
    Reset,
    /// Closes the connection without a response.
    Close,
    /// Sends nothing until the client disconnects.
    Hang,
}

impl Outcome {
    /// Applies an effect to a call. `normal_reply` is present if the call took effect;
    /// `session_id` is that of a request for results.
    pub(super) fn new(
        effect: Effect,
        normal_reply: Option<Reply>,
        session_id: Option<Uuid>,
    ) -> Self {
        let normal_reply = normal_reply.unwrap_or_else(|| Reply::json(200, &json!({})));
        let reply = match effect.action {
            FaultAction::NormalReply => normal_reply,
            FaultAction::Error(error) => Reply::scripted(&error),
            FaultAction::NonJson(body, status) => Reply::non_json(body, status),
            FaultAction::CutOff(status) => Reply {
                status,
                cut_off: true,
                ..normal_reply
            },
            FaultAction::NoSessionId(status) => Reply::json(status, &json!({})),
            FaultAction::BadSessionId(status) => {
                Reply::json(status, &json!({"SessionId": "no-uuid"}))
            }
            FaultAction::UnknownStatus => Reply::json(
                200,
                &json!({"SessionId": session_id.map(|id| id.to_string()), "Status": "UNDER_REVIEW"}),
            ),
            FaultAction::Reset => return Outcome::Reset,
            FaultAction::LostAnswer => return Outcome::Close,
            FaultAction::Hang => return Outcome::Hang,
            // Faults of streams, which no call has.
            FaultAction::Close(_)
            | FaultAction::WrongChecksum
            | FaultAction::NoConfig
            | FaultAction::UnknownChallenge
            | FaultAction::WrongRegion => normal_reply,
        };
        Outcome::Reply(Reply {
            retry_after: effect.retry_after,
            ..reply
        })
    }
}

/// Returns the error of a call over the quota. AWS uses two codes; the second is drawn
/// with a probability of 1/4.
pub(super) fn throttling_error(rng: &mut fastrand::Rng) -> AwsError {
    if rng.u8(0..4) == 0 {
        return AwsError::new(
            "ProvisionedThroughputExceededException",
            "Provisioned rate exceeded",
        );
    }
    AwsError::new("ThrottlingException", "Rate exceeded")
}
