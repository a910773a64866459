//! Tokens signed in every way that can be configured, and in ways that only look so.

use hmac::{Hmac, KeyInit as _, Mac as _};
use livegate::auth::{AuthMode, AuthSettings, JwksSource, TokenAlgorithm};
use serde_json::{Value, json};
use sha2::Sha256;
use tonic::Code;

use super::issuer::{Key, SUBJECT, claims, signed_part};
use super::pair::{Kind, encode};
use super::stack::{Stack, print, whoami};
use super::tokens::{file, settings};

const ALGORITHM: &str = "the token's signature algorithm is not accepted";
const UNKNOWN: &str = "the token is not signed by a known key";
const MALFORMED: &str =
    "the metadata key authorization must hold \"Bearer \" and a signed JSON Web Token";

/// A key of each kind, and some that are for one way alone or for none.
struct Keys {
    rsa: Key,
    p256: Key,
    p384: Key,
    ed25519: Key,
    rs256_only: Key,
    es384_by_its_word: Key,
    for_encryption: Key,
}

impl Keys {
    fn new() -> Self {
        Self {
            rsa: Key::of("rsa", Kind::Rsa),
            p256: Key::of("p256", Kind::P256),
            p384: Key::of("p384", Kind::P384),
            ed25519: Key::of("ed25519", Kind::Ed25519),
            rs256_only: Key::of("rs256-only", Kind::Rsa).saying(json!({"alg": "RS256"})),
            es384_by_its_word: Key::of("odd", Kind::P256).saying(json!({"alg": "ES384"})),
            for_encryption: Key::of("enc", Kind::P256).saying(json!({"key_ops": ["encrypt"]})),
        }
    }

    fn all(&self) -> [&Key; 7] {
        [
            &self.rsa,
            &self.p256,
            &self.p384,
            &self.ed25519,
            &self.rs256_only,
            &self.es384_by_its_word,
            &self.for_encryption,
        ]
    }

    /// The one that signs by `way`.
    fn by(&self, way: &str) -> &Key {
        match way {
            "ES256" => &self.p256,
            "ES384" => &self.p384,
            "EdDSA" => &self.ed25519,
            _ => &self.rsa,
        }
    }
}

fn pinned(source: JwksSource, algorithms: &[TokenAlgorithm]) -> AuthSettings {
    let mut settings = settings(AuthMode::Jwt, source);
    let jwt = settings.jwt.as_mut().expect("the mode has tokens");
    jwt.algorithms = algorithms.to_vec();
    settings
}

fn every() -> Vec<TokenAlgorithm> {
    let all = TokenAlgorithm::ALL.into_iter();
    all.map(|(_, algorithm)| algorithm).collect()
}

fn header(way: &str, kid: &str) -> Value {
    json!({"alg": way, "kid": kid})
}

/// A right token by `way`.
fn right(keys: &Keys, way: &str) -> String {
    let key = keys.by(way);
    key.sign(&header(way, key.name), &claims())
}

async fn expect(stack: &Stack, what: &str, token: &str, expected: Result<&str, &str>) {
    let told = whoami(stack.plain(), &[&format!("Bearer {token}")]).await;
    print(what, &told);
    let expected = expected.map(str::to_owned);
    let expected = expected.map_err(|told| (Code::Unauthenticated, told.to_owned()));
    assert_eq!(told, expected, "{what}");
}

#[tokio::test]
async fn a_token_counts_by_each_way_that_is_configured_and_by_no_other() {
    let keys = Keys::new();
    let (_file, source) = file(&keys.all());
    let stack = Stack::up(pinned(source.clone(), &every()), None).await;
    for (way, _) in TokenAlgorithm::ALL {
        expect(&stack, way, &right(&keys, way), Ok(SUBJECT)).await;
    }
    let own = keys.rs256_only.token(|_| {});
    expect(&stack, "RS256, which its key says too", &own, Ok(SUBJECT)).await;
    for (only, algorithm) in [
        ("RS256", TokenAlgorithm::Rs256),
        ("ES256", TokenAlgorithm::Es256),
    ] {
        let stack = Stack::up(pinned(source.clone(), &[algorithm]), None).await;
        for (way, _) in TokenAlgorithm::ALL {
            let expected = if way == only {
                Ok(SUBJECT)
            } else {
                Err(ALGORITHM)
            };
            let what = format!("{way} where only {only} is");
            expect(&stack, &what, &right(&keys, way), expected).await;
        }
    }
}

/// What it is, how it is signed and by whom, what its header says, and what it is
/// told. Each way is configured, and each key is in the set.
fn confused(keys: &Keys) -> Vec<(String, String, &'static str)> {
    let Keys {
        rsa,
        p256,
        p384,
        ed25519,
        rs256_only,
        es384_by_its_word,
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
        (es384_by_its_word, "ES256", "ES256", "odd", ALGORITHM),
        (es384_by_its_word, "ES256", "ES384", "odd", ALGORITHM),
        (for_encryption, "ES256", "ES256", "enc", UNKNOWN),
    ];
    let case = |(key, way, alg, kid, told): (&Key, &str, &str, &str, _)| {
        let what = format!("{way} by {}, as {alg:?} by {kid}", key.name);
        let token = key.sign_by(way, &header(alg, kid), &claims());
        (what, token, told)
    };
    rows.into_iter().map(case).collect()
}

/// What needs no private key of the issuer at all.
fn forged(keys: &Keys) -> Vec<(String, String, &'static str)> {
    let mut cases = Vec::new();
    for key in keys.all() {
        let symmetric = signed_part(&header("HS256", key.name), &claims());
        let set: Value = serde_json::from_str(&super::issuer::set(&[key])).expect("JSON");
        let as_json = set["keys"][0].to_string();
        for secret in [key.public(), as_json.as_bytes()] {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length");
            mac.update(symmetric.as_bytes());
            let token = format!("{symmetric}.{}", encode(&mac.finalize().into_bytes()));
            let what = format!("HS256 by {} bytes of {}", secret.len(), key.name);
            cases.push((what, token, ALGORITHM));
        }
        for none in ["none", "None", "NONE"] {
            let unsigned = signed_part(&header(none, key.name), &claims());
            let what = format!("alg {none} by {}", key.name);
            cases.push((what, format!("{unsigned}."), ALGORITHM));
        }
    }
    for (way, length) in [("ES256", 64), ("ES384", 96), ("EdDSA", 64), ("RS256", 256)] {
        let unsigned = signed_part(&header(way, keys.by(way).name), &claims());
        let token = format!("{unsigned}.{}", encode(&vec![0; length]));
        cases.push((format!("{way} of zeros"), token, UNKNOWN));
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
async fn no_way_passes_for_another_though_all_are_configured() {
    let keys = Keys::new();
    let (_file, source) = file(&keys.all());
    let stack = Stack::up(pinned(source, &every()), None).await;
    expect(&stack, "a right one", &right(&keys, "ES256"), Ok(SUBJECT)).await;
    for (what, token, told) in confused(&keys).into_iter().chain(forged(&keys)) {
        expect(&stack, &what, &token, Err(told)).await;
    }
}
