//! The authentication modes.
//!
//! For example, with `mode = "mtls+jwt"` a call needs a client certificate and a token,
//! and [`AuthMode::is_authenticated`] is true; with `trusted-header` it is false.

/// How callers are authenticated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthMode {
    /// Not at all: every caller is the same anonymous one.
    #[default]
    None,
    /// By the metadata key `livegate-caller`, trusted from loopback and from listed
    /// proxies.
    TrustedHeader,
    /// By the metadata key `livegate-caller` from any peer; a call without it is
    /// anonymous. For the demo: no configuration can select this mode.
    OptionalHeader,
    /// By client certificate.
    Mtls,
    /// By signed token.
    Jwt,
    /// By signed token, on a connection with a client certificate.
    MtlsJwt,
}

impl AuthMode {
    /// Whether every caller has proved its identity.
    #[must_use]
    pub fn is_authenticated(self) -> bool {
        self.requires_certificate() || self.requires_token()
    }

    /// Whether a call needs a client certificate.
    #[must_use]
    pub fn requires_certificate(self) -> bool {
        matches!(self, Self::Mtls | Self::MtlsJwt)
    }

    /// Whether a call needs a token.
    #[must_use]
    pub fn requires_token(self) -> bool {
        matches!(self, Self::Jwt | Self::MtlsJwt)
    }
}
