//! Keys that change, are late, or do not come.

use std::sync::Arc;
use std::time::Duration;

use livegate::auth::{AuthMode, JwksSource};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tonic::Code;

use super::issuer::{Key, SUBJECT, set};
use super::key_server::{KeyServer, broken, ok};
use super::pki::Authority;
use super::stack::{Stack, Told, skip, whoami};
use super::tokens::{file, settings};

/// Time goes by in jumps; what is left is what work takes.
const LOOK_EACH: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(10);

fn url(server: &KeyServer) -> JwksSource {
    let url = format!("http://{}/jwks", server.address);
    JwksSource::Url {
        url: url.parse().expect("a URL"),
        ca_file: None,
        token_file: None,
    }
}

async fn present(stack: &Stack, key: &Key) -> Told {
    let token = format!("Bearer {}", key.token(|_| {}));
    whoami(stack.plain(), &[&token]).await
}

/// Presents tokens of `key` until one counts: how long that took.
async fn until_known(stack: &Stack, key: &Key) -> Duration {
    let begun = Instant::now();
    let known = async {
        while present(stack, key).await.is_err() {
            sleep(LOOK_EACH).await;
        }
    };
    let known = timeout(LONGEST, known).await;
    known.expect("the key becomes known");
    begun.elapsed()
}

/// How many readings of the keys came to `outcome`.
async fn counted(stack: &Stack, outcome: &str) -> u32 {
    let metrics = stack.metrics().await;
    let line = format!("livegate_auth_jwks_fetches_total{{outcome=\"{outcome}\"}} ");
    let figure = metrics.lines().find_map(|text| text.strip_prefix(&line));
    figure.map_or(0, |figure| figure.parse().expect("a number"))
}

fn refused(message: &str) -> Told {
    Err((Code::Unauthenticated, message.to_owned()))
}

#[tokio::test]
async fn a_key_that_is_rotated_in_is_fetched_when_a_token_names_it() {
    let (old, new, forged) = (Key::new("old"), Key::new("new"), Key::new("forged"));
    let server = KeyServer::up(ok(set(&[&old])), None).await;
    let begun = Instant::now();
    let stack = Stack::up(settings(AuthMode::Jwt, url(&server)), None).await;
    assert_eq!(present(&stack, &old).await, Ok(SUBJECT.to_owned()));
    server.says(ok(set(&[&new])));
    let unknown = refused("the token is not signed by a known key");
    let asked = Instant::now();
    assert_eq!(present(&stack, &new).await, unknown);
    assert!(
        asked.elapsed() < Duration::from_secs(1),
        "nobody waits in vain"
    );
    skip(Duration::from_secs(9).saturating_sub(begun.elapsed())).await;
    assert_eq!(present(&stack, &new).await, unknown);
    assert_eq!(server.asked().len(), 1, "one fetch in ten seconds, at most");

    skip(Duration::from_secs(1)).await;
    until_known(&stack, &new).await;
    let after = begun.elapsed();
    println!("rotated in: known {after:?} after the start");
    assert!(after >= Duration::from_secs(10) && after < Duration::from_secs(20));
    assert_eq!(server.asked().len(), 2);
    assert_eq!(present(&stack, &old).await, unknown, "it is gone");

    // What was read stays when a fetch fails, and a flood of strangers costs none.
    server.says(broken());
    for _ in 0..50 {
        assert_eq!(present(&stack, &forged).await, unknown);
    }
    assert_eq!(server.asked().len(), 2);
    assert_eq!(present(&stack, &new).await, Ok(SUBJECT.to_owned()));
    assert_eq!(counted(&stack, "changed").await, 2);
}

#[tokio::test]
async fn keys_that_are_late_are_asked_for_until_they_come_and_then_stay() {
    let (key, stranger) = (Key::new("a"), Key::new("b"));
    let server = KeyServer::up(broken(), None).await;
    let stack = Stack::up(settings(AuthMode::Jwt, url(&server)), None).await;
    let told = present(&stack, &key).await;
    assert_eq!(
        told,
        refused("the keys that verify tokens (JWKS) are not available yet")
    );
    let metrics = stack.metrics().await;
    assert_eq!(counted(&stack, "failed").await, 1);
    let age = "livegate_auth_jwks_read_timestamp_seconds{source=\"url\"} ";
    assert!(!metrics.contains(&format!("\n{age}")), "{metrics}");

    server.says(ok(set(&[&key])));
    skip(Duration::from_secs(10)).await;
    let took = until_known(&stack, &key).await;
    println!("late keys: known {took:?} after the next fetch was due");
    assert!(took < Duration::from_secs(5));
    assert!(stack.metrics().await.contains(&format!("\n{age}")));

    // More than a set can be: it is not read to its end, and the keys stay.
    let padding = " ".repeat(2 * 1024 * 1024);
    server.says(ok(format!("{}{padding}", set(&[&stranger]))));
    let fetches = server.asked().len();
    assert!(present(&stack, &stranger).await.is_err());
    assert_eq!(server.asked().len(), fetches, "it was asked just now");
    skip(Duration::from_secs(10)).await;
    assert!(present(&stack, &stranger).await.is_err(), "it is too large");
    assert_eq!(server.asked().len(), fetches + 1, "a stranger's token asks");
    assert_eq!(counted(&stack, "failed").await, 2);
    assert!(present(&stack, &stranger).await.is_err(), "it is too large");
    assert_eq!(present(&stack, &key).await, Ok(SUBJECT.to_owned()));
}

#[tokio::test]
async fn a_file_of_keys_is_read_again_when_it_changes() {
    let (old, new) = (Key::new("old"), Key::new("new"));
    let (file, source) = file(&[&old]);
    let stack = Stack::up(settings(AuthMode::Jwt, source), None).await;
    assert_eq!(present(&stack, &old).await, Ok(SUBJECT.to_owned()));
    std::fs::write(file.path(), set(&[&old, &new])).expect("a file");
    skip(Duration::from_secs(1)).await;
    assert!(until_known(&stack, &new).await < Duration::from_secs(3));
    std::fs::write(file.path(), "half a fi").expect("a file");
    skip(Duration::from_secs(1)).await;
    let read = async {
        while counted(&stack, "failed").await == 0 {
            sleep(LOOK_EACH).await;
        }
    };
    timeout(LONGEST, read).await.expect("it is read");
    assert_eq!(
        present(&stack, &old).await,
        Ok(SUBJECT.to_owned()),
        "they stay"
    );
    std::fs::write(file.path(), set(&[&new])).expect("a file");
    skip(Duration::from_secs(1)).await;
    let gone = async {
        while present(&stack, &old).await.is_ok() {
            sleep(LOOK_EACH).await;
        }
    };
    let gone = timeout(LONGEST, gone).await;
    gone.expect("a key that was taken back counts no more");
}

#[tokio::test]
async fn keys_are_fetched_over_tls_with_our_own_token_as_it_is_now() {
    let (authority, other, key) = (Authority::new(), Authority::new(), Key::new("a"));
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("ca.crt"), other.pem()).expect("a file");
    std::fs::write(path("token"), "first\n").expect("a file");
    let server = KeyServer::up(ok(set(&[&key])), Some(tls(&authority))).await;
    let url = format!("https://localhost:{}/jwks", server.address.port());
    let source = JwksSource::Url {
        url: url.parse().expect("a URL"),
        ca_file: Some(path("ca.crt")),
        token_file: Some(path("token")),
    };
    let stack = Stack::up(settings(AuthMode::Jwt, source), None).await;
    let told = present(&stack, &key).await;
    assert_eq!(
        told,
        refused("the keys that verify tokens (JWKS) are not available yet")
    );
    assert!(
        server.asked().is_empty(),
        "another's roots: nothing is sent"
    );

    std::fs::write(path("ca.crt"), authority.pem()).expect("a file");
    std::fs::write(path("token"), "second\n").expect("a file");
    skip(Duration::from_secs(10)).await;
    until_known(&stack, &key).await;
    assert_eq!(server.asked(), [Some("Bearer second".to_owned())]);
}

fn tls(authority: &Authority) -> Arc<ServerConfig> {
    let pair = authority.issue("localhost", 2099);
    let chain = CertificateDer::from_pem_slice(pair.certificate.as_bytes());
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes());
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions that the provider has")
        .with_no_client_auth()
        .with_single_cert(vec![chain.expect("PEM")], key.expect("PEM"));
    Arc::new(config.expect("a pair"))
}
