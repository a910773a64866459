//! Faults to order: what shall go wrong with the next calls of an operation.
//!
//! A [`Fault`] is read from a line of text ([`grammar`]), waits in the queue of
//! its operation ([`script`]), and has an [`Effect`] on one call after another.

mod grammar;
mod line;
mod script;

use std::num::NonZeroU32;
use std::time::Duration;

pub use grammar::FaultError;
pub(super) use script::Script;

use super::operation::Operation;

/// Something that goes wrong with one or more calls of an operation.
///
/// It is made from one line of text, with `parse`, and `Display` writes that line:
///
/// ```text
/// SPEC      = OPERATION ":" ACT *( "+" ADDITION ) [ "*" COUNT ]
/// OPERATION = "create" | "results"
/// ACT       = CODE "/" STATUS           an AWS error; CODE of letters, digits and dots
///           | "html/" STATUS            a proxy's page, no AWS headers
///           | "xml/" STATUS             an error in XML
///           | "empty/" STATUS           AWS's headers, no body
///           | "status/" STATUS          the bare status: no body, no AWS headers
///           | "cut-off/" STATUS         carried out; half of the answer, then closed
///           | "no-session-id/" STATUS   {}                                (create)
///           | "bad-session-id/" STATUS  a SessionId that is no UUID       (create)
///           | "unknown-status"          a Status that no model has        (results)
///           | "reset"                   a TCP reset, no answer
///           | "lost-answer"             carried out; then closed without an answer
///           | "hang"                    no answer; held open until the client goes
///           | "delay/" DURATION         the true answer, so much later
/// ADDITION  = "retry-after/" DURATION   x-amz-retry-after, in milliseconds
///           | "delay/" DURATION         so much later
///           | "made"                    the session is made all the same  (create)
///           | "header-code"             the code only in x-amzn-errortype (errors)
///           | "namespace"               com.amazonaws.rekognition#CODE    (errors)
///           | "no-message"              an error without a message        (errors)
/// COUNT     = 1 to 1000000, or "*" for ever; unset: once
/// STATUS    = 200 to 599
/// DURATION  = a number with a unit, at most 1h: 750ms, 1s500ms
/// ```
///
/// An example: after `create:ThrottlingException/400+retry-after/750ms*2` and
/// `create:lost-answer`, the first two creates are throttled with a hint, the
/// third makes a session and loses its answer, the fourth is as ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub(super) operation: Operation,
    pub(super) effect: Effect,
    pub(super) count: Count,
}

/// How often a fault is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    Times(NonZeroU32),
    Forever,
}

/// What happens to one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Effect {
    pub(super) act: Act,
    pub(super) retry_after: Option<Duration>,
    pub(super) delay: Duration,
    /// Whether the session is made before the act.
    pub(super) made: bool,
}

/// The answer, or what there is in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    TrueAnswer,
    Error(ErrorAnswer),
    Page(Page, u16),
    CutOff(u16),
    NoSessionId(u16),
    BadSessionId(u16),
    UnknownStatus,
    Reset,
    LostAnswer,
    Hang,
}

/// An error in AWS's envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ErrorAnswer {
    pub(super) code: String,
    pub(super) status: u16,
    pub(super) header_code: bool,
    pub(super) namespace: bool,
    pub(super) no_message: bool,
}

/// An answer that is not AWS JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    Html,
    Xml,
    Empty,
    Bare,
}

impl Effect {
    fn of(act: Act) -> Self {
        Self {
            act,
            retry_after: None,
            delay: Duration::ZERO,
            made: false,
        }
    }

    pub(super) fn error(code: &str, status: u16) -> Self {
        Self::of(Act::Error(ErrorAnswer::new(code, status)))
    }

    pub(super) fn html(status: u16) -> Self {
        Self::of(Act::Page(Page::Html, status))
    }

    pub(super) fn reset() -> Self {
        Self::of(Act::Reset)
    }

    pub(super) fn lost_answer() -> Self {
        Self::of(Act::LostAnswer)
    }

    pub(super) fn with_retry_after(self, wait: Duration) -> Self {
        Self {
            retry_after: Some(wait),
            ..self
        }
    }

    /// Whether the call takes effect at AWS, whatever its caller hears of it.
    pub(super) fn is_carried_out(&self) -> bool {
        match self.act {
            Act::TrueAnswer | Act::CutOff(_) | Act::LostAnswer => true,
            Act::Error(_)
            | Act::Page(..)
            | Act::NoSessionId(_)
            | Act::BadSessionId(_)
            | Act::UnknownStatus
            | Act::Reset
            | Act::Hang => self.made,
        }
    }
}

impl Act {
    /// What it is counted as: an error by its code alone.
    pub(super) fn name(&self) -> String {
        if let Self::Error(error) = self {
            error.code.clone()
        } else {
            self.to_string()
        }
    }
}

impl ErrorAnswer {
    pub(super) fn new(code: &str, status: u16) -> Self {
        let code = code.to_owned();
        Self {
            code,
            status,
            header_code: false,
            namespace: false,
            no_message: false,
        }
    }
}
