//! The operations that support an effect.

use super::{Effect, FaultAction};
use crate::operation::Operation;

/// Rejects effects that the operation does not support.
pub(super) fn check_operation(operation: Operation, effect: &Effect) -> Result<(), String> {
    let alters_session_id = matches!(
        effect.action,
        FaultAction::NoSessionId(_) | FaultAction::BadSessionId(_)
    );
    if operation != Operation::Create && (alters_session_id || effect.commits) {
        return Err("no-session-id, bad-session-id and made need operation create".to_owned());
    }
    if operation != Operation::Results && effect.action == FaultAction::UnknownStatus {
        return Err("unknown-status needs operation results".to_owned());
    }
    if operation == Operation::Start {
        check_start(effect)
    } else {
        check_call(effect)
    }
}

fn check_call(effect: &Effect) -> Result<(), String> {
    let is_on_stream = matches!(
        effect.action,
        FaultAction::Close(_)
            | FaultAction::WrongChecksum
            | FaultAction::NoConfig
            | FaultAction::UnknownChallenge
            | FaultAction::WrongRegion
    );
    if is_on_stream || effect.moment.is_some() {
        return Err(
            "close, wrong-crc, no-config, unknown-challenge, wrong-region, after and at-end need \
             operation start"
                .to_owned(),
        );
    }
    Ok(())
}

fn check_start(effect: &Effect) -> Result<(), String> {
    if matches!(effect.action, FaultAction::CutOff(_)) || effect.retry_after.is_some() {
        return Err("cut-off and retry-after need operation create or results".to_owned());
    }
    if let FaultAction::Error(error) = &effect.action
        && (error.header_code || error.namespace || error.no_message)
    {
        return Err(
            "header-code, namespace and no-message need operation create or results".to_owned(),
        );
    }
    let has_fixed_moment = matches!(
        effect.action,
        FaultAction::NonJson(..)
            | FaultAction::NoConfig
            | FaultAction::UnknownChallenge
            | FaultAction::WrongRegion
    );
    if has_fixed_moment && effect.moment.is_some() {
        return Err(
            "html, xml, empty, status, no-config and unknown-challenge take no moment".to_owned(),
        );
    }
    Ok(())
}
