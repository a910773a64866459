//! What counts as knowing who calls.
//!
//! An example: with `mode = "mtls+jwt"` a call needs a client certificate and a
//! token, and [`AuthMode::is_authenticated`] is true; with `trusted-header` it is false.

/// How Livegate knows who calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthMode {
    /// It does not ask: everyone is one anonymous caller.
    #[default]
    None,
    /// The metadata key `livegate-caller` says so, and is believed of peers on
    /// loopback and of those that are listed.
    TrustedHeader,
    /// The metadata key says so, of whatever peer; whoever does not say so is
    /// anonymous: for a demonstration. No configuration can name it.
    OptionalHeader,
    /// The client certificate says so.
    Mtls,
    /// A signed token says so.
    Jwt,
    /// A signed token says so, over a connection with a client certificate.
    MtlsJwt,
}

impl AuthMode {
    /// Whether every caller has proved who it is.
    #[must_use]
    pub fn is_authenticated(self) -> bool {
        self.takes_certificates() || self.takes_tokens()
    }

    /// Whether a call needs a client certificate.
    #[must_use]
    pub fn takes_certificates(self) -> bool {
        matches!(self, Self::Mtls | Self::MtlsJwt)
    }

    /// Whether a call needs a token.
    #[must_use]
    pub fn takes_tokens(self) -> bool {
        matches!(self, Self::Jwt | Self::MtlsJwt)
    }
}
