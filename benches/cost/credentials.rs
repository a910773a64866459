//! Credentials for mTLS and JWT: certificates, a token and the key that verifies it.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

const SERVER: &str = "livegate.test";
const CALLER: &str = "payments";

/// The files of the server, and what a client presents.
pub(crate) struct Credentials {
    folder: TempDir,
    pub(crate) tls: ClientTlsConfig,
    pub(crate) authorization: MetadataValue<Ascii>,
}

impl Credentials {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text);
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let issue = |name: &str| -> anyhow::Result<(String, String)> {
            let mut params = CertificateParams::new(vec![name.to_owned()])?;
            params.not_after = rcgen::date_time_ymd(2099, 12, 31);
            let key = KeyPair::generate()?;
            let certificate = params.signed_by(&key, &authority)?;
            Ok((certificate.pem(), key.serialize_pem()))
        };
        let (certificate, key) = issue(SERVER)?;
        write("tls.crt", &certificate)?;
        write("tls.key", &key)?;
        write("ca.crt", &authority.pem())?;
        let (certificate, key) = issue(CALLER)?;
        let (jwks, token) = token()?;
        write("jwks.json", &jwks.to_string())?;
        Ok(Self {
            folder,
            tls: ClientTlsConfig::new()
                .ca_certificate(Certificate::from_pem(authority.pem()))
                .domain_name(SERVER)
                .identity(Identity::from_pem(certificate, key)),
            authorization: format!("Bearer {token}").parse()?,
        })
    }

    /// Returns the configuration of the server.
    pub(crate) fn config(&self) -> String {
        let path = |name: &str| -> PathBuf { self.folder.path().join(name) };
        format!(
            "[auth]\nmode = \"mtls+jwt\"\n[auth.jwt]\nissuer = \"issuer\"\naudience = \"livegate\"\n\
             algorithms = [\"ES256\"]\njwks_file = {:?}\n\
             [grpc.tls]\ncertificate = {:?}\nkey = {:?}\nclient_ca = {:?}\n\
             [callers.default]\nallow = [\"create\"]\n",
            path("jwks.json"),
            path("tls.crt"),
            path("tls.key"),
            path("ca.crt"),
        )
    }
}

/// Returns a key set and a token, signed on the curve P-256.
#[expect(clippy::disallowed_methods, reason = "tokens carry wall-clock times")]
fn token() -> anyhow::Result<(Value, String)> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    // The first byte marks an uncompressed point: both coordinates follow.
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    let key = json!({
        "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y),
        "kid": "a", "use": "sig", "alg": "ES256",
    });
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let header = json!({"alg": "ES256", "kid": "a"});
    let claims = json!({
        "iss": "issuer", "aud": ["livegate"], "sub": CALLER,
        "iat": now, "nbf": now, "exp": now + 3600,
    });
    let part = |value: &Value| encode(value.to_string().as_bytes());
    let input = format!("{}.{}", part(&header), part(&claims));
    let signature = pair.sign(&SystemRandom::new(), input.as_bytes())?;
    let token = format!("{input}.{}", encode(signature.as_ref()));
    Ok((json!({ "keys": [key] }), token))
}
