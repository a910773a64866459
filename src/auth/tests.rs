//! The modes, without a connection.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::*;
use crate::model::PeerAddress;

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
        address: PeerAddress::InProcess,
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

#[tokio::test(start_paused = true)]
async fn without_keys_the_service_is_not_ready_and_a_call_waits_two_seconds() {
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
    let authenticator = Authenticator::new(&settings, AuthMetrics::default());
    let ready = timeout(Duration::from_secs(60), authenticator.ready()).await;
    assert!(ready.is_err(), "no keys were read");
    let credentials = PeerCredentials {
        authorization: TOKEN,
        ..PeerCredentials::default()
    };
    let started = Instant::now();
    let identity = authenticator.authenticate(credentials, SystemTime::UNIX_EPOCH);
    assert_eq!(identity.await, Err(NotAuthenticated::JwksUnavailable));
    assert_eq!(started.elapsed().as_secs(), 2);
}
