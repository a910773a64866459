//! The keys that sign tokens, as a JSON Web Key Set holds them.
//!
//! Keys that cannot have signed a token of ours are passed over: secrets, keys for
//! encryption, keys without a name or of a kind that we do not know. An example: a
//! set of an RSA key `a`, a P-256 key `b` and a secret `c` has two keys for us.

use std::fmt;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, PublicKeyUse};
use serde::Deserialize;

use super::algorithm::TokenAlgorithm;

/// The keys of one reading.
pub(super) struct KeySet(Vec<Key>);

/// One key.
pub(super) struct Key {
    name: String,
    jwk: Jwk,
    pub(super) verifying: DecodingKey,
}

/// What was read is no set, or has no key for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no JSON Web Key Set with a public key that can be used and has a kid")]
pub(super) struct Unusable;

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

impl KeySet {
    /// Reads `json`.
    pub(super) fn parse(json: &[u8]) -> Result<Self, Unusable> {
        let document: Document = serde_json::from_slice(json).map_err(|_| Unusable)?;
        let keys: Vec<Key> = document.keys.into_iter().filter_map(key).collect();
        if keys.is_empty() {
            return Err(Unusable);
        }
        Ok(Self(keys))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether one is called `name`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|key| key.name == name)
    }

    /// The one called `name` that can have signed by `algorithm`.
    pub(super) fn find(&self, name: &str, algorithm: TokenAlgorithm) -> Option<&Key> {
        let mut named = self.0.iter().filter(|key| key.name == name);
        named.find(|key| algorithm.fits(&key.jwk))
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeySet({} keys)", self.0.len())
    }
}

fn key(json: serde_json::Value) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(json).ok()?;
    let is_public = !matches!(
        jwk.algorithm,
        AlgorithmParameters::OctetKey(_) | AlgorithmParameters::Other(_)
    );
    let signs = matches!(
        jwk.common.public_key_use,
        None | Some(PublicKeyUse::Signature)
    );
    let verifying = DecodingKey::from_jwk(&jwk).ok()?;
    let name = jwk.common.key_id.clone()?;
    (is_public && signs).then_some(Key {
        name,
        jwk,
        verifying,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(keys: &str) -> Result<KeySet, Unusable> {
        KeySet::parse(format!("{{\"keys\": [{keys}]}}").as_bytes())
    }

    #[test]
    fn keys_that_cannot_have_signed_are_passed_over() {
        let rsa = r#"{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"}"#;
        let strangers = [
            r#"{"kty":"oct","kid":"a","k":"AQAB"}"#,
            r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#,
            r#"{"kty":"RSA","kid":"a","use":"enc","n":"AQAB","e":"AQAB"}"#,
            r#"{"kty":"RSA","kid":"a","n":"!","e":"AQAB"}"#,
            r#"{"kty":"post-quantum","kid":"a","x":"AQAB"}"#,
            r#"{"kty":"OKP","crv":"X25519","kid":"a","x":"AQAB"}"#,
            "7",
        ];
        for stranger in strangers {
            assert_eq!(set(stranger).unwrap_err(), Unusable, "{stranger}");
            let keys = set(&format!("{stranger},{rsa}")).expect("one is enough");
            assert_eq!(keys.len(), 1, "{stranger}");
        }
        for wrong in ["", "[]", "{}", "{\"keys\": 7}", "<html>"] {
            assert_eq!(KeySet::parse(wrong.as_bytes()).unwrap_err(), Unusable);
        }
    }

    #[test]
    fn a_key_signs_only_by_what_it_is_made_for() {
        let free = set(r#"{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"}"#).unwrap();
        assert!(free.find("a", TokenAlgorithm::Rs256).is_some());
        assert!(free.find("a", TokenAlgorithm::Ps512).is_some());
        assert!(free.find("a", TokenAlgorithm::Es256).is_none());
        assert!(free.find("b", TokenAlgorithm::Rs256).is_none());
        let bound = set(r#"{"kty":"RSA","kid":"a","alg":"RS512","n":"AQAB","e":"AQAB"}"#).unwrap();
        assert!(bound.find("a", TokenAlgorithm::Rs512).is_some());
        assert!(bound.find("a", TokenAlgorithm::Rs256).is_none());
        let curve = set(r#"{"kty":"EC","crv":"P-384","kid":"a","x":"AQAB","y":"AQAB"}"#).unwrap();
        assert!(curve.find("a", TokenAlgorithm::Es384).is_some());
        assert!(curve.find("a", TokenAlgorithm::Es256).is_none());
    }
}
