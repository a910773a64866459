//! Checks the files that a configuration names: they can be read, certificates match
//! their keys and have not expired, and keys have a valid length.

use std::path::Path;

use super::{CheckOutcome, about};
use crate::app::{key_file, token_keys};
use crate::auth::{AuthSettings, JwksSource};
use crate::config::Config;
use crate::transport::{Tls, TlsSettings};

/// Opens each file that `config` names for reading. It blocks.
#[must_use]
pub fn check_files(config: &Config) -> Vec<CheckOutcome> {
    let mut outcomes = Vec::new();
    outcomes.extend(config.grpc.tls.as_ref().map(check_tls));
    let keys = &config.results.token_key_files;
    if !keys.is_empty() {
        let loaded = token_keys::load(&config.results);
        let found = format!("results.token_key_files = {keys:?}: valid keys");
        outcomes.push(loaded.map(|_| found).map_err(|error| error.to_string()));
    }
    if let Some(path) = &config.audit.digest_key_file {
        let key = key_file::read("audit.digest_key_file", path);
        let found = format!("{}: a valid key", setting("audit.digest_key_file", path));
        outcomes.push(key.map(|_| found).map_err(|error| error.to_string()));
    }
    let store = &config.store;
    let others = [
        ("store.password_file", store.password_file.as_deref()),
        ("store.ca_file", store.tls.ca_file.as_deref()),
        ("store.certificate", store.tls.certificate.as_deref()),
        ("store.key", store.tls.key.as_deref()),
        ("traces.headers_file", config.traces.headers_file.as_deref()),
    ];
    for (key, path) in readable_files(&config.auth).into_iter().chain(others) {
        outcomes.extend(path.map(|path| about(&setting(key, path), check_readable(path))));
    }
    outcomes
}

fn setting(key: &str, path: &Path) -> String {
    format!("{key} = \"{}\"", path.display())
}

fn check_tls(settings: &TlsSettings) -> CheckOutcome {
    let expiry = Tls::check(settings).map_err(|error| error.to_string())?;
    let certificate = setting("grpc.tls.certificate", &settings.certificate);
    Ok(format!(
        "{certificate}: matches its key, expires at {expiry}"
    ))
}

fn readable_files(auth: &AuthSettings) -> Vec<(&'static str, Option<&Path>)> {
    match auth.jwt.as_ref().map(|jwt| &jwt.source) {
        Some(JwksSource::File(path)) => vec![("auth.jwt.jwks_file", Some(path))],
        Some(JwksSource::Url {
            ca_file,
            token_file,
            ..
        }) => vec![
            ("auth.jwt.jwks_ca_file", ca_file.as_deref()),
            ("auth.jwt.jwks_token_file", token_file.as_deref()),
        ],
        None => Vec::new(),
    }
}

fn check_readable(path: &Path) -> CheckOutcome {
    let content = std::fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
    match content.iter().all(u8::is_ascii_whitespace) {
        true => Err("is empty".to_owned()),
        false => Ok("can be read".to_owned()),
    }
}
