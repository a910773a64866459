//! Writes a fault as the line that it is read from.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use super::{Act, Count, Effect, ErrorAnswer, Fault, Page};

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.operation, self.effect)?;
        match self.count {
            Count::Times(NonZeroU32::MIN) => Ok(()),
            Count::Times(times) => write!(f, "*{times}"),
            Count::Forever => f.write_str("**"),
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let delay = written(self.delay);
        if self.act == Act::TrueAnswer {
            write!(f, "delay/{delay}")?;
        } else {
            write!(f, "{}", self.act)?;
        }
        if let Some(wait) = self.retry_after {
            write!(f, "+retry-after/{}", written(wait))?;
        }
        if self.act != Act::TrueAnswer && !self.delay.is_zero() {
            write!(f, "+delay/{delay}")?;
        }
        f.write_str(if self.made { "+made" } else { "" })
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TrueAnswer => f.write_str("delay/0s"),
            Self::Error(error) => write!(f, "{error}"),
            Self::Page(Page::Html, status) => write!(f, "html/{status}"),
            Self::Page(Page::Xml, status) => write!(f, "xml/{status}"),
            Self::Page(Page::Empty, status) => write!(f, "empty/{status}"),
            Self::Page(Page::Bare, status) => write!(f, "status/{status}"),
            Self::CutOff(status) => write!(f, "cut-off/{status}"),
            Self::NoSessionId(status) => write!(f, "no-session-id/{status}"),
            Self::BadSessionId(status) => write!(f, "bad-session-id/{status}"),
            Self::UnknownStatus => f.write_str("unknown-status"),
            Self::Reset => f.write_str("reset"),
            Self::LostAnswer => f.write_str("lost-answer"),
            Self::Hang => f.write_str("hang"),
        }
    }
}

impl fmt::Display for ErrorAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.code, self.status)?;
        for (added, word) in [
            (self.header_code, "+header-code"),
            (self.namespace, "+namespace"),
            (self.no_message, "+no-message"),
        ] {
            f.write_str(if added { word } else { "" })?;
        }
        Ok(())
    }
}

fn written(duration: Duration) -> String {
    humantime::format_duration(duration)
        .to_string()
        .replace(' ', "")
}
