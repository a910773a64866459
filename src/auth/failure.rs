//! Why a caller is not known: one fixed text and one label each.
//!
//! The text helps whoever holds the right token and has configured it wrongly. It
//! repeats nothing of what was presented, and a signature that does not fit reads
//! like a key that nobody knows.

/// Why the caller is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAuthenticated {
    /// The key that names the caller is not there.
    #[error("the metadata key livegate-caller is missing")]
    CallerMissing,
    /// What is there is no name.
    #[error("the metadata key livegate-caller must be 1 to 128 printable ASCII characters")]
    CallerMalformed,
    /// The peer is neither on loopback nor listed, or its address is not known.
    #[error("the metadata key livegate-caller is not believed from this address")]
    PeerNotTrusted,
    /// The connection has no client certificate.
    #[error("a client certificate is required")]
    CertificateMissing,
    /// It is no X.509, or its names are not.
    #[error("the client certificate cannot be read")]
    CertificateUnreadable,
    /// It expired while the connection was open, or is not valid yet.
    #[error("the client certificate is not valid at this time")]
    CertificateOutsideValidity,
    /// It has no name that counts.
    #[error("the client certificate names nobody: it needs a SPIFFE ID, or a DNS name")]
    CertificateUnnamed,
    /// It has more than one.
    #[error("the client certificate has several names: it needs one SPIFFE ID, or one DNS name")]
    CertificateAmbiguous,
    /// Its SPIFFE ID is none.
    #[error(
        "the client certificate's SPIFFE ID must be a trust domain and a path, by the standard"
    )]
    CertificateSpiffeId,
    /// Its name is no name of a caller.
    #[error("the client certificate's name must be 1 to 128 characters, and no wildcard")]
    CertificateName,
    /// There is no token.
    #[error("the metadata key authorization is missing: it must hold a bearer token")]
    TokenMissing,
    /// There are several.
    #[error("the metadata key authorization must be there once")]
    TokenRepeated,
    /// There is too much of it.
    #[error("the token is too long: at most 8192 bytes")]
    TokenTooLong,
    /// It is no signed JSON Web Token.
    #[error("the metadata key authorization must hold \"Bearer \" and a signed JSON Web Token")]
    TokenMalformed,
    /// It was signed in a way that is not pinned, or that its key does not fit.
    #[error("the token is signed by an algorithm that is not accepted here")]
    TokenAlgorithm,
    /// No key was read yet.
    #[error("the keys that sign tokens are not known yet")]
    KeysMissing,
    /// None of the keys has its name.
    #[error("the token is not signed by a key that is known")]
    TokenKeyUnknown,
    /// The signature is another's.
    #[error("the token is not signed by a key that is known")]
    TokenSignature,
    /// A claim is not there, or has another form.
    #[error("the token must have the claims exp, nbf, iss, aud and sub")]
    TokenIncomplete,
    /// Somebody else issued it.
    #[error("the token is not of this issuer")]
    TokenIssuer,
    /// It is meant for somebody else.
    #[error("the token is not for this audience")]
    TokenAudience,
    /// It was good once.
    #[error("the token has expired")]
    TokenExpired,
    /// It will be good.
    #[error("the token is not valid yet")]
    TokenNotYetValid,
    /// Its subject is no name of a caller.
    #[error("the token's subject must be 1 to 128 printable ASCII characters")]
    TokenSubject,
}

impl NotAuthenticated {
    /// Its name in logs and metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::CallerMissing => "caller_missing",
            Self::CallerMalformed => "caller_malformed",
            Self::PeerNotTrusted => "peer_not_trusted",
            Self::CertificateMissing => "certificate_missing",
            Self::CertificateUnreadable => "certificate_unreadable",
            Self::CertificateOutsideValidity => "certificate_outside_validity",
            Self::CertificateUnnamed => "certificate_unnamed",
            Self::CertificateAmbiguous => "certificate_ambiguous",
            Self::CertificateSpiffeId => "certificate_spiffe_id",
            Self::CertificateName => "certificate_name",
            Self::TokenMissing => "token_missing",
            Self::TokenRepeated => "token_repeated",
            Self::TokenTooLong => "token_too_long",
            Self::TokenMalformed => "token_malformed",
            Self::TokenAlgorithm => "token_algorithm",
            Self::KeysMissing => "jwks_unavailable",
            Self::TokenKeyUnknown => "token_key_unknown",
            Self::TokenSignature => "token_signature",
            Self::TokenIncomplete => "token_incomplete",
            Self::TokenIssuer => "token_issuer",
            Self::TokenAudience => "token_audience",
            Self::TokenExpired => "token_expired",
            Self::TokenNotYetValid => "token_not_yet_valid",
            Self::TokenSubject => "token_subject",
        }
    }

    /// Whether newer keys may make it pass.
    pub(super) fn may_pass(self) -> bool {
        matches!(self, Self::KeysMissing | Self::TokenKeyUnknown)
    }
}
