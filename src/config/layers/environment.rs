//! The environment: `LIVEGATE_QUOTA__CREATE__BURST=9` sets `quota.create.burst`.
//!
//! After the upper-case prefix `LIVEGATE_`, two underscores separate the segments, and
//! case is ignored. A caller's name takes its spelling from the file, and is lower case
//! if the file does not name the caller: with `[callers.Payments]` in the file,
//! `LIVEGATE_CALLERS__PAYMENTS__WEIGHT=3` sets its weight.

use std::collections::BTreeMap;

use super::{LayerEntry, Layers};
use crate::config::error::{ConfigError, Source};
use crate::config::key_path::{KeyPath, PREFIX};

/// Variables with the prefix that are no settings: the log filter, and the binary
/// under test.
const NOT_SETTINGS: &[&str] = &["LIVEGATE_LOG", "LIVEGATE_BIN"];

/// Adds the settings among `variables` to `layers`.
pub(super) fn read(variables: &[(String, String)], layers: &mut Layers) {
    let mut settings: BTreeMap<KeyPath, (&str, &str)> = BTreeMap::new();
    for (name, value) in variables {
        let Some(path) = name.strip_prefix(PREFIX) else {
            continue;
        };
        if NOT_SETTINGS.contains(&name.as_str()) || is_service_link(path, value) {
            continue;
        }
        let key = key_of(path, layers);
        if let Some((first, _)) = settings.insert(key.clone(), (name, value)) {
            let problem = format!("is also set by {first}; unset one of the two variables");
            let source = Source::Variable(name.clone());
            let error = ConfigError::new(&source, Some(key.to_string()), problem);
            layers.errors.push(error);
        }
    }
    for (key, (name, value)) in settings {
        let source = Source::Variable(name.to_owned());
        layers.push(LayerEntry::untyped(key, value, source));
    }
}

/// Returns the key of a variable. A caller's name is spelled as in the file.
fn key_of(path: &str, layers: &Layers) -> KeyPath {
    let mut segments: Vec<String> = path.split("__").map(str::to_ascii_lowercase).collect();
    if let [section, caller, _, ..] = segments.as_mut_slice()
        && section == "callers"
    {
        let mut keys = layers.entries().iter().map(|entry| entry.key.segments());
        let in_file = |key: &&[String]| matches!(*key, [section, name, ..] if section == "callers" && name.eq_ignore_ascii_case(caller));
        if let Some([_, name, ..]) = keys.find(in_file) {
            caller.clone_from(name);
        }
    }
    KeyPath::new(segments)
}

/// Returns whether Kubernetes set the variable. For a Service named `livegate` or
/// `livegate-...`, every pod in the namespace gets `LIVEGATE_SERVICE_HOST`,
/// `LIVEGATE_PORT=tcp://10.0.0.1:80` and a dozen more. They cannot be settings, which
/// have two underscores.
/// Source: <https://kubernetes.io/docs/concepts/services-networking/service/#discovering-services>.
fn is_service_link(path: &str, value: &str) -> bool {
    let parts: Vec<&str> = path.split('_').collect();
    let is_port = |parts: &[&str]| {
        let is_number = parts[1].bytes().all(|byte| byte.is_ascii_digit());
        parts[0] == "PORT" && is_number && ["TCP", "UDP", "SCTP"].contains(&parts[2])
    };
    let names_service = parts.ends_with(&["SERVICE", "HOST"])
        || parts.windows(2).any(|parts| parts == ["SERVICE", "PORT"])
        || (parts.ends_with(&["PORT"]) && value.contains("://"))
        || parts.windows(3).any(is_port);
    names_service && !path.contains("__")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_variables_of_kubernetes_are_not_settings() {
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
    fn a_misspelled_setting_is_not_a_service_variable() {
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
