//! Formats a fault as the line that it is parsed from.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use super::{Count, Effect, ErrorReply, Fault, FaultAction, Moment, NonJsonBody};

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.operation, self.effect)?;
        match self.count {
            Count::Times(NonZeroU32::MIN) => Ok(()),
            Count::Times(times) => write!(f, "*{times}"),
            Count::Unlimited => f.write_str("**"),
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let delay = format_compact(self.delay);
        if self.action == FaultAction::NormalReply {
            write!(f, "delay/{delay}")?;
        } else {
            write!(f, "{}", self.action)?;
        }
        if let Some(wait) = self.retry_after {
            write!(f, "+retry-after/{}", format_compact(wait))?;
        }
        if self.action != FaultAction::NormalReply && !self.delay.is_zero() {
            write!(f, "+delay/{delay}")?;
        }
        match self.moment {
            None => {}
            Some(Moment::AfterPieces(pieces)) => write!(f, "+after/{pieces}")?,
            Some(Moment::End) => f.write_str("+at-end")?,
        }
        f.write_str(if self.commits { "+made" } else { "" })
    }
}

impl fmt::Display for FaultAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NormalReply => f.write_str("delay/0s"),
            Self::Error(error) => write!(f, "{error}"),
            Self::NonJson(NonJsonBody::Html, status) => write!(f, "html/{status}"),
            Self::NonJson(NonJsonBody::Xml, status) => write!(f, "xml/{status}"),
            Self::NonJson(NonJsonBody::Empty, status) => write!(f, "empty/{status}"),
            Self::NonJson(NonJsonBody::StatusOnly, status) => write!(f, "status/{status}"),
            Self::CutOff(status) => write!(f, "cut-off/{status}"),
            Self::NoSessionId(status) => write!(f, "no-session-id/{status}"),
            Self::BadSessionId(status) => write!(f, "bad-session-id/{status}"),
            Self::UnknownStatus => f.write_str("unknown-status"),
            Self::Reset => f.write_str("reset"),
            Self::LostAnswer => f.write_str("lost-answer"),
            Self::Hang => f.write_str("hang"),
            Self::Close(code) => write!(f, "close/{code}"),
            Self::WrongChecksum => f.write_str("wrong-crc"),
            Self::NoConfig => f.write_str("no-config"),
            Self::UnknownChallenge => f.write_str("unknown-challenge"),
            Self::WrongRegion => f.write_str("wrong-region"),
        }
    }
}

impl fmt::Display for ErrorReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.code, self.status)?;
        for (is_set, modifier) in [
            (self.header_code, "+header-code"),
            (self.namespace, "+namespace"),
            (self.no_message, "+no-message"),
        ] {
            f.write_str(if is_set { modifier } else { "" })?;
        }
        Ok(())
    }
}

fn format_compact(duration: Duration) -> String {
    humantime::format_duration(duration)
        .to_string()
        .replace(' ', "")
}
