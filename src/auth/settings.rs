//! What identity goes by.
//!
//! An example: the mode `trusted-header` and one trusted network, `10.0.0.0/8`; no
//! tokens, so `jwt` is `None`.

use std::path::PathBuf;
use std::time::Duration;

use http::Uri;
use ipnet::IpNet;

use super::algorithm::TokenAlgorithm;
use super::mode::AuthMode;

/// How callers are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthSettings {
    /// What counts.
    pub mode: AuthMode,
    /// Who, besides loopback, is believed in the mode `trusted-header`.
    pub trusted_proxies: Vec<IpNet>,
    /// Which tokens count. The modes with tokens let nobody in without it.
    pub jwt: Option<JwtSettings>,
}

/// Which tokens count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtSettings {
    /// Who must have issued them: their `iss`.
    pub issuer: String,
    /// For whom they must be: one of their `aud`.
    pub audience: String,
    /// Where the keys are.
    pub source: JwksSource,
    /// How they may be signed.
    pub algorithms: Vec<TokenAlgorithm>,
    /// How far the issuer's clock and ours may be apart, 0 s to 5 min.
    pub leeway: Duration,
    /// How often a URL is fetched, 10 s to 1 day.
    pub refresh_interval: Duration,
}

/// Where the keys of tokens are: a JSON Web Key Set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwksSource {
    /// In a file, which is read each second.
    File(PathBuf),
    /// At a URL.
    Url {
        /// `https`, or `http` on loopback.
        url: Uri,
        /// The roots of its certificate; unset: the system's.
        ca_file: Option<PathBuf>,
        /// What is sent as a bearer token with each fetch.
        token_file: Option<PathBuf>,
    },
}

impl From<AuthMode> for AuthSettings {
    fn from(mode: AuthMode) -> Self {
        Self {
            mode,
            ..Self::default()
        }
    }
}
