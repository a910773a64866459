//! Who is let in by each mode, without a connection.

use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::time::timeout;

use super::*;

fn auth(mode: AuthMode) -> Authenticator {
    Authenticator::new(&mode.into(), AuthMetrics::default())
}

async fn told(mode: AuthMode, evidence: PeerCredentials<'_>) -> Result<Identity, NotAuthenticated> {
    auth(mode).identify(evidence, SystemTime::UNIX_EPOCH).await
}

#[tokio::test]
async fn nobody_is_asked_unless_the_mode_says_so() {
    let evidence = PeerCredentials {
        origin: Origin::Pipe,
        named: MetadataField::Once(b"payments"),
        ..PeerCredentials::default()
    };
    let identity = told(AuthMode::None, evidence).await;
    assert_eq!(identity, Ok(Identity::anonymous()));
    for mode in [AuthMode::TrustedHeader, AuthMode::OptionalHeader] {
        let identity = told(mode, evidence).await.expect("it is named");
        assert_eq!(identity.caller.as_str(), "payments");
        assert_eq!(identity.auth_method, AuthMethod::Header);
    }
}

#[tokio::test]
async fn a_name_that_is_claimed_proves_nothing() {
    let evidence = PeerCredentials {
        named: MetadataField::Once(b"payments"),
        ..PeerCredentials::default()
    };
    for (mode, expected) in [
        (AuthMode::Mtls, NotAuthenticated::CertificateMissing),
        (AuthMode::Jwt, NotAuthenticated::TokenMissing),
        (AuthMode::MtlsJwt, NotAuthenticated::CertificateMissing),
    ] {
        assert!(mode.is_authenticated());
        assert_eq!(told(mode, evidence).await, Err(expected));
    }
}

#[tokio::test]
async fn without_rules_for_tokens_nobody_is_let_in() {
    let evidence = PeerCredentials {
        authorization: MetadataField::Once(b"Bearer a.b.c"),
        ..PeerCredentials::default()
    };
    let refused = told(AuthMode::Jwt, evidence).await;
    assert_eq!(refused, Err(NotAuthenticated::KeysMissing));
}

/// Has the algorithm that is pinned below; who signed it does not matter here.
const SIGNED: MetadataField<'_> =
    MetadataField::Once(b"Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.e30.AA");

/// One whose keys nobody reads, with its metrics.
fn without_keys() -> (Authenticator, Registry) {
    let mut registry = Registry::default();
    let metrics = AuthMetrics::register(&mut registry);
    let jwt = JwtSettings {
        issuer: "https://issuer.test".to_owned(),
        audience: "livegate".to_owned(),
        source: JwksSource::File("/nowhere".into()),
        algorithms: vec![TokenAlgorithm::Rs256],
        leeway: Duration::ZERO,
        refresh_interval: Duration::from_secs(600),
    };
    let settings = AuthSettings {
        mode: AuthMode::Jwt,
        jwt: Some(jwt),
        ..AuthSettings::default()
    };
    (Authenticator::new(&settings, metrics), registry)
}

#[tokio::test(start_paused = true)]
async fn a_call_that_has_no_time_to_wait_for_the_first_keys_is_counted_as_one_without() {
    let (auth, registry) = without_keys();
    let evidence = PeerCredentials {
        authorization: SIGNED,
        ..PeerCredentials::default()
    };
    for (within, counted) in [(1, 1), (3, 2)] {
        let identity = auth.identify(evidence, SystemTime::UNIX_EPOCH);
        let told = timeout(Duration::from_secs(within), identity).await;
        let is_told = told == Ok(Err(NotAuthenticated::KeysMissing));
        assert_eq!(is_told, within > 2, "{told:?}");
        let mut page = String::new();
        encode(&mut page, &registry).unwrap();
        let line = format!("{{reason=\"jwks_unavailable\"}} {counted}\n");
        assert!(page.contains(&line), "{page}");
    }
}
