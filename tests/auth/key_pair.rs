//! Key pairs of every type that can sign tokens.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING,
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512,
    RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// A type of key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyType {
    /// 2048 bits. Generating one takes a second or two in a debug build.
    Rsa,
    P256,
    P384,
    Ed25519,
}

/// A private and a public key.
pub(crate) enum KeyPair {
    Rsa(Box<RsaKeyPair>),
    Curve(KeyType, Box<EcdsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
}

impl KeyPair {
    pub(crate) fn generate(key_type: KeyType) -> Self {
        let curve = |algorithm| Box::new(EcdsaKeyPair::generate(algorithm).expect("a key"));
        match key_type {
            KeyType::Rsa => Self::Rsa(Box::new(
                RsaKeyPair::generate(KeySize::Rsa2048).expect("a key"),
            )),
            KeyType::P256 => Self::Curve(key_type, curve(&ECDSA_P256_SHA256_FIXED_SIGNING)),
            KeyType::P384 => Self::Curve(key_type, curve(&ECDSA_P384_SHA384_FIXED_SIGNING)),
            KeyType::Ed25519 => Self::Ed25519(Box::new(Ed25519KeyPair::generate().expect("a key"))),
        }
    }

    /// The algorithm that a key of this type signs by, unless another is given.
    pub(crate) fn default_alg(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RS256",
            Self::Curve(KeyType::P384, _) => "ES384",
            Self::Curve(..) => "ES256",
            Self::Ed25519(_) => "EdDSA",
        }
    }

    /// For RSA the modulus and the exponent in DER, for a curve the point.
    pub(crate) fn public(&self) -> &[u8] {
        match self {
            Self::Rsa(pair) => pair.public_key().as_ref(),
            Self::Curve(_, pair) => pair.public_key().as_ref(),
            Self::Ed25519(pair) => pair.public_key().as_ref(),
        }
    }

    /// The public key as a JWK.
    pub(crate) fn jwk(&self) -> Value {
        let public = self.public();
        match self {
            Self::Rsa(_) => {
                let usual = "a modulus of 2048 bits and the usual exponent";
                assert_eq!(public.len(), 270, "{usual}");
                json!({ "kty": "RSA", "n": encode(&public[9..265]), "e": "AQAB" })
            }
            Self::Curve(key_type, _) => {
                let name = if *key_type == KeyType::P384 {
                    "P-384"
                } else {
                    "P-256"
                };
                // The first byte marks an uncompressed point: both coordinates follow.
                let (x, y) = public[1..].split_at(public.len() / 2);
                json!({ "kty": "EC", "crv": name, "x": encode(x), "y": encode(y) })
            }
            Self::Ed25519(_) => json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(public) }),
        }
    }

    /// Signs by `alg` if a key of this type supports it, else by its default algorithm.
    pub(crate) fn sign(&self, alg: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let done = pair.sign(padding(alg), &random, message, &mut signature);
                done.expect("a signature");
                signature
            }
            Self::Curve(KeyType::P256, pair) if alg == "ES256 in DER" => {
                let key = pair.to_pkcs8v1().expect("a key");
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.as_ref());
                let signature = pair.expect("a key").sign(&random, message);
                signature.expect("a signature").as_ref().to_vec()
            }
            Self::Curve(_, pair) => {
                let signature = pair.sign(&random, message);
                signature.expect("a signature").as_ref().to_vec()
            }
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

fn padding(alg: &str) -> &'static dyn RsaEncoding {
    match alg {
        "RS384" => &RSA_PKCS1_SHA384,
        "RS512" => &RSA_PKCS1_SHA512,
        "PS256" => &RSA_PSS_SHA256,
        "PS384" => &RSA_PSS_SHA384,
        "PS512" => &RSA_PSS_SHA512,
        _ => &RSA_PKCS1_SHA256,
    }
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
