//! The settings of authentication.

use std::path::PathBuf;
use std::time::Duration;

use http::Uri;
use ipnet::IpNet;

use super::algorithm::TokenAlgorithm;
use super::mode::AuthMode;

/// How callers are authenticated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthSettings {
    /// The credentials that count.
    pub mode: AuthMode,
    /// The networks that are trusted besides loopback in the mode `trusted-header`.
    pub trusted_proxies: Vec<IpNet>,
    /// The tokens that are accepted. If unset, modes with tokens refuse every call.
    pub jwt: Option<JwtSettings>,
}

/// Which tokens are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtSettings {
    /// The required `iss`.
    pub issuer: String,
    /// The audience that `aud` must contain.
    pub audience: String,
    /// The source of the JWKS.
    pub source: JwksSource,
    /// The accepted signature algorithms.
    pub algorithms: Vec<TokenAlgorithm>,
    /// The tolerated clock skew between the issuer and this host, 0 s to 5 min.
    pub leeway: Duration,
    /// The interval between fetches of a URL, 10 s to 1 day.
    pub refresh_interval: Duration,
}

/// The source of the keys that verify tokens: a JSON Web Key Set (JWKS).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwksSource {
    /// A file, read every second.
    File(PathBuf),
    /// A URL.
    Url {
        /// `https`, or `http` on loopback.
        url: Uri,
        /// The trusted root certificates; unset: the system's.
        ca_file: Option<PathBuf>,
        /// A file with the bearer token to send with each fetch.
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
