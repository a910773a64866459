//! Authentication by token.

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use livegate::auth::{AuthMode, AuthSettings, JwksSource, JwtSettings, TokenAlgorithm};
use serde_json::{Value, json};
use sha2::Sha256;
use tonic::Code;

use super::issuer::{AUDIENCE, ISSUER, Key, SUBJECT, claims, now, set, signing_input};
use super::key_pair::encode;
use super::stack::{Stack, health, print, whoami};

const MALFORMED: &str =
    "the metadata key authorization must hold \"Bearer \" and a signed JSON Web Token";
const ALGORITHM: &str = "the token's signature algorithm is not accepted";
const UNKNOWN: &str = "the token is not signed by a known key";
const INCOMPLETE: &str = "the token must have the claims exp, iss, aud and sub";
const INVALID_SUBJECT: &str =
    "the token's subject (sub) must be 1 to 128 printable ASCII characters and not _overflow";

/// Settings that accept tokens of the issuer, with its JWKS from `source`.
pub(crate) fn settings(mode: AuthMode, source: JwksSource) -> AuthSettings {
    AuthSettings {
        mode,
        trusted_proxies: Vec::new(),
        jwt: Some(JwtSettings {
            issuer: ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            source,
            algorithms: vec![TokenAlgorithm::Es256],
            leeway: Duration::from_secs(30),
            refresh_interval: Duration::from_secs(600),
        }),
    }
}

/// A JWKS in a file.
pub(crate) fn file(keys: &[&Key]) -> (tempfile::NamedTempFile, JwksSource) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), set(keys)).expect("a file");
    let source = JwksSource::File(file.path().to_owned());
    (file, source)
}

/// The case, the values of `authorization`, and the caller or the message.
type Case = (
    &'static str,
    Vec<String>,
    Result<&'static str, &'static str>,
);

fn bearer(case: &'static str, token: &str, expected: Result<&'static str, &'static str>) -> Case {
    (case, vec![format!("Bearer {token}")], expected)
}

/// The case, a claim, its value (`now` is an offset from the current time; empty removes
/// the claim), and the caller or the message.
const CLAIMS: [(&str, &str, &str, Result<&str, &str>); 19] = [
    ("a token of the issuer", "jti", "7", Ok(SUBJECT)),
    (
        "one audience as a string",
        "aud",
        "\"livegate.example\"",
        Ok(SUBJECT),
    ),
    (
        "several audiences",
        "aud",
        "[\"x\", \"livegate.example\"]",
        Ok(SUBJECT),
    ),
    ("expired within the leeway", "exp", "now -20", Ok(SUBJECT)),
    (
        "not yet valid within the leeway",
        "nbf",
        "now +20",
        Ok(SUBJECT),
    ),
    ("expired", "exp", "now -31", Err("the token has expired")),
    (
        "not yet valid",
        "nbf",
        "now +60",
        Err("the token is not valid yet"),
    ),
    (
        "wrong issuer",
        "iss",
        "\"https://x\"",
        Err("the token's issuer (iss) is not accepted"),
    ),
    (
        "wrong audience",
        "aud",
        "[\"x\"]",
        Err("the token's audience (aud) does not include this service"),
    ),
    ("no exp", "exp", "", Err(INCOMPLETE)),
    ("no nbf", "nbf", "", Ok(SUBJECT)),
    ("no iss", "iss", "", Err(INCOMPLETE)),
    ("no aud", "aud", "", Err(INCOMPLETE)),
    ("no sub", "sub", "", Err(INCOMPLETE)),
    ("sub is a number", "sub", "7", Err(INCOMPLETE)),
    ("exp is a string", "exp", "\"never\"", Err(INCOMPLETE)),
    ("sub has a space", "sub", "\"a b\"", Err(INVALID_SUBJECT)),
    ("sub is empty", "sub", "\"\"", Err(INVALID_SUBJECT)),
    (
        "sub has 129 characters",
        "sub",
        "long",
        Err(INVALID_SUBJECT),
    ),
];

fn of_claims(key: &Key) -> Vec<Case> {
    let case = |(case, claim, value, expected): (_, &str, &str, _)| {
        let token = key.token(|claims| {
            let claims = claims.as_object_mut().expect("claims");
            let value = match value.strip_prefix("now ") {
                Some(seconds) => {
                    let seconds: i64 = seconds.parse().expect("seconds");
                    json!(now().checked_add_signed(seconds))
                }
                None if value.is_empty() => return drop(claims.remove(claim)),
                None if value == "long" => json!("x".repeat(129)),
                None => serde_json::from_str(value).expect("JSON"),
            };
            claims.insert(claim.to_owned(), value);
        });
        bearer(case, &token, expected)
    };
    CLAIMS.into_iter().map(case).collect()
}

/// The case, a header, and the message. Claims and signature are valid.
const HEADERS: [(&str, &str, &str); 5] = [
    (
        "ES384, which is not configured",
        r#"{"alg": "ES384", "kid": "a"}"#,
        ALGORITHM,
    ),
    ("unknown kid", r#"{"alg": "ES256", "kid": "z"}"#, UNKNOWN),
    ("no kid", r#"{"alg": "ES256"}"#, UNKNOWN),
    ("no alg", r#"{"kid": "a"}"#, MALFORMED),
    (
        "an extension that must be understood",
        r#"{"alg": "ES256", "kid": "a", "crit": ["b64"]}"#,
        MALFORMED,
    ),
];

fn of_headers(key: &Key) -> Vec<Case> {
    let case = |(case, header, expected)| {
        let header = serde_json::from_str(header).expect("JSON");
        bearer(case, &key.sign(&header, &claims()), Err(expected))
    };
    HEADERS.into_iter().map(case).collect()
}

fn of_forgeries(key: &Key) -> Vec<Case> {
    let other_issuer = Key::new("a");
    let valid = key.token(|_| {});
    let (head, rest) = valid.split_once('.').expect("three parts");
    let (payload, signature) = rest.split_once('.').expect("three parts");
    let mut other = claims();
    other["sub"] = json!("system:serviceaccount:kube-system:admin");
    let tampered = format!(
        "{head}.{}.{signature}",
        encode(other.to_string().as_bytes())
    );
    let none = signing_input(&json!({"alg": "none", "kid": "a"}), &claims());
    let symmetric = signing_input(&json!({"alg": "HS256", "kid": "a"}), &claims());
    let mut mac = Hmac::<Sha256>::new_from_slice(key.public()).expect("any length");
    mac.update(symmetric.as_bytes());
    let hs256 = format!("{symmetric}.{}", encode(&mac.finalize().into_bytes()));
    let own_key: Value = serde_json::from_str(&set(&[&other_issuer])).expect("JSON");
    let header = json!({"alg": "ES256", "kid": "z", "jwk": own_key["keys"][0]});
    let own_key = other_issuer.sign(&header, &claims());
    let unsigned = format!("{head}.{payload}.");
    let refused = |case, token: &str, message| bearer(case, token, Err(message));
    vec![
        refused("alg none, no signature", &format!("{none}."), ALGORITHM),
        refused(
            "alg none, a signature",
            &format!("{none}.{signature}"),
            ALGORITHM,
        ),
        refused("HS256 with the public key", &hs256, ALGORITHM),
        refused(
            "the same kid with another key",
            &other_issuer.token(|_| {}),
            UNKNOWN,
        ),
        refused("tampered claims", &tampered, UNKNOWN),
        refused("no signature", &unsigned, UNKNOWN),
        refused("a key in the header", &own_key, UNKNOWN),
    ]
}

fn of_metadata(key: &Key) -> Vec<Case> {
    let valid = key.token(|_| {});
    let missing = "the metadata key authorization is missing: a bearer token is required";
    let long = key.token(|claims| claims["padding"] = json!("x".repeat(7000)));
    vec![
        ("no authorization", vec![], Err(missing)),
        (
            "two values",
            vec![format!("Bearer {valid}"); 2],
            Err("the metadata key authorization must not be repeated"),
        ),
        bearer(
            "more than 8192 bytes",
            &long,
            Err("the token must be at most 8192 bytes"),
        ),
        (
            "bearer in lower case",
            vec![format!("bearer {valid}")],
            Ok(SUBJECT),
        ),
        ("no scheme", vec![valid.clone()], Err(MALFORMED)),
        (
            "the scheme Basic",
            vec!["Basic dXNlcjpwYXNz".to_owned()],
            Err(MALFORMED),
        ),
        bearer("an empty token", "", Err(MALFORMED)),
        bearer("not a JWT", "let-me-in", Err(MALFORMED)),
        bearer("two parts", "e30.e30", Err(MALFORMED)),
        bearer("four parts", &format!("{valid}.e30"), Err(MALFORMED)),
        bearer(
            "two tokens in one value",
            &format!("{valid}, Bearer {valid}"),
            Err(MALFORMED),
        ),
    ]
}

#[tokio::test]
async fn a_token_names_exactly_one_caller_or_is_refused() {
    let key = Key::new("a");
    let (_file, source) = file(&[&key]);
    let stack = Stack::start(settings(AuthMode::Jwt, source), None).await;
    let channel = stack.plain();
    let cases = [
        of_claims(&key),
        of_headers(&key),
        of_forgeries(&key),
        of_metadata(&key),
    ];
    for (case, authorizations, expected) in cases.into_iter().flatten() {
        let values: Vec<&str> = authorizations.iter().map(String::as_str).collect();
        let outcome = whoami(channel.clone(), &values).await;
        print(case, &outcome);
        let expected = expected.map(str::to_owned);
        let expected = expected.map_err(|message| (Code::Unauthenticated, message.to_owned()));
        assert_eq!(outcome, expected, "{case}");
    }
    let metrics = stack.metrics().await;
    for counted in [
        "token_algorithm\"} 4",
        "token_expired\"} 1",
        "token_signature\"} 4",
    ] {
        let line = format!("livegate_auth_failures_total{{reason=\"{counted}");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
    assert!(health(channel).await, "health needs no authentication");
}
