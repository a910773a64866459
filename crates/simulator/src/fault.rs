//! Scripted faults: deviations from the normal response of the next calls.
//!
//! A [`Fault`] is parsed from a line of text ([`grammar`]), waits in the queue of its
//! operation ([`script`]), and applies its [`Effect`] to one or more calls.

mod display;
mod grammar;
mod operations;
mod script;

use std::num::NonZeroU32;
use std::time::Duration;

pub use grammar::FaultError;
pub(super) use script::Script;

use super::operation::Operation;

/// A scripted fault of one or more calls of an operation.
///
/// `FromStr` parses it from a line of text, and `Display` writes that line:
///
/// ```text
/// FAULT     = OPERATION ":" ACTION *( "+" MODIFIER ) [ "*" COUNT ]
/// OPERATION = "create" | "results" | "start"
/// ACTION    = CODE "/" STATUS           AWS error; CODE consists of letters, digits, dots
///           | "html/" STATUS            HTML page of a proxy, no AWS headers
///           | "xml/" STATUS             error in XML
///           | "empty/" STATUS           AWS headers, no body
///           | "status/" STATUS          no body, no AWS headers
///           | "cut-off/" STATUS         call takes effect; half of the body, then closed
///           | "no-session-id/" STATUS   {}                                 (create)
///           | "bad-session-id/" STATUS  a SessionId that is not a UUID     (create)
///           | "unknown-status"          a Status outside the service model (results)
///           | "reset"                   TCP reset, no response
///           | "lost-answer"             call takes effect; closed without a response
///           | "hang"                    no response; open until the client closes
///           | "delay/" DURATION         normal response after a delay
///           | "close/" CODE             WebSocket close with this code      (start)
///           | "wrong-crc"               message with a wrong checksum       (start)
///           | "no-config"               no ChallengeConfig                  (start)
///           | "unknown-challenge"       challenge unknown to clients        (start)
///           | "wrong-region"            credentials are for another region  (start)
/// MODIFIER  = "retry-after/" DURATION   header x-amz-retry-after, in milliseconds
///           | "delay/" DURATION         additional delay
///           | "made"                    the session is created anyway      (create)
///           | "header-code"             code only in x-amzn-errortype      (AWS error)
///           | "namespace"               com.amazonaws.rekognition#CODE     (AWS error)
///           | "no-message"              error without a message            (AWS error)
///           | "after/" PIECES           on the stream, after so many pieces of video (start)
///           | "at-end"                  on the stream, instead of DisconnectionEvent (start)
/// COUNT     = 1 to 1000000, or "*" for no limit; default 1
/// STATUS    = 200 to 599
/// DURATION  = a number with a unit, at most 1h: 750ms, 1s500ms
/// ```
///
/// For example, after `create:ThrottlingException/400+retry-after/750ms*2` and
/// `create:lost-answer`, the first two creates are throttled with a retry delay, the
/// third creates a session but gets no response, and the fourth succeeds.
///
/// Faults of `start` act on the handshake, unless a modifier moves them to the stream. An AWS
/// error, `close`, `wrong-crc`, `no-config`, `unknown-challenge` and `wrong-region` act on the
/// stream before its first message: an AWS error is an exception there, and its STATUS is not sent.
/// `hang+after/0` is a stream without any message, `delay/5s+at-end` a late end. A fault
/// `at-end` acts when the result of the session is available.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub(super) operation: Operation,
    pub(super) effect: Effect,
    pub(super) count: Count,
}

/// The number of calls that a fault affects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    Times(NonZeroU32),
    Unlimited,
}

/// The effect of a fault on one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Effect {
    pub(super) action: FaultAction,
    pub(super) retry_after: Option<Duration>,
    pub(super) delay: Duration,
    /// Whether the call takes effect although its response is an error.
    pub(super) commits: bool,
    /// The moment of the stream, if the fault names one.
    pub(super) moment: Option<Moment>,
}

/// A moment of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// After so many pieces of video; zero is before the first message of the simulator.
    AfterPieces(u32),
    /// After the last piece, instead of `DisconnectionEvent`.
    End,
}

/// The response of a faulty call, or the end of its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FaultAction {
    NormalReply,
    Error(ErrorReply),
    NonJson(NonJsonBody, u16),
    CutOff(u16),
    NoSessionId(u16),
    BadSessionId(u16),
    UnknownStatus,
    Reset,
    LostAnswer,
    Hang,
    Close(u16),
    WrongChecksum,
    NoConfig,
    UnknownChallenge,
    WrongRegion,
}

/// An error response of AWS, and where it carries its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ErrorReply {
    pub(super) code: String,
    pub(super) status: u16,
    pub(super) header_code: bool,
    pub(super) namespace: bool,
    pub(super) no_message: bool,
}

/// A response body that is not AWS JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NonJsonBody {
    Html,
    Xml,
    /// No body, but the headers of AWS.
    Empty,
    /// Neither a body nor the headers of AWS.
    StatusOnly,
}

impl Effect {
    fn new(action: FaultAction) -> Self {
        Self {
            action,
            retry_after: None,
            delay: Duration::ZERO,
            commits: false,
            moment: None,
        }
    }

    pub(super) fn error(code: &str, status: u16) -> Self {
        Self::new(FaultAction::Error(ErrorReply::new(code, status)))
    }

    pub(super) fn html(status: u16) -> Self {
        Self::new(FaultAction::NonJson(NonJsonBody::Html, status))
    }

    pub(super) fn reset() -> Self {
        Self::new(FaultAction::Reset)
    }

    pub(super) fn lost_answer() -> Self {
        Self::new(FaultAction::LostAnswer)
    }

    pub(super) fn with_retry_after(self, wait: Duration) -> Self {
        Self {
            retry_after: Some(wait),
            ..self
        }
    }

    /// Returns whether the call takes effect, independent of its response.
    pub(super) fn takes_effect(&self) -> bool {
        match self.action {
            FaultAction::NormalReply | FaultAction::CutOff(_) | FaultAction::LostAnswer => true,
            FaultAction::Error(_)
            | FaultAction::NonJson(..)
            | FaultAction::NoSessionId(_)
            | FaultAction::BadSessionId(_)
            | FaultAction::UnknownStatus
            | FaultAction::Reset
            | FaultAction::Hang
            | FaultAction::Close(_)
            | FaultAction::WrongChecksum
            | FaultAction::NoConfig
            | FaultAction::UnknownChallenge
            | FaultAction::WrongRegion => self.commits,
        }
    }

    /// Returns the moment of the stream, or `None` for a fault of the handshake.
    pub(super) fn stream_moment(&self) -> Option<Moment> {
        let is_on_stream = matches!(
            self.action,
            FaultAction::Error(_)
                | FaultAction::Close(_)
                | FaultAction::WrongChecksum
                | FaultAction::NoConfig
                | FaultAction::UnknownChallenge
                | FaultAction::WrongRegion
        );
        self.moment
            .or(is_on_stream.then_some(Moment::AfterPieces(0)))
    }
}

impl FaultAction {
    /// Returns the name in the error counters: the code of an AWS error, without its
    /// status, or the action.
    pub(super) fn name(&self) -> String {
        if let Self::Error(error) = self {
            error.code.clone()
        } else {
            self.to_string()
        }
    }
}

impl ErrorReply {
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
