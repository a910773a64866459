//! Reads a fault from its line. What the line means is said at [`Fault`].

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use super::{Act, Count, Effect, ErrorAnswer, Fault, Page};
use crate::operation::Operation;

const MAX_COUNT: u32 = 1_000_000;
const MAX_DURATION: Duration = Duration::from_secs(60 * 60);

/// A line that is no fault.
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
        .ok_or("must start with create: or results:")?;
    let operation = operation
        .parse()
        .map_err(|()| format!("operation {operation:?} must be create or results"))?;
    let (words, count) = match rest.split_once('*') {
        Some((words, count)) => (words, parse_count(count)?),
        None => (rest, Count::Times(NonZeroU32::MIN)),
    };
    let mut words = words.split('+');
    let mut effect = parse_act(words.next().unwrap_or_default())?;
    for addition in words {
        add(&mut effect, addition)?;
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
        return Ok(Count::Forever);
    }
    text.parse::<NonZeroU32>()
        .ok()
        .filter(|times| times.get() <= MAX_COUNT)
        .map(Count::Times)
        .ok_or_else(|| format!("count {text:?} must be from 1 to {MAX_COUNT}, or * for ever"))
}

fn parse_act(word: &str) -> Result<Effect, String> {
    let act = match word.split_once('/') {
        Some(("delay", duration)) => {
            let delay = parse_duration(duration)?;
            return Ok(Effect {
                delay,
                ..Effect::of(Act::TrueAnswer)
            });
        }
        Some((name, status)) => answer(name, parse_status(status)?)?,
        None => match word {
            "reset" => Act::Reset,
            "lost-answer" => Act::LostAnswer,
            "hang" => Act::Hang,
            "unknown-status" => Act::UnknownStatus,
            _ => {
                return Err(format!(
                    "{word:?} is no act; one with an answer needs /STATUS"
                ));
            }
        },
    };
    Ok(Effect::of(act))
}

fn answer(name: &str, status: u16) -> Result<Act, String> {
    Ok(match name {
        "html" => Act::Page(Page::Html, status),
        "xml" => Act::Page(Page::Xml, status),
        "empty" => Act::Page(Page::Empty, status),
        "status" => Act::Page(Page::Bare, status),
        "cut-off" => Act::CutOff(status),
        "no-session-id" => Act::NoSessionId(status),
        "bad-session-id" => Act::BadSessionId(status),
        "reset" | "lost-answer" | "hang" | "unknown-status" => {
            return Err(format!("{name} takes no status"));
        }
        code if is_code(code) => Act::Error(ErrorAnswer::new(code, status)),
        _ => {
            return Err(format!(
                "error code {name:?} must be letters, digits and dots"
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

fn add(effect: &mut Effect, addition: &str) -> Result<(), String> {
    if let Some(wait) = addition.strip_prefix("retry-after/") {
        effect.retry_after = Some(parse_duration(wait)?);
        return Ok(());
    }
    if let Some(delay) = addition.strip_prefix("delay/") {
        effect.delay += parse_duration(delay)?;
        return Ok(());
    }
    if addition == "made" {
        effect.made = true;
        return Ok(());
    }
    add_to_error(&mut effect.act, addition)
}

fn add_to_error(act: &mut Act, addition: &str) -> Result<(), String> {
    let known = ["header-code", "namespace", "no-message"].contains(&addition);
    let Act::Error(error) = act else {
        return Err(if known {
            format!("+{addition} is for an error, CODE/STATUS")
        } else {
            unknown_addition(addition)
        });
    };
    match addition {
        "header-code" => error.header_code = true,
        "namespace" => error.namespace = true,
        "no-message" => error.no_message = true,
        _ => return Err(unknown_addition(addition)),
    }
    Ok(())
}

fn unknown_addition(addition: &str) -> String {
    format!(
        "addition {addition:?} must be retry-after/DURATION, delay/DURATION, made, header-code, \
         namespace or no-message"
    )
}

/// Refuses what makes no sense for the operation.
fn check_operation(operation: Operation, effect: &Effect) -> Result<(), String> {
    let creates = matches!(effect.act, Act::NoSessionId(_) | Act::BadSessionId(_)) || effect.made;
    if operation == Operation::Results && creates {
        return Err("no-session-id, bad-session-id and made are for create".to_owned());
    }
    if operation == Operation::Create && effect.act == Act::UnknownStatus {
        return Err("unknown-status is for results".to_owned());
    }
    Ok(())
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
    fn a_line_is_read_and_written_as_it_was() {
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
        ] {
            assert_eq!(spec.parse::<Fault>().unwrap().to_string(), spec);
        }
    }

    #[test]
    fn a_count_of_one_is_no_count() {
        let fault: Fault = "create:reset*1".parse().unwrap();
        assert_eq!(fault, "create:reset".parse().unwrap());
        assert_eq!(fault.to_string(), "create:reset");
    }

    #[test]
    fn what_is_no_fault_is_refused_by_name() {
        for (spec, reason) in [
            ("reset", "must start with create: or results:"),
            ("delete:reset", "operation \"delete\""),
            ("create:", "\"\" is no act"),
            ("create:ThrottlingException", "needs /STATUS"),
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
            ("create:reset+namespace", "+namespace is for an error"),
            ("create:reset+nonsense", "addition \"nonsense\""),
            ("create:A/400+nonsense", "addition \"nonsense\""),
            ("create:unknown-status", "unknown-status is for results"),
            ("results:no-session-id/200", "are for create"),
            ("results:A/400+made", "are for create"),
        ] {
            let refused = spec.parse::<Fault>().unwrap_err().to_string();
            assert!(refused.contains(&format!("{spec:?}")), "{refused}");
            assert!(refused.contains(reason), "{spec}: {refused}");
        }
    }
}
