//! TLS over real sockets: which peers are accepted, how the others are refused, and
//! reloads of certificates under load.

#[path = "harness/admin.rs"]
mod admin;
#[path = "tls/client.rs"]
mod client;
#[path = "tls/pki.rs"]
mod pki;
#[path = "tls/stack.rs"]
mod stack;

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_util::sync::CancellationToken;

use pki::{Authority, Files};
use stack::{NAME, Stack, create, watch};

const BOTH: &[&tokio_rustls::rustls::SupportedProtocolVersion] = &[&TLS12, &TLS13];
/// Midnight before the last day of 2090, in seconds since 1970.
const LAST_DAY_OF_2090: f64 = 3_818_361_600.0;
const EXPIRY: &str = "grpc_server_certificate_expiry_timestamp_seconds{certificate=\"server\"} ";
const NOT_BEFORE: &str =
    "grpc_server_certificate_not_before_timestamp_seconds{certificate=\"server\"} ";
/// The first day of 1975, the default of `rcgen`.
const FIRST_DAY_OF_1975: f64 = 157_766_400.0;
const APPLIED: &str = "grpc_server_certificate_reloads_total{outcome=\"applied\"} ";
const REFUSED_NOW: &str = "grpc_server_certificate_refused{certificate=\"server\"} ";
const REFUSED: &str = "grpc_server_certificate_reloads_total{outcome=\"refused\"} ";
const FAILED: &str = "grpc_server_connections_total{outcome=\"handshake_failed\"} ";
const TIMED_OUT: &str = "grpc_server_connections_total{outcome=\"handshake_timeout\"} ";

#[tokio::test]
async fn only_a_client_certificate_of_the_configured_authority_is_accepted() {
    let (trusted, foreign) = (Authority::new(), Authority::new());
    let files = Files::holding(&trusted.issue(NAME, 2099), &trusted.pem());
    let stack = Stack::start(Some(&files)).await;
    let valid = trusted.issue("payments", 2099);
    let unknown = foreign.issue("payments", 2099);
    let expired = trusted.issue("payments", 2020);
    for version in [&TLS12, &TLS13] {
        let client = trusted.client(Some(&valid), &[version]);
        create(stack.channel(&client)).await.expect("a session");
        for refused in [None, Some(&unknown), Some(&expired)] {
            let client = trusted.client(refused, &[version]);
            assert!(stack.handshake(&client).await.is_err(), "{version:?}");
        }
    }
    stack.wait_for(FAILED, 6.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_and_roots_are_reloaded_under_load_without_a_failed_call() {
    let (old, new) = (Authority::new(), Authority::new());
    let files = Files::holding(&old.issue(NAME, 2090), &old.pem());
    let stack = Stack::start(Some(&files)).await;
    let (old_pair, new_pair) = (old.issue("a", 2099), new.issue("b", 2099));
    let client = old.client(Some(&old_pair), BOTH);
    let stop = CancellationToken::new();
    let mut load = JoinSet::new();
    for caller in 0..8 {
        let (reused, stop) = (stack.channel(&client), stop.clone());
        let fresh: Vec<_> = (0..300).map(|_| stack.channel(&client)).collect();
        load.spawn(async move {
            let (mut calls, mut fresh) = (0, fresh.into_iter());
            while !stop.is_cancelled() {
                // Half the callers use a new connection for each call, as long as there are any.
                let fresh = fresh.next().filter(|_| caller % 2 == 0);
                let channel = fresh.unwrap_or_else(|| reused.clone());
                create(channel).await.expect("no call fails");
                calls += 1;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            calls
        });
    }
    let both = format!("{}{}", old.pem(), new.pem());
    for (reloads, year) in [(1.0, 2091), (2.0, 2092), (3.0, 2093)] {
        files.swap(&old.issue(NAME, year), &both);
        stack.wait_for(APPLIED, reloads).await;
    }
    stop.cancel();
    let calls: usize = load.join_all().await.into_iter().sum();
    println!("{calls} calls over 3 reloads of the certificate, none failed");
    // The second bundle adds the root of this client.
    let mut added = new.client(Some(&new_pair), BOTH);
    assert!(
        stack.handshake(&added).await.is_err(),
        "the client trusts only the new root"
    );
    added = old.client(Some(&new_pair), BOTH);
    create(stack.channel(&added))
        .await
        .expect("the bundle has its root now");
}

#[tokio::test]
async fn files_that_do_not_match_are_rejected_once_and_the_previous_ones_stay() {
    let authority = Authority::new();
    let files = Files::holding(&authority.issue(NAME, 2090), &authority.pem());
    let stack = Stack::start(Some(&files)).await;
    let pair = authority.issue("payments", 2099);
    let client = authority.client(Some(&pair), BOTH);
    let before = stack.handshake(&client).await.expect("a handshake");
    stack.wait_for(EXPIRY, LAST_DAY_OF_2090).await;
    assert_eq!(stack.metric(NOT_BEFORE).await, Some(FIRST_DAY_OF_1975));

    let mut broken = authority.issue(NAME, 2091);
    broken.key = authority.issue(NAME, 2091).key;
    files.swap(&broken, &authority.pem());
    stack.wait_for(REFUSED, 1.0).await;
    files.swap(&authority.issue(NAME, 2092), "no certificate");
    stack.wait_for(REFUSED, 2.0).await;
    assert_eq!(
        stack.handshake(&client).await.expect("it still serves"),
        before
    );
    assert_eq!(stack.metric(EXPIRY).await, Some(LAST_DAY_OF_2090));

    files.swap(&authority.issue(NAME, 2093), &authority.pem());
    stack.wait_for(APPLIED, 1.0).await;
    assert_ne!(
        stack.handshake(&client).await.expect("the new certificate"),
        before
    );
    assert_eq!(
        stack.metric(REFUSED).await,
        Some(2.0),
        "each is counted once"
    );
}

#[tokio::test]
async fn a_certificate_outside_its_validity_is_refused_at_a_reload() {
    let authority = Authority::new();
    let files = Files::holding(&authority.issue(NAME, 2090), &authority.pem());
    let stack = Stack::start(Some(&files)).await;
    stack.wait_for(REFUSED_NOW, 0.0).await;
    files.swap(&authority.issue(NAME, 2020), &authority.pem());
    stack.wait_for(REFUSED_NOW, 1.0).await;
    assert_eq!(stack.metric(EXPIRY).await, Some(LAST_DAY_OF_2090));
    files.swap(&authority.issue_from(NAME, 2080), &authority.pem());
    stack.wait_for(REFUSED, 2.0).await;
    assert_eq!(stack.metric(EXPIRY).await, Some(LAST_DAY_OF_2090));
    files.swap(&authority.issue(NAME, 2093), &authority.pem());
    stack.wait_for(REFUSED_NOW, 0.0).await;
}

#[tokio::test]
async fn a_root_signs_only_for_its_own_trust_domain() {
    let (shop, bank, plain) = (
        Authority::of_trust_domain("shop.example"),
        Authority::of_trust_domain("bank.example"),
        Authority::new(),
    );
    let server = plain.issue(NAME, 2090);
    let roots = [shop.pem(), bank.pem(), plain.pem()].concat();
    let files = Files::holding(&server, &roots);
    let stack = Stack::start(Some(&files)).await;
    let id = "spiffe://shop.example/payments";
    for (issuer, accepted) in [(&shop, true), (&bank, false), (&plain, true)] {
        let pair = issuer.issue_spiffe(id);
        let client = plain.client(Some(&pair), BOTH);
        assert_eq!(stack.handshake(&client).await.is_ok(), accepted);
    }
    let unnamed = plain.client(Some(&bank.issue("payments", 2099)), BOTH);
    assert!(stack.handshake(&unnamed).await.is_err(), "no SPIFFE ID");
}

#[tokio::test]
async fn a_peer_that_does_not_finish_its_handshake_is_closed_in_time() {
    let authority = Authority::new();
    let files = Files::holding(&authority.issue(NAME, 2090), &authority.pem());
    let stack = Stack::start(Some(&files)).await;
    let start = Instant::now();
    let mut stalled = TcpStream::connect(stack.grpc).await.expect("the port");
    stalled.write_all(&[22, 3, 1, 2]).await.expect("it reads");
    let end = timeout(Duration::from_secs(5), stalled.read(&mut [0; 64])).await;
    assert!(matches!(end, Ok(Ok(0) | Err(_))), "{end:?}");
    assert!(start.elapsed() >= Duration::from_millis(450), "not at once");
    stack.wait_for(TIMED_OUT, 1.0).await;
}

#[tokio::test]
async fn tls_on_a_plain_port_and_plain_text_on_a_tls_port_fail_at_once() {
    let authority = Authority::new();
    let files = Files::holding(&authority.issue(NAME, 2090), &authority.pem());
    let (tls, plain) = (Stack::start(Some(&files)).await, Stack::start(None).await);
    let client = authority.client(None, BOTH);
    let start = Instant::now();
    plain.handshake(&client).await.expect_err("there is no TLS");

    let mut stream = TcpStream::connect(tls.grpc).await.expect("the port");
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    stream.write_all(preface).await.expect("it reads");
    let mut received = Vec::new();
    // A reset also ends the connection.
    let _ = stream.read_to_end(&mut received).await;
    assert_eq!(received.first(), Some(&21), "an alert: {received:?}");
    assert!(start.elapsed() < Duration::from_secs(1), "at once");
    tls.wait_for(FAILED, 1.0).await;
}

#[tokio::test]
async fn it_shuts_down_in_time_despite_its_peers() {
    let authority = Authority::new();
    let files = Files::holding(&authority.issue(NAME, 2090), &authority.pem());
    let stack = Stack::start(Some(&files)).await;
    let pair = authority.issue("payments", 2099);
    let client = authority.client(Some(&pair), BOTH);
    let channel = stack.channel(&client);
    create(channel.clone()).await.expect("a session");
    let watched = watch(channel).await;
    let stalled = TcpStream::connect(stack.grpc).await.expect("the port");
    let start = Instant::now();
    stack.shut_down().await;
    let took = start.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
    drop((watched, stalled));
}
