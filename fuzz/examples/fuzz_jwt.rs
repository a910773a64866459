//! Fuzzes the metadata key `authorization`: no token is accepted without a valid signature
//! and valid claims.
//!
//! An input is the value of the key. If it begins with `^`, it is the header of a token
//! that the target signs, and if it begins with `=`, the claims of one.
#![no_main]

use std::cell::LazyCell;
use std::time::{Duration, SystemTime};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use livegate::auth::{
    AuthMetrics, AuthMode, AuthSettings, Authenticator, JwksSource, JwtSettings, MetadataField,
    PeerCredentials, TokenAlgorithm,
};
use tokio::runtime::{Builder, Runtime};

const HEADER: &str = r#"{"alg":"EdDSA","kid":"a"}"#;
const CLAIMS: &str = r#"{"iss":"https://issuer","aud":["livegate"],"sub":"system:serviceaccount:shop:payments","nbf":1799999000,"exp":1800001000}"#;
const NOW: Duration = Duration::from_secs(1_800_000_000);

struct Target {
    runtime: Runtime,
    auth: Authenticator,
    key: Ed25519KeyPair,
}

thread_local! {
    static TARGET: LazyCell<Target> = LazyCell::new(Target::new);
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| TARGET.with(|target| target.run(bytes)));

impl Target {
    /// Returns a target whose JWKS holds one key.
    fn new() -> Self {
        let key = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("32 bytes are a key");
        let public = BASE64_URL_SAFE_NO_PAD.encode(key.public_key().as_ref());
        let keys =
            format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"a","x":"{public}"}}]}}"#);
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), keys).expect("a JWKS file");
        let settings = AuthSettings {
            mode: AuthMode::Jwt,
            trusted_proxies: Vec::new(),
            jwt: Some(JwtSettings {
                issuer: "https://issuer".to_owned(),
                audience: "livegate".to_owned(),
                source: JwksSource::File(file.path().to_owned()),
                algorithms: vec![TokenAlgorithm::EdDsa],
                leeway: Duration::from_secs(30),
                refresh_interval: Duration::from_secs(600),
            }),
        };
        let mut builder = Builder::new_current_thread();
        let runtime = builder
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let auth = Authenticator::new(&settings, AuthMetrics::default());
        let refresh =
            async { tokio::time::timeout(Duration::from_millis(500), auth.refresh_jwks()).await };
        assert!(runtime.block_on(refresh).is_err(), "it refreshes for ever");
        let target = Self { runtime, auth, key };
        assert!(target.accepts(&target.signed(HEADER.as_bytes(), CLAIMS.as_bytes())));
        target
    }

    fn run(&self, bytes: &[u8]) {
        match bytes.split_first() {
            Some((b'^', header)) => {
                self.accepts(&self.signed(header, CLAIMS.as_bytes()));
            }
            Some((b'=', claims)) => {
                self.accepts(&self.signed(HEADER.as_bytes(), claims));
            }
            _ => {
                let valid = self.signed(HEADER.as_bytes(), CLAIMS.as_bytes());
                assert!(!self.accepts(bytes) || bytes.ends_with(&valid["Bearer ".len()..]));
            }
        }
    }

    fn accepts(&self, authorization: &[u8]) -> bool {
        let credentials = PeerCredentials {
            authorization: MetadataField::Single(authorization),
            ..PeerCredentials::default()
        };
        let now = SystemTime::UNIX_EPOCH + NOW;
        self.runtime
            .block_on(self.auth.authenticate(credentials, now))
            .is_ok()
    }

    fn signed(&self, header: &[u8], claims: &[u8]) -> Vec<u8> {
        let [header, claims] = [header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
        let signature = self.key.sign(format!("{header}.{claims}").as_bytes());
        let signature = BASE64_URL_SAFE_NO_PAD.encode(signature);
        format!("Bearer {header}.{claims}.{signature}").into_bytes()
    }
}
