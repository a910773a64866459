//! The signature algorithms for tokens ([RFC 7518], 3.1). All use a private key; a
//! symmetric algorithm would need its secret here too.
//!
//! For example, `RS256` fits RSA keys and `ES256` keys on P-256; a key with
//! `"alg": "RS512"` fits only `RS512`.
//!
//! [RFC 7518]: https://www.rfc-editor.org/rfc/rfc7518

use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm};

/// A signature algorithm, with its name in the header `alg`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr, strum::VariantArray,
)]
#[strum(serialize_all = "UPPERCASE")]
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
    #[strum(serialize = "EdDSA")]
    EdDsa,
}

impl TokenAlgorithm {
    /// Returns the algorithm with this `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        name.parse().ok()
    }

    /// Returns the name in the header `alg`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    pub(super) fn to_library(self) -> Algorithm {
        let named = self.name().parse();
        named.expect("the library has every algorithm under this name")
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
