//! Connections to real servers: which count as connected, and how long they are kept.

use std::fs;
use std::path::Path;
use std::time::Duration;

use futures_util::FutureExt as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use redis::Script;
use tokio::time::{sleep, timeout};

use super::test_server::{RedisServer, free_port};
use super::{Store, StoreError, StoreSettings, StoreTls};

/// Longer than the longest backoff and a connect.
const SOON: Duration = Duration::from_secs(3);

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn a_server_that_refuses_writes_counts_as_not_connected() {
    let primary = RedisServer::start().await;
    let replica = primary.replica().await;
    let error = Store::check(&replica.settings()).await;
    let error = error.expect_err("a replica is read-only").to_string();
    assert!(error.contains("read only replica"), "{error}");

    let store = primary.store().await;
    for (setting, refusing, accepting, code) in [
        ("maxmemory", "1", "0", "OOM"),
        ("min-replicas-to-write", "9", "0", "NOREPLICAS"),
    ] {
        primary.command(&["CONFIG", "SET", setting, refusing]).await;
        let failed = write(&store).await.expect_err("a refused write");
        assert!(failed.to_string().contains(code), "{failed}");
        sleep(SOON / 3).await;
        assert_eq!(write(&store).await, Err(StoreError::Down), "{setting}");
        primary
            .command(&["CONFIG", "SET", setting, accepting])
            .await;
        timeout(SOON, store.up()).await.expect("it reconnects");
    }
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn errors_of_many_calls_end_one_connection_only() {
    let server = RedisServer::start().await;
    let store = server.store().await;
    let connections = async || {
        let stats = server.command(&["INFO", "stats"]).await;
        let mut lines = stats.lines();
        let count = lines.find_map(|line| line.strip_prefix("total_connections_received:"));
        count
            .expect("the statistic")
            .trim()
            .parse::<u32>()
            .expect("a number")
    };
    let first = connections().await;
    let script = Script::new("return redis.error_reply('READONLY as after a failover')");
    let calls = (0..20).map(|_| async {
        let failed = store.run::<()>("test", &script.prepare_invoke()).await;
        assert!(failed.is_err());
    });
    futures_util::future::join_all(calls).await;
    sleep(SOON / 3).await;
    assert!(store.up().now_or_never().is_some(), "it is connected");
    // Each question opens a connection of its own.
    assert_eq!(connections().await - first, 2);
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn the_message_of_an_error_is_cut_and_its_control_characters_are_escaped() {
    let server = RedisServer::start().await;
    let store = server.store().await;
    let script = Script::new(r"return redis.error_reply('ERR \27[31m' .. string.rep('x', 200000))");
    let failed = store.run::<()>("test", &script.prepare_invoke()).await;
    let failed = failed.expect_err("an error").to_string();
    assert!(failed.contains(r"\u{1b}[31mxxx"), "{failed}");
    assert!(failed.len() < 600, "{} bytes", failed.len());
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn a_cluster_of_several_shards_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut nodes = Vec::new();
    for node in ["a", "b"] {
        let file = folder.path().join(node).display().to_string();
        let (port, bus) = (free_port(), free_port().to_string());
        let cluster = [
            "--cluster-enabled",
            "yes",
            "--cluster-config-file",
            &file,
            "--cluster-port",
            &bus,
        ];
        nodes.push((RedisServer::start_at(port, &cluster).await, bus));
    }
    let [(a, _), (b, b_bus)] = &nodes[..] else {
        unreachable!("there are two");
    };
    a.command(&["CLUSTER", "ADDSLOTSRANGE", "0", "8191"]).await;
    b.command(&["CLUSTER", "ADDSLOTSRANGE", "8192", "16383"])
        .await;
    let port = b.port().to_string();
    a.command(&["CLUSTER", "MEET", "127.0.0.1", &port, b_bus])
        .await;
    let refused = async {
        loop {
            let checked = Store::check(&a.settings()).await;
            let error = checked.expect_err("some slots are elsewhere").to_string();
            if error.contains("a cluster of 2 shards") {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(10 * SOON, refused).await.expect("the nodes meet");
}

/// Writes the certificates of a test CA, and those of a server and a client with their keys.
fn write_certificates(folder: &Path) {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // A certificate whose issuer has its own name counts as self-signed.
    params
        .distinguished_name
        .push(DnType::CommonName, "test CA");
    let key = KeyPair::generate().expect("a key");
    let ca = CertifiedIssuer::self_signed(params, key).expect("a CA");
    fs::write(folder.join("ca"), ca.pem()).expect("a file");
    for name in ["server", "client"] {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        let signed = params.signed_by(&key, &ca).expect("a certificate");
        fs::write(folder.join(name), signed.pem()).expect("a file");
        fs::write(folder.join(format!("{name}-key")), key.serialize_pem()).expect("a file");
    }
}

/// Starts a server that requires client certificates at `tls_port`.
async fn start_with_tls(folder: &Path, tls_port: u16) -> RedisServer {
    let text = |name: &str| folder.join(name).display().to_string();
    let options = [
        ("--tls-port", tls_port.to_string()),
        ("--tls-ca-cert-file", text("ca")),
        ("--tls-cert-file", text("server")),
        ("--tls-key-file", text("server-key")),
    ];
    let options = options.iter().flat_map(|(name, value)| [*name, value]);
    RedisServer::start_at(free_port(), &options.collect::<Vec<_>>()).await
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn a_store_with_a_private_ca_and_client_certificates_is_reached_with_the_files() {
    let folder = tempfile::tempdir().expect("a folder");
    write_certificates(folder.path());
    let tls_port = free_port();
    let server = start_with_tls(folder.path(), tls_port).await;
    let settings = |tls: StoreTls| StoreSettings {
        url: Some(format!("rediss://localhost:{tls_port}")),
        tls,
        timeout: SOON,
        ..server.settings()
    };
    let path = |name: &str| Some(folder.path().join(name));
    let mut tls = StoreTls {
        ca_file: path("ca"),
        certificate: path("client"),
        key: path("client-key"),
    };
    assert_eq!(Store::check(&settings(tls.clone())).await, Ok(()));
    (tls.certificate, tls.key) = (None, None);
    let anonymous = Store::check(&settings(tls.clone())).await;
    assert!(anonymous.is_err(), "the server requests a certificate");
    tls.ca_file = path("missing");
    let missing = Store::check(&settings(tls)).await;
    let missing = missing.expect_err("it cannot be read").to_string();
    assert!(missing.contains("missing"), "{missing}");
    let unknown = Store::check(&settings(StoreTls::default())).await;
    assert!(unknown.is_err(), "the system does not trust this CA");
}

async fn write(store: &Store) -> Result<(), StoreError> {
    let script = Script::new("redis.call('SET', KEYS[1], '')");
    let mut call = script.prepare_invoke();
    store
        .run("test", call.key(store.key("test", "1", "write")))
        .await
}
