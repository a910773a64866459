//! An issuer of tokens with keys of its own. It signs by hand: the library that
//! Livegate verifies with has no part in it.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::pair::{Kind, Pair, encode};

pub(crate) const ISSUER: &str = "https://cluster.example";
pub(crate) const AUDIENCE: &str = "livegate.example";
pub(crate) const SUBJECT: &str = "system:serviceaccount:shop:payments";

/// One key of an issuer.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pair: Pair,
    /// What its entry in the set says besides.
    says: Value,
}

impl Key {
    /// A key on P-256, which is made in no time.
    pub(crate) fn new(name: &'static str) -> Self {
        Self::of(name, Kind::P256)
    }

    pub(crate) fn of(name: &'static str, kind: Kind) -> Self {
        let pair = Pair::generate(kind);
        let says = json!({ "use": "sig" });
        Self { name, pair, says }
    }

    /// The same, of which the set says this.
    pub(crate) fn saying(self, says: Value) -> Self {
        Self { says, ..self }
    }

    /// The public key in its usual bytes: the "secret" of whoever confuses the two.
    pub(crate) fn public(&self) -> &[u8] {
        self.pair.public()
    }

    fn jwk(&self) -> Value {
        let mut jwk = self.pair.jwk();
        jwk["kid"] = json!(self.name);
        for (member, value) in self.says.as_object().expect("members") {
            jwk[member] = value.clone();
        }
        jwk
    }

    /// A signature over `header` and `claims`, by the way that `header` names where
    /// this kind of key has it.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let way = header["alg"].as_str().unwrap_or_default();
        self.sign_by(way, header, claims)
    }

    /// The same, by `way` whatever `header` says.
    pub(crate) fn sign_by(&self, way: &str, header: &Value, claims: &Value) -> String {
        let signed = signed_part(header, claims);
        let signature = self.pair.sign(way, signed.as_bytes());
        format!("{signed}.{}", encode(&signature))
    }

    /// A token like any other, but for what `change` does to its claims.
    pub(crate) fn token(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = claims();
        change(&mut claims);
        let header = json!({"alg": self.pair.usual_way(), "kid": self.name});
        self.sign(&header, &claims)
    }
}

/// A JSON Web Key Set of `keys`.
pub(crate) fn set(keys: &[&Key]) -> String {
    let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
    json!({ "keys": keys }).to_string()
}

/// Claims as Kubernetes makes them.
pub(crate) fn claims() -> Value {
    let now = now();
    json!({
        "iss": ISSUER, "aud": [AUDIENCE], "sub": SUBJECT,
        "iat": now, "nbf": now, "exp": now + 600,
        "kubernetes.io": {"namespace": "shop", "serviceaccount": {"name": "payments"}},
    })
}

/// What is signed.
pub(crate) fn signed_part(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| encode(value.to_string().as_bytes());
    format!("{}.{}", part(header), part(claims))
}

#[expect(clippy::disallowed_methods, reason = "tokens have the wall's times")]
pub(crate) fn now() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    since_epoch.expect("after 1970").as_secs()
}
