//! Fuzzes client certificates: a certificate identifies one caller, by its SPIFFE ID or
//! its host name, or is rejected.
#![no_main]

use std::time::{Duration, SystemTime};

use livegate::auth::{AuthMethod, AuthMetrics, AuthMode, Authenticator, PeerCredentials};
use tokio::runtime::Builder;

libfuzzer_sys::fuzz_target!(|certificate: &[u8]| {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let auth = Authenticator::new(&AuthMode::Mtls.into(), AuthMetrics::default());
    let credentials = PeerCredentials {
        certificate: Some(certificate),
        ..PeerCredentials::default()
    };
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    if let Ok(identity) = runtime.block_on(auth.authenticate(credentials, now)) {
        let caller = identity.caller.as_str();
        let is_spiffe_id = caller.strip_prefix("spiffe://").is_some_and(|id| {
            let (domain, path) = id.split_once('/').unwrap_or_default();
            !domain.is_empty() && !path.is_empty() && !path.contains("//")
        });
        let is_host = !caller.contains(['/', ':', '*', ' ']);
        assert!(is_spiffe_id || is_host, "{caller:?}");
        assert_eq!(identity.auth_method, AuthMethod::Certificate);
    }
});
