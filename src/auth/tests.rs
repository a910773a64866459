//! The modes, without a connection.

use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::time::timeout;

use super::*;

async fn authenticate(
    mode: AuthMode,
    credentials: PeerCredentials<'_>,
) -> Result<Identity, NotAuthenticated> {
    let authenticator = Authenticator::new(&mode.into(), AuthMetrics::default());
    authenticator
        .authenticate(credentials, SystemTime::UNIX_EPOCH)
        .await
}

#[tokio::test]
async fn the_header_counts_only_in_the_modes_that_use_it() {
    let credentials = PeerCredentials {
        origin: Origin::Pipe,
        caller: MetadataField::Single(b"payments"),
        ..PeerCredentials::default()
    };
    let identity = authenticate(AuthMode::None, credentials).await;
    assert_eq!(identity, Ok(Identity::anonymous()));
    for mode in [AuthMode::TrustedHeader, AuthMode::OptionalHeader] {
        let identity = authenticate(mode, credentials)
            .await
            .expect("a caller is claimed");
        assert_eq!(identity.caller.as_str(), "payments");
        assert_eq!(identity.auth_method, AuthMethod::Header);
    }
}

#[tokio::test]
async fn a_claimed_name_is_no_proof_in_the_other_modes() {
    let credentials = PeerCredentials {
        caller: MetadataField::Single(b"payments"),
        ..PeerCredentials::default()
    };
    for (mode, expected) in [
        (AuthMode::Mtls, NotAuthenticated::CertificateMissing),
        (AuthMode::Jwt, NotAuthenticated::TokenMissing),
        (AuthMode::MtlsJwt, NotAuthenticated::CertificateMissing),
    ] {
        assert!(mode.is_authenticated());
        assert_eq!(authenticate(mode, credentials).await, Err(expected));
    }
}

#[tokio::test]
async fn without_jwt_settings_every_token_is_refused() {
    let credentials = PeerCredentials {
        authorization: MetadataField::Single(b"Bearer a.b.c"),
        ..PeerCredentials::default()
    };
    let refused = authenticate(AuthMode::Jwt, credentials).await;
    assert_eq!(refused, Err(NotAuthenticated::JwksUnavailable));
}

/// A token with the accepted algorithm; its signature does not matter here.
const TOKEN: MetadataField<'_> =
    MetadataField::Single(b"Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.e30.AA");

/// An authenticator that never loads its JWKS, with its metrics.
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
async fn a_call_whose_deadline_ends_the_wait_for_the_first_keys_counts_as_jwks_unavailable() {
    let (authenticator, registry) = without_keys();
    let credentials = PeerCredentials {
        authorization: TOKEN,
        ..PeerCredentials::default()
    };
    for (within, counted) in [(1, 1), (3, 2)] {
        let identity = authenticator.authenticate(credentials, SystemTime::UNIX_EPOCH);
        let result = timeout(Duration::from_secs(within), identity).await;
        let is_refused = result == Ok(Err(NotAuthenticated::JwksUnavailable));
        assert_eq!(is_refused, within > 2, "{result:?}");
        let mut page = String::new();
        encode(&mut page, &registry).unwrap();
        let line = format!("{{reason=\"jwks_unavailable\"}} {counted}\n");
        assert!(page.contains(&line), "{page}");
    }
}
