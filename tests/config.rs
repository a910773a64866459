//! The configuration from the outside: files, variables and `--set` in, settings or
//! errors out.

#[path = "config/callers.rs"]
mod callers;
#[path = "config/conflicts.rs"]
mod conflicts;
#[path = "config/layers.rs"]
mod layers;
#[path = "config/permissions.rs"]
mod permissions;
#[path = "config/printing.rs"]
mod printing;
#[path = "config/properties.rs"]
mod properties;
#[path = "config/secrets.rs"]
mod secrets;
#[path = "config/tokens.rs"]
mod tokens;
#[path = "config/values.rs"]
mod values;

use std::path::Path;

use livegate::config::{Config, Loaded, Sources};

/// The settings that a mode with tokens requires.
const JWT: &str = "auth.jwt.issuer = \"i\"\nauth.jwt.audience = \"a\"\nauth.jwt.jwks_file = \"/j\"";

fn sources(environment: &[(&str, &str)], set: &[&str]) -> Sources {
    let variables = environment
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()));
    Sources {
        file: None,
        environment: variables.collect(),
        set: set.iter().map(ToString::to_string).collect(),
    }
}

fn errors_of(sources: &Sources) -> Vec<String> {
    let errors = Config::load(sources).expect_err("these sources are invalid");
    errors.iter().map(ToString::to_string).collect()
}

fn errors_in(text: &str) -> Vec<String> {
    let errors = Config::from_text(text).expect_err("this text is invalid");
    errors.iter().map(ToString::to_string).collect()
}

fn from(text: &str) -> Loaded {
    Config::from_text(text).expect("this text is valid")
}

fn in_a_file(text: impl AsRef<[u8]>, act: impl FnOnce(&Path)) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("livegate.toml");
    std::fs::write(&path, text).expect("a file");
    act(&path);
}
