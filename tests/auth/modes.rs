//! What each mode asks for.

use livegate::auth::AuthMode;
use tonic::Code;

use super::issuer::{Key, SUBJECT};
use super::pki::{Authority, Files};
use super::stack::{NAME, Stack, call, health, whoami};
use super::tokens::{file, settings};

#[tokio::test]
async fn mtls_and_jwt_need_both_and_the_token_says_who_it_is() {
    let (authority, key) = (Authority::new(), Key::new("a"));
    let (_file, source) = file(&[&key]);
    let files = Files::holding(&authority.issue(NAME, 2099), &authority.pem());
    let stack = Stack::up(settings(AuthMode::MtlsJwt, source), Some(&files)).await;
    let token = format!("Bearer {}", key.token(|_| {}));
    let pair = authority.issue("payments.shop.svc", 2099);
    let known = stack.tls(&authority, Some(&pair));
    assert_eq!(
        whoami(known.clone(), &[&token]).await,
        Ok(SUBJECT.to_owned())
    );
    let missing = "the metadata key authorization is missing: a bearer token is required";
    let missing = (Code::Unauthenticated, missing.to_owned());
    assert_eq!(whoami(known.clone(), &[]).await, Err(missing));
    let without = whoami(stack.tls(&authority, None), &[&token]).await;
    let (code, _) = without.expect_err("there is no connection");
    assert_ne!(code, Code::Unauthenticated);
    // A name that is claimed changes nothing.
    let claims = [
        ("authorization", token.as_str()),
        ("livegate-caller", "root"),
    ];
    assert_eq!(call(known.clone(), &claims).await, Ok(SUBJECT.to_owned()));
    assert!(health(known).await, "health is told to anyone");
}

#[tokio::test]
async fn a_header_is_believed_of_loopback() {
    let stack = Stack::up(AuthMode::TrustedHeader.into(), None).await;
    let told = call(stack.plain(), &[("livegate-caller", "payments")]).await;
    assert_eq!(told, Ok("payments".to_owned()));
    let twice = [("livegate-caller", "payments"), ("livegate-caller", "root")];
    let (code, _) = call(stack.plain(), &twice)
        .await
        .expect_err("neither counts");
    assert_eq!(code, Code::Unauthenticated);
}
