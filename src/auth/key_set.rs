//! The public keys that verify tokens, parsed from a JSON Web Key Set ([RFC 7517]).
//!
//! Keys that cannot verify a token are skipped: symmetric keys, keys with another
//! purpose by `use` or `key_ops` (RFC 7517, 4.2 and 4.3), keys without a `kid`, and
//! keys of an unknown type. For example, a set of an RSA key `a`, a P-256 key `b`, a
//! symmetric key `c` and a key `d` with `"key_ops": ["encrypt"]` has two usable keys.
//!
//! [RFC 7517]: https://www.rfc-editor.org/rfc/rfc7517

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, CommonParameters, Jwk, KeyOperations, PublicKeyUse};
use serde::Deserialize;

use super::algorithm::TokenAlgorithm;

/// The usable keys of one JWKS document.
#[derive(derive_more::Debug)]
#[debug("KeySet({} keys)", _0.len())]
pub(super) struct KeySet(Vec<VerificationKey>);

/// One public key.
pub(super) struct VerificationKey {
    kid: String,
    jwk: Jwk,
    pub(super) decoding_key: DecodingKey,
}

/// The document is not a JWKS, or has no usable key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a JSON Web Key Set with at least one usable public key that has a kid")]
pub(super) struct NoUsableKey;

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

impl KeySet {
    pub(super) fn parse(json: &[u8]) -> Result<Self, NoUsableKey> {
        let document: Document = serde_json::from_slice(json).map_err(|_| NoUsableKey)?;
        let keys: Vec<VerificationKey> = document.keys.into_iter().filter_map(usable).collect();
        if keys.is_empty() {
            return Err(NoUsableKey);
        }
        Ok(Self(keys))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether a key has this `kid`.
    pub(super) fn contains(&self, kid: &str) -> bool {
        self.0.iter().any(|key| key.kid == kid)
    }

    /// Returns the key with this `kid` that fits `algorithm`.
    pub(super) fn find(&self, kid: &str, algorithm: TokenAlgorithm) -> Option<&VerificationKey> {
        let mut with_kid = self.0.iter().filter(|key| key.kid == kid);
        with_kid.find(|key| algorithm.fits(&key.jwk))
    }
}

/// Parses one key; `None` if it cannot verify a token.
fn usable(json: serde_json::Value) -> Option<VerificationKey> {
    let jwk: Jwk = serde_json::from_value(json).ok()?;
    let is_public = !matches!(
        jwk.algorithm,
        AlgorithmParameters::OctetKey(_) | AlgorithmParameters::Other(_)
    );
    let decoding_key = DecodingKey::from_jwk(&jwk).ok()?;
    let kid = jwk.common.key_id.clone()?;
    (is_public && is_for_signatures(&jwk.common)).then_some(VerificationKey {
        kid,
        jwk,
        decoding_key,
    })
}

/// Whether `use` and `key_ops` allow to verify signatures with the key. Both are
/// optional.
fn is_for_signatures(key: &CommonParameters) -> bool {
    let public_key_use = key.public_key_use.as_ref();
    let operations = key.key_operations.as_ref();
    public_key_use.is_none_or(|one| *one == PublicKeyUse::Signature)
        && operations.is_none_or(|all| all.contains(&KeyOperations::Verify))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(keys: &str) -> Result<KeySet, NoUsableKey> {
        KeySet::parse(format!("{{\"keys\": [{keys}]}}").as_bytes())
    }

    #[test]
    fn keys_that_cannot_verify_tokens_are_skipped() {
        let rsa = r#"{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"}"#;
        let unusable = [
            r#"{"kty":"oct","kid":"a","k":"AQAB"}"#,
            r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#,
            r#"{"kty":"RSA","kid":"a","use":"enc","n":"AQAB","e":"AQAB"}"#,
            r#"{"kty":"RSA","kid":"a","n":"!","e":"AQAB"}"#,
            r#"{"kty":"post-quantum","kid":"a","x":"AQAB"}"#,
            r#"{"kty":"OKP","crv":"X25519","kid":"a","x":"AQAB"}"#,
            r#"{"kty":"RSA","kid":"a","use":"tls","n":"AQAB","e":"AQAB"}"#,
            r#"{"kty":"RSA","kid":"a","key_ops":["encrypt"],"n":"AQAB","e":"AQAB"}"#,
            r#"{"kty":"RSA","kid":"a","key_ops":["sign"],"n":"AQAB","e":"AQAB"}"#,
            r#"{"kty":"RSA","kid":"a","key_ops":["Verify"],"n":"AQAB","e":"AQAB"}"#,
            r#"{"kty":"RSA","kid":"a","key_ops":[],"n":"AQAB","e":"AQAB"}"#,
            r#"{"kty":"RSA","kid":"a","key_ops":"verify","n":"AQAB","e":"AQAB"}"#,
            r#"{"kty":"RSA","kid":"a","use":"enc","key_ops":["verify"],"n":"AQAB","e":"AQAB"}"#,
            r#"{"kty":"RSA","kid":"a","use":"sig","key_ops":["wrapKey"],"n":"AQAB","e":"AQAB"}"#,
            "7",
        ];
        for key in unusable {
            assert_eq!(set(key).unwrap_err(), NoUsableKey, "{key}");
            let keys = set(&format!("{key},{rsa}")).expect("one usable key is enough");
            assert_eq!(keys.len(), 1, "{key}");
        }
        for invalid in ["", "[]", "{}", "{\"keys\": 7}", "<html>"] {
            assert_eq!(KeySet::parse(invalid.as_bytes()).unwrap_err(), NoUsableKey);
        }
    }

    #[test]
    fn a_key_whose_parameters_allow_to_verify_is_used() {
        for parameters in [
            "",
            r#""use":"sig","#,
            r#""key_ops":["verify"],"#,
            r#""key_ops":["sign","verify"],"#,
            r#""use":"sig","key_ops":["verify","made-up"],"#,
        ] {
            let key = format!(r#"{{"kty":"RSA","kid":"a",{parameters}"n":"AQAB","e":"AQAB"}}"#);
            assert_eq!(set(&key).map(|keys| keys.len()), Ok(1), "{parameters}");
        }
    }

    #[test]
    fn a_key_fits_only_the_algorithms_of_its_type_and_alg() {
        let any_rsa = set(r#"{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"}"#).unwrap();
        assert!(any_rsa.find("a", TokenAlgorithm::Rs256).is_some());
        assert!(any_rsa.find("a", TokenAlgorithm::Ps512).is_some());
        assert!(any_rsa.find("a", TokenAlgorithm::Es256).is_none());
        assert!(any_rsa.find("b", TokenAlgorithm::Rs256).is_none());
        let rs512 = set(r#"{"kty":"RSA","kid":"a","alg":"RS512","n":"AQAB","e":"AQAB"}"#).unwrap();
        assert!(rs512.find("a", TokenAlgorithm::Rs512).is_some());
        assert!(rs512.find("a", TokenAlgorithm::Rs256).is_none());
        let p384 = set(r#"{"kty":"EC","crv":"P-384","kid":"a","x":"AQAB","y":"AQAB"}"#).unwrap();
        assert!(p384.find("a", TokenAlgorithm::Es384).is_some());
        assert!(p384.find("a", TokenAlgorithm::Es256).is_none());
    }
}
