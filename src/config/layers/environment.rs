//! The environment: `LIVEGATE_QUOTA__CREATE__BURST=9` is `quota.create.burst`.
//!
//! `LIVEGATE_` is in upper case; after it, two underscores part the segments and
//! case does not matter. A caller's name takes the case of the caller that the
//! file names, and is in lower case where the file names none: beside
//! `[callers.Payments]`, `LIVEGATE_CALLERS__PAYMENTS__WEIGHT=3` is its weight.

use std::collections::BTreeMap;

use super::{LayerEntry, Layers};
use crate::config::error::{ConfigError, Source};
use crate::config::key_path::{KeyPath, PREFIX};

/// Variables that begin with `LIVEGATE_` and are read by others: the filter of
/// the log, and the binary that tests run.
const NOT_SETTINGS: &[&str] = &["LIVEGATE_LOG", "LIVEGATE_BIN"];

/// Reads those of `variables` that are settings into `layers`.
pub(super) fn read(variables: &[(String, String)], layers: &mut Layers) {
    let mut settings: BTreeMap<KeyPath, (&str, &str)> = BTreeMap::new();
    for (name, value) in variables {
        let Some(path) = name.strip_prefix(PREFIX) else {
            continue;
        };
        if NOT_SETTINGS.contains(&name.as_str()) || is_service_link(path, value) {
            continue;
        }
        let key = spelled_as_in(layers, path);
        if let Some((first, _)) = settings.insert(key.clone(), (name, value)) {
            let problem = format!("is set by {first} too: only one of the two may be");
            let source = Source::Variable(name.clone());
            layers
                .errors
                .push(ConfigError::of_setting(source, key.to_string(), problem));
        }
    }
    for (key, (name, value)) in settings {
        layers.push(LayerEntry::untyped(
            key,
            value,
            Source::Variable(name.to_owned()),
        ));
    }
}

/// The key of a variable, a caller's name as the file spells it.
fn spelled_as_in(layers: &Layers, path: &str) -> KeyPath {
    let mut segments: Vec<String> = path.split("__").map(str::to_ascii_lowercase).collect();
    if let [section, caller, _, ..] = segments.as_mut_slice()
        && section == "callers"
    {
        let names = layers
            .entries()
            .iter()
            .filter_map(|entry| match entry.key.segments() {
                [section, name, ..] if section == "callers" => Some(name),
                _ => None,
            });
        let named = names
            .into_iter()
            .find(|name| name.eq_ignore_ascii_case(caller));
        if let Some(name) = named {
            caller.clone_from(name);
        }
    }
    KeyPath::new(segments)
}

/// Whether Kubernetes set the variable. Where a Service is named `livegate` or
/// `livegate-...`, every pod of the namespace is given `LIVEGATE_SERVICE_HOST`,
/// `LIVEGATE_PORT=tcp://10.0.0.1:80` and a dozen more. No setting looks like
/// them, because a setting has two underscores.
/// Source: the Kubernetes documentation, "Discovering services".
fn is_service_link(path: &str, value: &str) -> bool {
    if path.contains("__") {
        return false;
    }
    let path = format!("_{path}");
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_one_port = |rest: &str| {
        let mut parts = rest.split('_');
        let starts = parts.next().is_some_and(is_number)
            && parts
                .next()
                .is_some_and(|protocol| ["TCP", "UDP", "SCTP"].contains(&protocol));
        let ends = parts
            .next()
            .is_none_or(|part| ["ADDR", "PORT", "PROTO"].contains(&part));
        starts && ends && parts.next().is_none()
    };
    path.ends_with("_SERVICE_HOST")
        || path.ends_with("_SERVICE_PORT")
        || path.contains("_SERVICE_PORT_")
        || (path.ends_with("_PORT") && value.contains("://"))
        || path
            .rsplit_once("_PORT_")
            .is_some_and(|(_, rest)| is_one_port(rest))
        || path
            .split_once("_PORT_")
            .is_some_and(|(_, rest)| is_one_port(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_kubernetes_sets_for_a_service_of_our_name_is_no_setting() {
        for (path, value) in [
            ("SERVICE_HOST", "10.0.0.1"),
            ("SERVICE_PORT", "50051"),
            ("SERVICE_PORT_GRPC", "50051"),
            ("PORT", "tcp://10.0.0.1:50051"),
            ("PORT_50051_TCP", "tcp://10.0.0.1:50051"),
            ("PORT_50051_TCP_ADDR", "10.0.0.1"),
            ("PORT_50051_TCP_PORT", "50051"),
            ("PORT_50051_TCP_PROTO", "tcp"),
            ("ADMIN_SERVICE_HOST", "10.0.0.2"),
            ("ADMIN_PORT_9464_TCP_ADDR", "10.0.0.2"),
        ] {
            assert!(is_service_link(path, value), "{path}");
        }
    }

    #[test]
    fn a_misspelt_setting_is_not_taken_for_one_of_kubernetes() {
        for path in [
            "PORT",
            "GRPC_LISTEN",
            "PORT_X_TCP",
            "GRPC__SERVICE_HOST",
            "SERVICE",
        ] {
            assert!(!is_service_link(path, "1"), "{path}");
        }
    }
}
