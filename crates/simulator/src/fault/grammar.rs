//! Parses a fault from a line of text. [`Fault`] documents the grammar.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use super::operations::check_operation;
use super::{Count, Effect, ErrorReply, Fault, FaultAction, Moment, NonJsonBody};

const MAX_COUNT: u32 = 1_000_000;
const MAX_PIECES: u32 = 1000;
const MAX_DURATION: Duration = Duration::from_secs(60 * 60);

/// A line is not a valid fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("fault {spec:?}: {reason}")]
pub struct FaultError {
    spec: String,
    reason: String,
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(spec: &str) -> Result<Self, FaultError> {
        parse(spec).map_err(|reason| FaultError {
            spec: spec.to_owned(),
            reason,
        })
    }
}

fn parse(spec: &str) -> Result<Fault, String> {
    let (operation, rest) = spec
        .split_once(':')
        .ok_or("must start with create:, results: or start:")?;
    let operation = operation
        .parse()
        .map_err(|()| format!("operation {operation:?} must be create, results or start"))?;
    let (terms, count) = match rest.split_once('*') {
        Some((terms, count)) => (terms, parse_count(count)?),
        None => (rest, Count::Times(NonZeroU32::MIN)),
    };
    let mut terms = terms.split('+');
    let mut effect = parse_action(terms.next().unwrap_or_default())?;
    for modifier in terms {
        apply_modifier(&mut effect, modifier)?;
    }
    check_operation(operation, &effect)?;
    Ok(Fault {
        operation,
        effect,
        count,
    })
}

fn parse_count(text: &str) -> Result<Count, String> {
    if text == "*" {
        return Ok(Count::Unlimited);
    }
    text.parse::<NonZeroU32>()
        .ok()
        .filter(|times| times.get() <= MAX_COUNT)
        .map(Count::Times)
        .ok_or_else(|| format!("count {text:?} must be from 1 to {MAX_COUNT}, or * for no limit"))
}

fn parse_action(term: &str) -> Result<Effect, String> {
    let action = match term.split_once('/') {
        Some(("delay", duration)) => {
            let delay = parse_duration(duration)?;
            return Ok(Effect {
                delay,
                ..Effect::new(FaultAction::NormalReply)
            });
        }
        Some(("close", code)) => FaultAction::Close(parse_close_code(code)?),
        Some((name, status)) => parse_reply(name, parse_status(status)?)?,
        None => match term {
            "reset" => FaultAction::Reset,
            "lost-answer" => FaultAction::LostAnswer,
            "hang" => FaultAction::Hang,
            "unknown-status" => FaultAction::UnknownStatus,
            "wrong-crc" => FaultAction::WrongChecksum,
            "no-config" => FaultAction::NoConfig,
            "unknown-challenge" => FaultAction::UnknownChallenge,
            "wrong-region" => FaultAction::WrongRegion,
            _ => {
                return Err(format!(
                    "action {term:?} is unknown, or needs a status: ACTION/STATUS"
                ));
            }
        },
    };
    Ok(Effect::new(action))
}

fn parse_reply(name: &str, status: u16) -> Result<FaultAction, String> {
    Ok(match name {
        "html" => FaultAction::NonJson(NonJsonBody::Html, status),
        "xml" => FaultAction::NonJson(NonJsonBody::Xml, status),
        "empty" => FaultAction::NonJson(NonJsonBody::Empty, status),
        "status" => FaultAction::NonJson(NonJsonBody::StatusOnly, status),
        "cut-off" => FaultAction::CutOff(status),
        "no-session-id" => FaultAction::NoSessionId(status),
        "bad-session-id" => FaultAction::BadSessionId(status),
        "reset" | "lost-answer" | "hang" | "unknown-status" | "wrong-crc" | "no-config"
        | "unknown-challenge" | "wrong-region" => {
            return Err(format!("action {name} takes no status"));
        }
        code if is_code(code) => FaultAction::Error(ErrorReply::new(code, status)),
        _ => {
            return Err(format!(
                "error code {name:?} must consist of letters, digits and dots"
            ));
        }
    })
}

fn is_code(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
}

fn apply_modifier(effect: &mut Effect, modifier: &str) -> Result<(), String> {
    if let Some(wait) = modifier.strip_prefix("retry-after/") {
        effect.retry_after = Some(parse_duration(wait)?);
        return Ok(());
    }
    if let Some(delay) = modifier.strip_prefix("delay/") {
        effect.delay += parse_duration(delay)?;
        return Ok(());
    }
    if let Some(pieces) = modifier.strip_prefix("after/") {
        effect.moment = Some(Moment::AfterPieces(parse_pieces(pieces)?));
        return Ok(());
    }
    if modifier == "at-end" {
        effect.moment = Some(Moment::End);
        return Ok(());
    }
    if modifier == "made" {
        effect.commits = true;
        return Ok(());
    }
    apply_error_modifier(&mut effect.action, modifier)
}

fn apply_error_modifier(action: &mut FaultAction, modifier: &str) -> Result<(), String> {
    let is_known = ["header-code", "namespace", "no-message"].contains(&modifier);
    let FaultAction::Error(error) = action else {
        return Err(if is_known {
            format!("modifier {modifier} needs an AWS error, CODE/STATUS")
        } else {
            unknown_modifier(modifier)
        });
    };
    match modifier {
        "header-code" => error.header_code = true,
        "namespace" => error.namespace = true,
        "no-message" => error.no_message = true,
        _ => return Err(unknown_modifier(modifier)),
    }
    Ok(())
}

fn unknown_modifier(modifier: &str) -> String {
    format!(
        "modifier {modifier:?} must be retry-after/DURATION, delay/DURATION, made, header-code, \
         namespace, no-message, after/PIECES or at-end"
    )
}

fn parse_close_code(text: &str) -> Result<u16, String> {
    text.parse::<u16>()
        .ok()
        .filter(|code| matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999))
        .ok_or_else(|| {
            format!("close code {text:?} must be one of WebSocket, such as 1011 or 4003")
        })
}

fn parse_pieces(text: &str) -> Result<u32, String> {
    text.parse()
        .ok()
        .filter(|pieces| *pieces <= MAX_PIECES)
        .ok_or_else(|| format!("number of pieces {text:?} must be from 0 to {MAX_PIECES}"))
}

fn parse_status(text: &str) -> Result<u16, String> {
    text.parse::<u16>()
        .ok()
        .filter(|status| (200..600).contains(status))
        .ok_or_else(|| format!("status {text:?} must be from 200 to 599"))
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .ok()
        .filter(|duration| *duration <= MAX_DURATION)
        .ok_or_else(|| format!("duration {text:?} must be a number with a unit, at most 1h"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_writes_the_line_that_was_parsed() {
        for spec in [
            "create:ThrottlingException/400*2",
            "create:ThrottlingException/400+retry-after/750ms",
            "create:com.amazonaws.Odd/418+header-code+namespace+no-message+delay/2s+made**",
            "create:html/503",
            "create:empty/200",
            "create:cut-off/200",
            "create:xml/400",
            "create:status/429+retry-after/1s",
            "create:no-session-id/200",
            "create:bad-session-id/200*1000000",
            "create:reset**",
            "results:lost-answer",
            "results:hang*3",
            "results:delay/1s500ms*4",
            "results:unknown-status",
            "start:ThrottlingException/400",
            "start:InternalServerException/500+delay/1s+after/2*3",
            "start:hang+after/0",
            "start:delay/5s+at-end",
            "start:close/4003+at-end",
            "start:wrong-crc",
            "start:no-config",
            "start:unknown-challenge**",
            "start:wrong-region",
            "start:status/403",
            "start:reset+after/1",
        ] {
            assert_eq!(spec.parse::<Fault>().unwrap().to_string(), spec);
        }
    }

    #[test]
    fn the_default_count_is_one() {
        let fault: Fault = "create:reset*1".parse().unwrap();
        assert_eq!(fault, "create:reset".parse().unwrap());
        assert_eq!(fault.to_string(), "create:reset");
    }

    /// Invalid faults, and a part of the error.
    #[rustfmt::skip]
    const INVALID: [(&str, &str); 29] = [
        ("reset", "must start with create:, results: or start:"),
        ("delete:reset", "operation \"delete\""),
        ("create:", "action \"\" is unknown"),
        ("create:ThrottlingException", "needs a status"),
        ("create:Bad_Code/400", "error code \"Bad_Code\""),
        ("create:/400", "error code \"\""),
        ("create:html/99", "status \"99\""),
        ("create:html/600", "status \"600\""),
        ("create:reset/200", "reset takes no status"),
        ("create:reset*0", "count \"0\""),
        ("create:reset*1000001", "count \"1000001\""),
        ("create:reset*many", "count \"many\""),
        ("create:delay/5", "duration \"5\""),
        ("create:delay/2h", "duration \"2h\""),
        ("create:reset+namespace", "modifier namespace needs an AWS error"),
        ("create:reset+nonsense", "modifier \"nonsense\""),
        ("create:A/400+nonsense", "modifier \"nonsense\""),
        ("create:unknown-status", "unknown-status needs operation results"),
        ("results:no-session-id/200", "need operation create"),
        ("results:A/400+made", "need operation create"),
        ("results:A/400+after/1", "need operation start"),
        ("create:close/1000", "need operation start"),
        ("start:close/1005", "close code \"1005\""),
        ("start:close/9", "close code \"9\""),
        ("start:reset+after/-1", "number of pieces \"-1\""),
        ("start:cut-off/200", "cut-off and retry-after need"),
        ("start:A/400+namespace", "need operation create or results"),
        ("start:no-config+at-end", "take no moment"),
        ("start:status/403+at-end", "take no moment"),
    ];

    #[test]
    fn an_error_states_the_line_and_the_reason() {
        for (spec, reason) in INVALID {
            let error = spec.parse::<Fault>().unwrap_err().to_string();
            assert!(error.contains(&format!("{spec:?}")), "{error}");
            assert!(error.contains(reason), "{spec}: {error}");
        }
    }
}
