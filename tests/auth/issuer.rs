//! An issuer of tokens with its own keys. It builds and signs tokens without the library
//! that Livegate verifies them with.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::key_pair::{KeyPair, KeyType, encode};

pub(crate) const ISSUER: &str = "https://cluster.example";
pub(crate) const AUDIENCE: &str = "livegate.example";
pub(crate) const SUBJECT: &str = "system:serviceaccount:shop:payments";

/// One key of an issuer.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pair: KeyPair,
    /// Further parameters of its JWKS entry.
    parameters: Value,
}

impl Key {
    /// A key on P-256, which is fast to generate.
    pub(crate) fn new(name: &'static str) -> Self {
        Self::of(name, KeyType::P256)
    }

    pub(crate) fn of(name: &'static str, key_type: KeyType) -> Self {
        Self {
            name,
            pair: KeyPair::generate(key_type),
            parameters: json!({ "use": "sig" }),
        }
    }

    /// The same key with other parameters in its JWKS entry.
    pub(crate) fn with_parameters(self, parameters: Value) -> Self {
        Self { parameters, ..self }
    }

    /// The encoded public key: the HMAC secret in an algorithm confusion attack.
    pub(crate) fn public(&self) -> &[u8] {
        self.pair.public()
    }

    fn jwk(&self) -> Value {
        let mut jwk = self.pair.jwk();
        jwk["kid"] = json!(self.name);
        for (name, value) in self.parameters.as_object().expect("an object") {
            jwk[name] = value.clone();
        }
        jwk
    }

    /// A token with `header` and `claims`, signed by the algorithm in `header` if this type
    /// of key supports it.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let alg = header["alg"].as_str().unwrap_or_default();
        self.sign_by(alg, header, claims)
    }

    /// A token signed by `alg`, whatever `header` names.
    pub(crate) fn sign_by(&self, alg: &str, header: &Value, claims: &Value) -> String {
        let input = signing_input(header, claims);
        let signature = self.pair.sign(alg, input.as_bytes());
        format!("{input}.{}", encode(&signature))
    }

    /// A valid token, whose claims `change` may modify.
    pub(crate) fn token(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = claims();
        change(&mut claims);
        let header = json!({"alg": self.pair.default_alg(), "kid": self.name});
        self.sign(&header, &claims)
    }
}

/// A JSON Web Key Set of `keys`.
pub(crate) fn set(keys: &[&Key]) -> String {
    let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
    json!({ "keys": keys }).to_string()
}

/// The claims of a Kubernetes service account token.
pub(crate) fn claims() -> Value {
    let now = now();
    json!({
        "iss": ISSUER, "aud": [AUDIENCE], "sub": SUBJECT,
        "iat": now, "nbf": now, "exp": now + 600,
        "kubernetes.io": {"namespace": "shop", "serviceaccount": {"name": "payments"}},
    })
}

/// The header and the claims, encoded: the input of the signature.
pub(crate) fn signing_input(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| encode(value.to_string().as_bytes());
    format!("{}.{}", part(header), part(claims))
}

#[expect(clippy::disallowed_methods, reason = "tokens carry wall-clock times")]
pub(crate) fn now() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    since_epoch.expect("after 1970").as_secs()
}
