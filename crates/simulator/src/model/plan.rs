//! What shall happen to a call, once it is decided.

use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use crate::fault::{Act, Effect};
use crate::refusal::Refusal;
use crate::reply::Reply;

/// What shall happen to a call: after `wait`, the `outcome`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) wait: Duration,
    pub(crate) outcome: Outcome,
}

/// How a call ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Reply(Reply),
    /// The connection is reset.
    Reset,
    /// The connection is closed without an answer.
    Close,
    /// Nothing, until the client goes.
    Hang,
}

impl Outcome {
    /// What an effect makes of a call: of its true answer, where it was carried
    /// out, and of the session it asked for.
    pub(super) fn of(effect: Effect, carried_out: Option<Reply>, asked_for: Option<Uuid>) -> Self {
        let truth = carried_out.unwrap_or_else(|| Reply::json(200, &json!({})));
        let reply = match effect.act {
            Act::TrueAnswer => truth,
            Act::Error(error) => Reply::ordered(&error),
            Act::Page(page, status) => Reply::page(page, status),
            Act::CutOff(status) => Reply {
                status,
                cut_off: true,
                ..truth
            },
            Act::NoSessionId(status) => Reply::json(status, &json!({})),
            Act::BadSessionId(status) => Reply::json(status, &json!({"SessionId": "no-uuid"})),
            Act::UnknownStatus => Reply::json(
                200,
                &json!({"SessionId": asked_for.map(|id| id.to_string()), "Status": "UNDER_REVIEW"}),
            ),
            Act::Reset => return Outcome::Reset,
            Act::LostAnswer => return Outcome::Close,
            Act::Hang => return Outcome::Hang,
        };
        Outcome::Reply(Reply {
            retry_after: effect.retry_after,
            ..reply
        })
    }
}

/// Three of four calls over the quota hear one code, the fourth the other.
pub(super) fn over_quota(chance: &mut fastrand::Rng) -> Refusal {
    if chance.u8(0..4) == 0 {
        return Refusal::new(
            "ProvisionedThroughputExceededException",
            "Provisioned rate exceeded",
        );
    }
    Refusal::new("ThrottlingException", "Rate exceeded")
}
