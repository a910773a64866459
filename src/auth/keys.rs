//! The keys that sign tokens, as a JSON Web VerificationKey Set holds them.
//!
//! Keys that cannot have signed a token of ours are passed over: secrets, keys that
//! are for something else by their `use` or their `key_ops` (RFC 7517, 4.2 and 4.3),
//! keys without a name or of a kind that we do not know. An example: a set of an RSA
//! key `a`, a P-256 key `b`, a secret `c` and a key `d` with `"key_ops": ["encrypt"]`
//! has two keys for us.

use std::fmt;

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, CommonParameters, Jwk, KeyOperations, PublicKeyUse};
use serde::Deserialize;

use super::algorithm::TokenAlgorithm;

/// The keys of one reading.
pub(super) struct KeySet(Vec<VerificationKey>);

/// One key.
pub(super) struct VerificationKey {
    name: String,
    jwk: Jwk,
    pub(super) verifying: DecodingKey,
}

/// What was read is no set, or has no key for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no JSON Web VerificationKey Set with a public key that can be used and has a kid")]
pub(super) struct Unusable;

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

impl KeySet {
    /// Reads `json`.
    pub(super) fn parse(json: &[u8]) -> Result<Self, Unusable> {
        let document: Document = serde_json::from_slice(json).map_err(|_| Unusable)?;
        let keys: Vec<VerificationKey> = document.keys.into_iter().filter_map(key).collect();
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
    pub(super) fn find(&self, name: &str, algorithm: TokenAlgorithm) -> Option<&VerificationKey> {
        let mut named = self.0.iter().filter(|key| key.name == name);
        named.find(|key| algorithm.fits(&key.jwk))
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeySet({} keys)", self.0.len())
    }
}

fn key(json: serde_json::Value) -> Option<VerificationKey> {
    let jwk: Jwk = serde_json::from_value(json).ok()?;
    let is_public = !matches!(
        jwk.algorithm,
        AlgorithmParameters::OctetKey(_) | AlgorithmParameters::Other(_)
    );
    let verifying = DecodingKey::from_jwk(&jwk).ok()?;
    let name = jwk.common.key_id.clone()?;
    (is_public && is_for_signatures(&jwk.common)).then_some(VerificationKey {
        name,
        jwk,
        verifying,
    })
}

/// Whether whoever made the key lets signatures be verified with it. Both parameters
/// may be left out; each that is there must say so.
fn is_for_signatures(key: &CommonParameters) -> bool {
    let used = key.public_key_use.as_ref();
    let operations = key.key_operations.as_ref();
    used.is_none_or(|used| *used == PublicKeyUse::Signature)
        && operations.is_none_or(|all| all.contains(&KeyOperations::Verify))
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
    fn a_key_that_is_there_to_verify_with_is_used() {
        for says in [
            "",
            r#""use":"sig","#,
            r#""key_ops":["verify"],"#,
            r#""key_ops":["sign","verify"],"#,
            r#""use":"sig","key_ops":["verify","made-up"],"#,
        ] {
            let key = format!(r#"{{"kty":"RSA","kid":"a",{says}"n":"AQAB","e":"AQAB"}}"#);
            assert_eq!(set(&key).map(|keys| keys.len()), Ok(1), "{says}");
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
