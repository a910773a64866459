//! Who is let in by each mode, without a connection.

use super::*;

fn auth(mode: AuthMode) -> Auth {
    Auth::new(&mode.into(), AuthMetrics::default())
}

async fn told(mode: AuthMode, evidence: Evidence<'_>) -> Result<Identity, NotAuthenticated> {
    auth(mode).identify(evidence, SystemTime::UNIX_EPOCH).await
}

#[tokio::test]
async fn nobody_is_asked_unless_the_mode_says_so() {
    let evidence = Evidence {
        origin: Origin::Pipe,
        named: Given::Once(b"payments"),
        ..Evidence::default()
    };
    let identity = told(AuthMode::None, evidence).await;
    assert_eq!(identity, Ok(Identity::anonymous()));
    for mode in [AuthMode::TrustedHeader, AuthMode::OptionalHeader] {
        let identity = told(mode, evidence).await.expect("it is named");
        assert_eq!(identity.caller.as_str(), "payments");
        assert_eq!(identity.proven_by, ProvenBy::Header);
    }
}

#[tokio::test]
async fn a_name_that_is_claimed_proves_nothing() {
    let evidence = Evidence {
        named: Given::Once(b"payments"),
        ..Evidence::default()
    };
    for (mode, expected) in [
        (AuthMode::Mtls, NotAuthenticated::CertificateMissing),
        (AuthMode::Jwt, NotAuthenticated::TokenMissing),
        (AuthMode::MtlsJwt, NotAuthenticated::CertificateMissing),
    ] {
        assert!(mode.is_proven());
        assert_eq!(told(mode, evidence).await, Err(expected));
    }
}

#[tokio::test]
async fn without_rules_for_tokens_nobody_is_let_in() {
    let evidence = Evidence {
        authorization: Given::Once(b"Bearer a.b.c"),
        ..Evidence::default()
    };
    let refused = told(AuthMode::Jwt, evidence).await;
    assert_eq!(refused, Err(NotAuthenticated::KeysMissing));
}
