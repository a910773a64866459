//! An issuer of tokens with keys of its own. It signs by hand: the library that
//! Livegate verifies with has no part in it.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RsaKeyPair};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://cluster.example";
pub(crate) const AUDIENCE: &str = "livegate.example";
pub(crate) const SUBJECT: &str = "system:serviceaccount:shop:payments";

/// One key of an issuer.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pair: RsaKeyPair,
}

impl Key {
    pub(crate) fn new(name: &'static str) -> Self {
        let pair =
            rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048);
        let pair = pair.expect("a key").serialize_der();
        let pair = RsaKeyPair::from_pkcs8(&pair).expect("a key");
        Self { name, pair }
    }

    /// The public key in DER: the "secret" of whoever confuses the two.
    pub(crate) fn public(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    fn jwk(&self) -> Value {
        let der = self.public();
        assert_eq!(
            der.len(),
            270,
            "a modulus of 2048 bits and the usual exponent"
        );
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.name,
            "n": encode(&der[9..265]), "e": "AQAB",
        })
    }

    /// `RS256` over `claims`, whatever `header` says.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = signed_part(header, claims);
        let padding = if header["alg"] == "RS512" {
            &RSA_PKCS1_SHA512
        } else {
            &RSA_PKCS1_SHA256
        };
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let random = SystemRandom::new();
        let done = self
            .pair
            .sign(padding, &random, signed.as_bytes(), &mut signature);
        done.expect("a signature");
        format!("{signed}.{}", encode(&signature))
    }

    /// A token like any other, but for what `change` does to its claims.
    pub(crate) fn token(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = claims();
        change(&mut claims);
        self.sign(&json!({"alg": "RS256", "kid": self.name}), &claims)
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

pub(crate) fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

#[expect(clippy::disallowed_methods, reason = "tokens have the wall's times")]
pub(crate) fn now() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    since_epoch.expect("after 1970").as_secs()
}
