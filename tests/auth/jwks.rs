//! JWKS that rotate, are late, or are unavailable.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use livegate::auth::{AuthMode, JwksSource};
use livegate::transport::TransportLimits;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tonic::Code;

use super::issuer::{Key, SUBJECT, set};
use super::jwks_server::{JwksServer, broken, ok};
use super::pki::Authority;
use super::stack::{AuthOutcome, Stack, advance, whoami};
use super::tokens::{file, settings};

/// The tests advance the clock over the intervals; what remains is real work.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
const TEST_TIMEOUT: Duration = Duration::from_secs(10);

fn url(server: &JwksServer) -> JwksSource {
    let url = format!("http://{}/jwks", server.address);
    JwksSource::Url {
        url: url.parse().expect("a URL"),
        ca_file: None,
        token_file: None,
    }
}

async fn present(stack: &Stack, key: &Key) -> AuthOutcome {
    let token = format!("Bearer {}", key.token(|_| {}));
    whoami(stack.plain(), &[&token]).await
}

/// Presents tokens of `key` until one is accepted, and returns how long that took.
async fn until_accepted(stack: &Stack, key: &Key) -> Duration {
    let started = Instant::now();
    let accepted = async {
        while present(stack, key).await.is_err() {
            sleep(POLL_INTERVAL).await;
        }
    };
    let accepted = timeout(TEST_TIMEOUT, accepted).await;
    accepted.expect("the key is loaded");
    started.elapsed()
}

/// How many reads of the JWKS had this `outcome`.
async fn reads(stack: &Stack, outcome: &str) -> u32 {
    let metrics = stack.metrics().await;
    let line = format!("livegate_auth_jwks_fetches_total{{outcome=\"{outcome}\"}} ");
    let figure = metrics.lines().find_map(|text| text.strip_prefix(&line));
    figure.map_or(0, |figure| figure.parse().expect("a number"))
}

fn refused(message: &str) -> AuthOutcome {
    Err((Code::Unauthenticated, message.to_owned()))
}

fn unavailable() -> AuthOutcome {
    let message = "the keys that verify tokens (JWKS) are not available yet";
    Err((Code::Unavailable, message.to_owned()))
}

fn pending() -> AuthOutcome {
    let message = "the token's key is not known yet, because the keys (JWKS) were read before it";
    Err((Code::Unavailable, message.to_owned()))
}

#[tokio::test]
async fn a_rotated_key_is_fetched_when_a_token_names_it() {
    let (old, new, forged) = (Key::new("old"), Key::new("new"), Key::new("forged"));
    let server = JwksServer::start(ok(set(&[&old])), None).await;
    let stack = Stack::start(settings(AuthMode::Jwt, url(&server)), None).await;
    assert_eq!(present(&stack, &old).await, Ok(SUBJECT.to_owned()));
    server.set_reply(ok(set(&[&new])));
    assert_eq!(present(&stack, &new).await, Ok(SUBJECT.to_owned()));
    assert_eq!(server.requests().len(), 2, "one fetch at once");
    let unknown = refused("the token is not signed by a known key");
    assert_eq!(present(&stack, &old).await, unknown, "it was removed");
    assert_eq!(server.requests().len(), 3);

    // A flood of forged tokens causes one more fetch. A key that is newer than that fetch
    // would be known after the next one, so the tokens are deferred.
    assert_eq!(present(&stack, &forged).await, unknown);
    for _ in 0..50 {
        assert_eq!(present(&stack, &forged).await, pending());
    }
    assert_eq!(server.requests().len(), 4);
    assert_eq!(present(&stack, &new).await, Ok(SUBJECT.to_owned()));
    assert_eq!(reads(&stack, "changed").await, 2);

    // A failed fetch keeps the keys, and tells nothing about an unknown one.
    server.set_reply(broken());
    advance(Duration::from_secs(10)).await;
    assert_eq!(present(&stack, &forged).await, pending());
    assert_eq!(server.requests().len(), 5);
    assert_eq!(present(&stack, &new).await, Ok(SUBJECT.to_owned()));
}

#[tokio::test]
async fn forged_keys_do_not_refuse_a_rotated_key() {
    let (old, new, forged) = (Key::new("old"), Key::new("new"), Key::new("forged"));
    let server = JwksServer::start(ok(set(&[&old])), None).await;
    let stack = Stack::start(settings(AuthMode::Jwt, url(&server)), None).await;
    for _ in 0..5 {
        let _ = present(&stack, &forged).await;
        advance(Duration::from_secs(1)).await;
    }
    server.set_reply(ok(set(&[&new])));
    let mut deferred = 0;
    while present(&stack, &new).await != Ok(SUBJECT.to_owned()) {
        assert_eq!(present(&stack, &new).await, pending());
        deferred += 1;
        assert!(deferred <= 10, "the next fetch is allowed after 10 s");
        let _ = present(&stack, &forged).await;
        advance(Duration::from_secs(1)).await;
    }
    println!("rotated key: accepted after {deferred} s of forged keys");
}

#[tokio::test]
async fn calls_that_wait_for_a_key_take_no_place_of_callers_whose_key_is_known() {
    let (key, forged) = (Key::new("known"), Key::new("forged"));
    let server = JwksServer::start(ok(set(&[&key])), None).await;
    let limits = TransportLimits {
        max_concurrent_requests: NonZeroU32::MIN,
        ..TransportLimits::default()
    };
    let auth = settings(AuthMode::Jwt, url(&server));
    let stack = Stack::with_limits(auth, None, limits).await;
    assert_eq!(present(&stack, &key).await, Ok(SUBJECT.to_owned()));

    // The server waits for the end of this request, and the next fetch for the server.
    let _unfinished = TcpStream::connect(server.address).await.expect("a port");
    let token = format!("Bearer {}", forged.token(|_| {}));
    let authorization = [token.as_str()];
    let channel = stack.plain();
    let mut waiting: FuturesUnordered<_> = (0..101)
        .map(|_| whoami(channel.clone(), &authorization))
        .collect();
    assert_eq!(waiting.next().await, Some(pending()), "100 calls may wait");
    let known = timeout(Duration::from_secs(1), present(&stack, &key));
    assert_eq!(known.await, Ok(Ok(SUBJECT.to_owned())));
    assert_eq!(waiting.len(), 100);
}

#[tokio::test]
async fn two_keys_with_one_kid_are_both_tried() {
    let (one, other, third) = (Key::new("a"), Key::new("a"), Key::new("a"));
    let (_file, source) = file(&[&one, &other]);
    let stack = Stack::start(settings(AuthMode::Jwt, source), None).await;
    for key in [&one, &other] {
        assert_eq!(present(&stack, key).await, Ok(SUBJECT.to_owned()));
    }
    let unknown = refused("the token is not signed by a known key");
    assert_eq!(present(&stack, &third).await, unknown);
}

#[tokio::test]
async fn the_last_key_can_be_revoked() {
    let key = Key::new("a");
    let server = JwksServer::start(ok(set(&[&key])), None).await;
    let stack = Stack::start(settings(AuthMode::Jwt, url(&server)), None).await;
    assert_eq!(present(&stack, &key).await, Ok(SUBJECT.to_owned()));
    server.set_reply(ok("{\"keys\": []}".to_owned()));
    let forged = Key::new("forged");
    let unknown = refused("the token is not signed by a known key");
    assert_eq!(present(&stack, &forged).await, unknown, "causes a fetch");
    assert_eq!(present(&stack, &key).await, unknown);
}

#[tokio::test]
async fn a_late_jwks_is_fetched_until_it_loads_and_is_then_kept() {
    let (key, other) = (Key::new("a"), Key::new("b"));
    let server = JwksServer::start(broken(), None).await;
    let stack = Stack::start(settings(AuthMode::Jwt, url(&server)), None).await;
    let unavailable = unavailable();
    assert_eq!(present(&stack, &key).await, unavailable);
    let metrics = stack.metrics().await;
    assert!(reads(&stack, "failed").await >= 1);
    assert!(!stack.is_ready().await, "it would refuse every caller");
    let read_at = "livegate_auth_jwks_read_timestamp_seconds{source=\"url\"} ";
    assert!(!metrics.contains(&format!("\n{read_at}")), "{metrics}");

    server.set_reply(ok(set(&[&key])));
    advance(Duration::from_secs(10)).await;
    let took = until_accepted(&stack, &key).await;
    println!("late JWKS: accepted {took:?} after the next fetch was due");
    assert!(took < Duration::from_secs(5));
    assert!(stack.metrics().await.contains(&format!("\n{read_at}")));
    assert!(stack.is_ready().await);

    // A JWKS above the size limit is not read to its end, and the keys are kept.
    let padding = " ".repeat(2 * 1024 * 1024);
    server.set_reply(ok(format!("{}{padding}", set(&[&other]))));
    let failed = reads(&stack, "failed").await;
    advance(Duration::from_secs(10)).await;
    assert_eq!(present(&stack, &other).await, pending());
    assert!(reads(&stack, "failed").await > failed);
    assert_eq!(present(&stack, &key).await, Ok(SUBJECT.to_owned()));
}

#[tokio::test]
async fn a_jwks_file_is_reloaded_when_it_changes() {
    let (old, new) = (Key::new("old"), Key::new("new"));
    let (file, source) = file(&[&old]);
    let stack = Stack::start(settings(AuthMode::Jwt, source), None).await;
    assert_eq!(present(&stack, &old).await, Ok(SUBJECT.to_owned()));
    std::fs::write(file.path(), set(&[&old, &new])).expect("a file");
    advance(Duration::from_secs(1)).await;
    assert!(until_accepted(&stack, &new).await < Duration::from_secs(3));
    std::fs::write(file.path(), "half a fi").expect("a file");
    advance(Duration::from_secs(1)).await;
    let read = async {
        while reads(&stack, "failed").await == 0 {
            sleep(POLL_INTERVAL).await;
        }
    };
    timeout(TEST_TIMEOUT, read).await.expect("the file is read");
    assert_eq!(
        present(&stack, &old).await,
        Ok(SUBJECT.to_owned()),
        "the keys are kept"
    );
    std::fs::write(file.path(), set(&[&new])).expect("a file");
    advance(Duration::from_secs(1)).await;
    let refused = async {
        while present(&stack, &old).await.is_ok() {
            sleep(POLL_INTERVAL).await;
        }
    };
    let refused = timeout(TEST_TIMEOUT, refused).await;
    refused.expect("a removed key is refused");
}

#[tokio::test]
async fn a_jwks_is_fetched_over_tls_with_the_current_root_and_bearer_token() {
    let (authority, other, key) = (Authority::new(), Authority::new(), Key::new("a"));
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("ca.crt"), other.pem()).expect("a file");
    std::fs::write(path("token"), "first\n").expect("a file");
    let server = JwksServer::start(ok(set(&[&key])), Some(tls(&authority, "localhost"))).await;
    let url = format!("https://localhost:{}/jwks", server.address.port());
    let source = JwksSource::Url {
        url: url.parse().expect("a URL"),
        ca_file: Some(path("ca.crt")),
        token_file: Some(path("token")),
    };
    let stack = Stack::start(settings(AuthMode::Jwt, source), None).await;
    let unavailable = unavailable();
    assert_eq!(present(&stack, &key).await, unavailable);
    assert!(
        server.requests().is_empty(),
        "another root certificate: nothing is sent"
    );

    std::fs::write(path("ca.crt"), authority.pem()).expect("a file");
    std::fs::write(path("token"), "second\n").expect("a file");
    advance(Duration::from_secs(10)).await;
    until_accepted(&stack, &key).await;
    assert_eq!(server.requests(), [Some("Bearer second".to_owned())]);
}

/// Returns the TLS settings of a server of this name.
pub(crate) fn tls(authority: &Authority, name: &str) -> Arc<ServerConfig> {
    let pair = authority.issue(name, 2099);
    let chain = CertificateDer::from_pem_slice(pair.certificate.as_bytes());
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes());
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions that the provider supports")
        .with_no_client_auth()
        .with_single_cert(vec![chain.expect("PEM")], key.expect("PEM"));
    Arc::new(config.expect("a key pair"))
}
