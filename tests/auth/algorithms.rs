//! Tokens signed by every algorithm that can be configured, and algorithm confusion.

use hmac::{Hmac, KeyInit as _, Mac as _};
use livegate::auth::{AuthMode, AuthSettings, JwksSource, TokenAlgorithm};
use serde_json::{Value, json};
use sha2::Sha256;
use strum::VariantArray as _;
use tonic::Code;

use super::issuer::{Key, SUBJECT, claims, signing_input};
use super::key_pair::{KeyType, encode};
use super::stack::{Stack, print, whoami};
use super::tokens::{file, settings};

const ALGORITHM: &str = "the token's signature algorithm is not accepted";
const UNKNOWN: &str = "the token is not signed by a known key";
const MALFORMED: &str =
    "the metadata key authorization must hold \"Bearer \" and a signed JSON Web Token";

/// A key of each type, and keys whose JWKS entry limits or contradicts their use.
struct Keys {
    rsa: Key,
    p256: Key,
    p384: Key,
    ed25519: Key,
    rs256_only: Key,
    mislabeled_es384: Key,
    for_encryption: Key,
}

impl Keys {
    fn new() -> Self {
        Self {
            rsa: Key::of("rsa", KeyType::Rsa),
            p256: Key::of("p256", KeyType::P256),
            p384: Key::of("p384", KeyType::P384),
            ed25519: Key::of("ed25519", KeyType::Ed25519),
            rs256_only: Key::of("rs256-only", KeyType::Rsa)
                .with_parameters(json!({"alg": "RS256"})),
            mislabeled_es384: Key::of("odd", KeyType::P256)
                .with_parameters(json!({"alg": "ES384"})),
            for_encryption: Key::of("enc", KeyType::P256)
                .with_parameters(json!({"key_ops": ["encrypt"]})),
        }
    }

    fn all(&self) -> [&Key; 7] {
        [
            &self.rsa,
            &self.p256,
            &self.p384,
            &self.ed25519,
            &self.rs256_only,
            &self.mislabeled_es384,
            &self.for_encryption,
        ]
    }

    /// The key that signs by `alg`.
    fn for_alg(&self, alg: &str) -> &Key {
        match alg {
            "ES256" => &self.p256,
            "ES384" => &self.p384,
            "EdDSA" => &self.ed25519,
            _ => &self.rsa,
        }
    }
}

fn accepting(source: JwksSource, algorithms: &[TokenAlgorithm]) -> AuthSettings {
    let mut settings = settings(AuthMode::Jwt, source);
    let jwt = settings.jwt.as_mut().expect("the mode uses tokens");
    jwt.algorithms = algorithms.to_vec();
    settings
}

fn header(alg: &str, kid: &str) -> Value {
    json!({"alg": alg, "kid": kid})
}

/// A valid token signed by `alg`.
fn valid(keys: &Keys, alg: &str) -> String {
    let key = keys.for_alg(alg);
    key.sign(&header(alg, key.name), &claims())
}

async fn expect(stack: &Stack, case: &str, token: &str, expected: Result<&str, &str>) {
    let outcome = whoami(stack.plain(), &[&format!("Bearer {token}")]).await;
    print(case, &outcome);
    let expected = expected.map(str::to_owned);
    let expected = expected.map_err(|message| (Code::Unauthenticated, message.to_owned()));
    assert_eq!(outcome, expected, "{case}");
}

#[tokio::test]
async fn a_token_is_accepted_by_each_configured_algorithm_and_by_no_other() {
    let keys = Keys::new();
    let (_file, source) = file(&keys.all());
    let stack = Stack::start(accepting(source.clone(), TokenAlgorithm::VARIANTS), None).await;
    for alg in TokenAlgorithm::VARIANTS.iter().map(|one| one.name()) {
        expect(&stack, alg, &valid(&keys, alg), Ok(SUBJECT)).await;
    }
    let own = keys.rs256_only.token(|_| {});
    expect(&stack, "RS256, as in the key's alg", &own, Ok(SUBJECT)).await;
    for (only, algorithm) in [
        ("RS256", TokenAlgorithm::Rs256),
        ("ES256", TokenAlgorithm::Es256),
    ] {
        let stack = Stack::start(accepting(source.clone(), &[algorithm]), None).await;
        for alg in TokenAlgorithm::VARIANTS.iter().map(|one| one.name()) {
            let expected = if alg == only {
                Ok(SUBJECT)
            } else {
                Err(ALGORITHM)
            };
            let case = format!("{alg} if only {only} is accepted");
            expect(&stack, &case, &valid(&keys, alg), expected).await;
        }
    }
}

/// Tokens whose signature, `alg` and `kid` do not match: case, token and message. Every
/// algorithm is configured, and every key is in the set.
fn confused(keys: &Keys) -> Vec<(String, String, &'static str)> {
    let Keys {
        rsa,
        p256,
        p384,
        ed25519,
        rs256_only,
        mislabeled_es384,
        for_encryption,
    } = keys;
    let rows = [
        (rsa, "RS256", "RS256", "p256", ALGORITHM),
        (rsa, "RS256", "ES256", "p256", UNKNOWN),
        (rsa, "PS256", "RS256", "rsa", UNKNOWN),
        (rsa, "RS256", "PS256", "rsa", UNKNOWN),
        (rsa, "RS256", "RS512", "rsa", UNKNOWN),
        (p256, "ES256", "ES256", "rsa", ALGORITHM),
        (p256, "ES256", "RS256", "rsa", UNKNOWN),
        (p256, "ES256", "ES384", "p256", ALGORITHM),
        (p256, "ES256", "ES384", "p384", UNKNOWN),
        (p384, "ES384", "ES256", "p384", ALGORITHM),
        (p256, "ES256", "EdDSA", "p256", ALGORITHM),
        (ed25519, "EdDSA", "ES256", "p256", UNKNOWN),
        (ed25519, "EdDSA", "ES256", "ed25519", ALGORITHM),
        (p256, "ES256 in DER", "ES256", "p256", UNKNOWN),
        (p256, "ES256", "ES256K", "p256", ALGORITHM),
        (p384, "ES384", "ES512", "p384", ALGORITHM),
        (p256, "ES256", "es256", "p256", ALGORITHM),
        (p256, "ES256", "", "p256", ALGORITHM),
        (rs256_only, "PS256", "PS256", "rs256-only", ALGORITHM),
        (rs256_only, "RS512", "RS512", "rs256-only", ALGORITHM),
        (mislabeled_es384, "ES256", "ES256", "odd", ALGORITHM),
        (mislabeled_es384, "ES256", "ES384", "odd", ALGORITHM),
        (for_encryption, "ES256", "ES256", "enc", UNKNOWN),
    ];
    let case = |(key, signed_by, alg, kid, message): (&Key, &str, &str, &str, _)| {
        let case = format!("{signed_by} by {}, as {alg:?} by {kid}", key.name);
        let token = key.sign_by(signed_by, &header(alg, kid), &claims());
        (case, token, message)
    };
    rows.into_iter().map(case).collect()
}

/// Forgeries that need no private key of the issuer.
fn forged(keys: &Keys) -> Vec<(String, String, &'static str)> {
    let mut cases = Vec::new();
    for key in keys.all() {
        let symmetric = signing_input(&header("HS256", key.name), &claims());
        let set: Value = serde_json::from_str(&super::issuer::set(&[key])).expect("JSON");
        let as_json = set["keys"][0].to_string();
        for secret in [key.public(), as_json.as_bytes()] {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length");
            mac.update(symmetric.as_bytes());
            let token = format!("{symmetric}.{}", encode(&mac.finalize().into_bytes()));
            let case = format!("HS256 by {} bytes of {}", secret.len(), key.name);
            cases.push((case, token, ALGORITHM));
        }
        for none in ["none", "None", "NONE"] {
            let unsigned = signing_input(&header(none, key.name), &claims());
            let case = format!("alg {none} by {}", key.name);
            cases.push((case, format!("{unsigned}."), ALGORITHM));
        }
    }
    for (alg, length) in [("ES256", 64), ("ES384", 96), ("EdDSA", 64), ("RS256", 256)] {
        let unsigned = signing_input(&header(alg, keys.for_alg(alg).name), &claims());
        let token = format!("{unsigned}.{}", encode(&vec![0; length]));
        cases.push((format!("{alg} of zeros"), token, UNKNOWN));
    }
    for alg in [json!(null), json!(7), json!(["ES256"])] {
        let token = keys
            .p256
            .sign(&json!({"alg": alg, "kid": "p256"}), &claims());
        cases.push((format!("alg is {alg}"), token, MALFORMED));
    }
    cases
}

#[tokio::test]
async fn no_algorithm_is_accepted_as_another_even_if_all_are_configured() {
    let keys = Keys::new();
    let (_file, source) = file(&keys.all());
    let stack = Stack::start(accepting(source, TokenAlgorithm::VARIANTS), None).await;
    expect(&stack, "a valid token", &valid(&keys, "ES256"), Ok(SUBJECT)).await;
    for (case, token, message) in confused(&keys).into_iter().chain(forged(&keys)) {
        expect(&stack, &case, &token, Err(message)).await;
    }
}
