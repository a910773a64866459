//! The public keys that verify tokens, parsed from a JSON Web Key Set ([RFC 7517]).
//!
//! Keys that cannot verify a token are skipped and reported: symmetric keys, keys with another
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
#[debug("KeySet({} keys)", keys.len())]
pub(super) struct KeySet {
    keys: Vec<VerificationKey>,
    pub(super) skipped: Vec<SkippedKey>,
}

/// One public key.
pub(super) struct VerificationKey {
    kid: String,
    jwk: Jwk,
    pub(super) decoding_key: DecodingKey,
}

/// A key that cannot verify tokens.
pub(super) struct SkippedKey {
    /// The key's `kid`, or its position in the document.
    pub(super) key: String,
    pub(super) problem: &'static str,
}

/// The document is not a JWKS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a JSON Web Key Set: a JSON object with the array \"keys\"")]
pub(super) struct NoKeySet;

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

impl KeySet {
    pub(super) fn parse(json: &[u8]) -> Result<Self, NoKeySet> {
        let document: Document = serde_json::from_slice(json).map_err(|_| NoKeySet)?;
        let (mut keys, mut skipped) = (Vec::new(), Vec::new());
        for (index, json) in document.keys.into_iter().enumerate() {
            let kid = json.get("kid").and_then(serde_json::Value::as_str);
            let key = kid.map_or_else(|| format!("keys[{index}]"), shown);
            match usable(json) {
                Ok(usable) => keys.push(usable),
                Err(problem) => skipped.push(SkippedKey { key, problem }),
            }
        }
        Ok(Self { keys, skipped })
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether a key has this `kid`.
    pub(super) fn contains(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid == kid)
    }

    /// Returns the keys with this `kid` that fit `algorithm`. An issuer may use one `kid`
    /// for two keys.
    pub(super) fn find(
        &self,
        kid: &str,
        algorithm: TokenAlgorithm,
    ) -> impl Iterator<Item = &VerificationKey> {
        let with_kid = self.keys.iter().filter(move |key| key.kid == kid);
        with_kid.filter(move |key| algorithm.fits(&key.jwk))
    }
}

/// Parses one key, or returns why it cannot verify a token.
fn usable(json: serde_json::Value) -> Result<VerificationKey, &'static str> {
    let jwk: Jwk = serde_json::from_value(json).map_err(|_| "its type is not supported")?;
    if let AlgorithmParameters::OctetKey(_) | AlgorithmParameters::Other(_) = jwk.algorithm {
        return Err("it is not a public key of a supported type");
    }
    let kid = jwk.common.key_id.clone().ok_or("it has no kid")?;
    if !is_for_signatures(&jwk.common) {
        return Err("use or key_ops does not allow it to verify signatures");
    }
    let decoding_key = DecodingKey::from_jwk(&jwk).map_err(|_| "its parameters are invalid")?;
    Ok(VerificationKey {
        kid,
        jwk,
        decoding_key,
    })
}

/// Whether `use` and `key_ops` allow to verify signatures with the key. Both are
/// optional. `jwt-svid` is the value of [SPIFFE bundles].
///
/// [SPIFFE bundles]: https://github.com/spiffe/spiffe/blob/main/standards/JWT-SVID.md
fn is_for_signatures(key: &CommonParameters) -> bool {
    let operations = key.key_operations.as_ref();
    let is_for_signatures = match &key.public_key_use {
        None | Some(PublicKeyUse::Signature) => true,
        Some(PublicKeyUse::Other(other)) => other == "jwt-svid",
        Some(PublicKeyUse::Encryption) => false,
    };
    is_for_signatures && operations.is_none_or(|all| all.contains(&KeyOperations::Verify))
}

/// Bounds a `kid` for the log.
fn shown(kid: &str) -> String {
    kid.chars().take(64).filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(keys: &str) -> Result<KeySet, NoKeySet> {
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
            let keys = set(&format!("{key},{rsa}")).expect("a key set");
            assert_eq!((keys.len(), keys.skipped.len()), (1, 1), "{key}");
        }
        for invalid in ["", "[]", "{}", "{\"keys\": 7}", "<html>"] {
            assert_eq!(KeySet::parse(invalid.as_bytes()).unwrap_err(), NoKeySet);
        }
        for empty in ["", r#"{"kty":"oct","kid":"a","k":"AQAB"}"#] {
            assert_eq!(set(empty).unwrap().len(), 0, "{empty}");
        }
    }

    #[test]
    fn a_key_whose_parameters_allow_to_verify_is_used() {
        for parameters in [
            "",
            r#""use":"sig","#,
            r#""use":"jwt-svid","#,
            r#""key_ops":["verify"],"#,
            r#""key_ops":["sign","verify"],"#,
            r#""use":"sig","key_ops":["verify","made-up"],"#,
        ] {
            let key = format!(r#"{{"kty":"RSA","kid":"a",{parameters}"n":"AQAB","e":"AQAB"}}"#);
            assert_eq!(set(&key).map(|keys| keys.len()), Ok(1), "{parameters}");
        }
    }

    fn fits(keys: &KeySet, kid: &str, algorithm: TokenAlgorithm) -> bool {
        keys.find(kid, algorithm).next().is_some()
    }

    #[test]
    fn a_key_fits_only_the_algorithms_of_its_type_and_alg() {
        let any_rsa = set(r#"{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"}"#).unwrap();
        assert!(fits(&any_rsa, "a", TokenAlgorithm::Rs256));
        assert!(fits(&any_rsa, "a", TokenAlgorithm::Ps512));
        assert!(!fits(&any_rsa, "a", TokenAlgorithm::Es256));
        assert!(!fits(&any_rsa, "b", TokenAlgorithm::Rs256));
        let rs512 = set(r#"{"kty":"RSA","kid":"a","alg":"RS512","n":"AQAB","e":"AQAB"}"#).unwrap();
        assert!(fits(&rs512, "a", TokenAlgorithm::Rs512));
        assert!(!fits(&rs512, "a", TokenAlgorithm::Rs256));
        let p384 = set(r#"{"kty":"EC","crv":"P-384","kid":"a","x":"AQAB","y":"AQAB"}"#).unwrap();
        assert!(fits(&p384, "a", TokenAlgorithm::Es384));
        assert!(!fits(&p384, "a", TokenAlgorithm::Es256));
    }
}
