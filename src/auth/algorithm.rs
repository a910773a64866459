//! The signature algorithms for tokens ([RFC 7518], 3.1). All use a private key; a
//! symmetric algorithm would need its secret here too.
//!
//! For example, `RS256` fits RSA keys and `ES256` keys on P-256; a key with
//! `"alg": "RS512"` fits only `RS512`.
//!
//! [RFC 7518]: https://www.rfc-editor.org/rfc/rfc7518

use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm};

/// A signature algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Ed25519.
    EdDsa,
}

impl TokenAlgorithm {
    /// Every algorithm with its name in the header `alg`.
    pub const ALL: [(&'static str, Self); 9] = [
        ("RS256", Self::Rs256),
        ("RS384", Self::Rs384),
        ("RS512", Self::Rs512),
        ("PS256", Self::Ps256),
        ("PS384", Self::Ps384),
        ("PS512", Self::Ps512),
        ("ES256", Self::Es256),
        ("ES384", Self::Es384),
        ("EdDSA", Self::EdDsa),
    ];

    /// Returns the algorithm with this `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(one, _)| *one == name);
        found.map(|(_, algorithm)| *algorithm)
    }

    /// Returns the name in the header `alg`.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, one)| *one == self);
        found.map_or("", |(name, _)| name)
    }

    pub(super) fn to_library(self) -> Algorithm {
        match self {
            Self::Rs256 => Algorithm::RS256,
            Self::Rs384 => Algorithm::RS384,
            Self::Rs512 => Algorithm::RS512,
            Self::Ps256 => Algorithm::PS256,
            Self::Ps384 => Algorithm::PS384,
            Self::Ps512 => Algorithm::PS512,
            Self::Es256 => Algorithm::ES256,
            Self::Es384 => Algorithm::ES384,
            Self::EdDsa => Algorithm::EdDSA,
        }
    }

    /// Whether `key` can have made a signature by this algorithm.
    pub(super) fn fits(self, key: &Jwk) -> bool {
        let expected = KeyAlgorithm::from(self.to_library());
        if key.common.key_algorithm.is_some_and(|one| one != expected) {
            return false;
        }
        match &key.algorithm {
            AlgorithmParameters::RSA(_) => !matches!(self, Self::Es256 | Self::Es384 | Self::EdDsa),
            AlgorithmParameters::EllipticCurve(key) => match self {
                Self::Es256 => key.curve == EllipticCurve::P256,
                Self::Es384 => key.curve == EllipticCurve::P384,
                _ => false,
            },
            AlgorithmParameters::OctetKeyPair(key) => {
                self == Self::EdDsa && key.curve == EllipticCurve::Ed25519
            }
            _ => false,
        }
    }
}
