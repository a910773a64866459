//! The credentials that each mode requires.

use livegate::auth::AuthMode;
use tonic::Code;

use super::issuer::{Key, SUBJECT};
use super::pki::{Authority, Files};
use super::stack::{NAME, Stack, call, health, whoami};
use super::tokens::{file, settings};

#[tokio::test]
async fn mtls_jwt_requires_both_and_the_token_names_the_caller() {
    let (authority, key) = (Authority::new(), Key::new("a"));
    let (_file, source) = file(&[&key]);
    let files = Files::holding(&authority.issue(NAME, 2099), &authority.pem());
    let stack = Stack::start(settings(AuthMode::MtlsJwt, source), Some(&files)).await;
    let token = format!("Bearer {}", key.token(|_| {}));
    let pair = authority.issue("payments.shop.svc", 2099);
    let with_certificate = stack.tls(&authority, Some(&pair));
    assert_eq!(
        whoami(with_certificate.clone(), &[&token]).await,
        Ok(SUBJECT.to_owned())
    );
    let missing = "the metadata key authorization is missing: a bearer token is required";
    let missing = (Code::Unauthenticated, missing.to_owned());
    assert_eq!(whoami(with_certificate.clone(), &[]).await, Err(missing));
    let without_certificate = whoami(stack.tls(&authority, None), &[&token]).await;
    let (code, _) = without_certificate.expect_err("the handshake fails");
    assert_ne!(code, Code::Unauthenticated);
    // A claimed name changes nothing.
    let claims = [
        ("authorization", token.as_str()),
        ("livegate-caller", "root"),
    ];
    assert_eq!(
        call(with_certificate.clone(), &claims).await,
        Ok(SUBJECT.to_owned())
    );
    assert!(
        health(with_certificate).await,
        "health needs no authentication"
    );
}

#[tokio::test]
async fn the_header_is_trusted_from_loopback() {
    let stack = Stack::start(AuthMode::TrustedHeader.into(), None).await;
    let caller = call(stack.plain(), &[("livegate-caller", "payments")]).await;
    assert_eq!(caller, Ok("payments".to_owned()));
    let twice = [("livegate-caller", "payments"), ("livegate-caller", "root")];
    let (code, _) = call(stack.plain(), &twice)
        .await
        .expect_err("a repeated key is refused");
    assert_eq!(code, Code::Unauthenticated);
}
