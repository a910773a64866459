//! Why a caller is not authenticated: one fixed text and one metric label for each
//! reason.
//!
//! The text is meant to help a legitimate caller with a wrong configuration. It repeats
//! nothing that was presented, and an invalid signature gives the same text as an
//! unknown key.

use std::time::Duration;

/// Why a caller is not authenticated. The name in logs and metrics is the variant's in
/// snake case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum NotAuthenticated {
    /// The metadata key that names the caller is missing.
    #[error("the metadata key livegate-caller is missing")]
    CallerMissing,
    /// The metadata key does not hold one valid caller name.
    #[error(
        "the metadata key livegate-caller must be 1 to 128 printable ASCII characters and not _overflow"
    )]
    CallerMalformed,
    /// The peer is neither on loopback nor a listed proxy, or its address is unknown.
    #[error("the metadata key livegate-caller is not trusted from this address")]
    PeerNotTrusted,
    /// The connection has no client certificate.
    #[error("a client certificate is required")]
    CertificateMissing,
    /// The certificate or its names cannot be parsed as X.509.
    #[error("the client certificate cannot be parsed")]
    CertificateUnreadable,
    /// The certificate is not valid yet, or expired while the connection was open.
    #[error("the client certificate has expired or is not valid yet")]
    CertificateOutsideValidity,
    /// The certificate has neither a SPIFFE ID nor a DNS name.
    #[error("the client certificate has no SPIFFE ID and no DNS name")]
    CertificateUnnamed,
    /// The certificate has several names of the kind that counts.
    #[error("the client certificate has several names: it must have one SPIFFE ID or one DNS name")]
    CertificateAmbiguous,
    /// The SPIFFE ID of the certificate is invalid.
    #[error("the client certificate's SPIFFE ID must have a trust domain and a path")]
    CertificateSpiffeId,
    /// The name in the certificate is not a valid caller name.
    #[error(
        "the client certificate's name must be 1 to 128 characters, not a wildcard and not _overflow"
    )]
    CertificateName,
    /// There is no token.
    #[error("the metadata key authorization is missing: a bearer token is required")]
    TokenMissing,
    /// There are several tokens.
    #[error("the metadata key authorization must not be repeated")]
    TokenRepeated,
    /// The token exceeds the length limit.
    #[error("the token must be at most 8192 bytes")]
    TokenTooLong,
    /// The value is not a signed JSON Web Token.
    #[error("the metadata key authorization must hold \"Bearer \" and a signed JSON Web Token")]
    TokenMalformed,
    /// The token's algorithm is not configured, or does not fit its key.
    #[error("the token's signature algorithm is not accepted")]
    TokenAlgorithm,
    /// No keys have been loaded yet.
    #[error("the keys that verify tokens (JWKS) are not available yet")]
    JwksUnavailable,
    /// No key has the ID that the token names, but the keys have not been read since it was
    /// presented. They can be read again after this delay.
    #[error("the token's key is not known yet, because the keys (JWKS) were read before it")]
    TokenKeyPending(Duration),
    /// No key has the ID that the token names.
    #[error("the token is not signed by a known key")]
    TokenKeyUnknown,
    /// The signature is invalid.
    #[error("the token is not signed by a known key")]
    TokenSignature,
    /// A claim is missing or has the wrong type.
    #[error("the token must have the claims exp, iss, aud and sub")]
    TokenIncomplete,
    /// The claim `iss` names another issuer.
    #[error("the token's issuer (iss) is not accepted")]
    TokenIssuer,
    /// The claim `aud` does not contain our audience.
    #[error("the token's audience (aud) does not include this service")]
    TokenAudience,
    /// The claim `exp` is in the past.
    #[error("the token has expired")]
    TokenExpired,
    /// The claim `nbf` is in the future.
    #[error("the token is not valid yet")]
    TokenNotYetValid,
    /// The claim `sub` is not a valid caller name.
    #[error(
        "the token's subject (sub) must be 1 to 128 printable ASCII characters and not _overflow"
    )]
    TokenSubject,
}

/// The retry delay before any keys are loaded.
const FIRST_KEYS_DELAY: Duration = Duration::from_secs(1);

impl NotAuthenticated {
    /// Returns when to retry, if the same credentials may be accepted later.
    #[must_use]
    pub fn retry_after(self) -> Option<Duration> {
        match self {
            Self::JwksUnavailable => Some(FIRST_KEYS_DELAY),
            Self::TokenKeyPending(delay) => Some(delay),
            _ => None,
        }
    }

    /// Whether the token may be valid with newer keys.
    pub(super) fn needs_new_keys(self) -> bool {
        matches!(self, Self::JwksUnavailable | Self::TokenKeyUnknown)
    }
}
