//! TLS as peers meet it, over real sockets: who gets in, what is told to those who
//! do not, and certificates that change under load.

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
/// Midnight before its last day, in seconds since 1970.
const YEAR_2090_ENDS: f64 = 3_818_361_600.0;
const EXPIRY: &str = "grpc_server_certificate_expiry_timestamp_seconds{certificate=\"server\"} ";
const NOT_BEFORE: &str =
    "grpc_server_certificate_not_before_timestamp_seconds{certificate=\"server\"} ";
/// The first day of 1975, which the authority writes in each.
const YEAR_1975_BEGINS: f64 = 157_766_400.0;
const APPLIED: &str = "grpc_server_certificate_reloads_total{outcome=\"applied\"} ";
const REFUSED: &str = "grpc_server_certificate_reloads_total{outcome=\"refused\"} ";
const FAILED: &str = "grpc_server_connections_total{outcome=\"handshake_failed\"} ";
const TIMED_OUT: &str = "grpc_server_connections_total{outcome=\"handshake_timeout\"} ";

#[tokio::test]
async fn whoever_has_a_certificate_of_the_right_authority_gets_in_and_nobody_else() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let files = Files::holding(&ours.issue(NAME, 2099), &ours.pem());
    let stack = Stack::up(Some(&files)).await;
    let (known, unknown) = (ours.issue("payments", 2099), theirs.issue("payments", 2099));
    let expired = ours.issue("payments", 2020);
    for version in [&TLS12, &TLS13] {
        let client = ours.client(Some(&known), &[version]);
        create(stack.caller(&client)).await.expect("a session");
        for stranger in [None, Some(&unknown), Some(&expired)] {
            let client = ours.client(stranger, &[version]);
            assert!(stack.handshake(&client).await.is_err(), "{version:?}");
        }
    }
    stack.until(FAILED, 6.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_and_roots_change_under_load_and_no_call_fails() {
    let (old, new) = (Authority::new(), Authority::new());
    let files = Files::holding(&old.issue(NAME, 2090), &old.pem());
    let stack = Stack::up(Some(&files)).await;
    let (old_pair, new_pair) = (old.issue("a", 2099), new.issue("b", 2099));
    let client = old.client(Some(&old_pair), BOTH);
    let stop = CancellationToken::new();
    let mut load = JoinSet::new();
    for caller in 0..8 {
        let (lasting, stop) = (stack.caller(&client), stop.clone());
        let fresh: Vec<_> = (0..300).map(|_| stack.caller(&client)).collect();
        load.spawn(async move {
            let (mut calls, mut fresh) = (0, fresh.into_iter());
            while !stop.is_cancelled() {
                // Half the callers shake hands for each call, while there are any left.
                let fresh = fresh.next().filter(|_| caller % 2 == 0);
                let channel = fresh.unwrap_or_else(|| lasting.clone());
                create(channel).await.expect("no call fails");
                calls += 1;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            calls
        });
    }
    let both = format!("{}{}", old.pem(), new.pem());
    for (turn, year) in [(1.0, 2091), (2.0, 2092), (3.0, 2093)] {
        files.swap(&old.issue(NAME, year), &both);
        stack.until(APPLIED, turn).await;
    }
    stop.cancel();
    let calls: usize = load.join_all().await.into_iter().sum();
    println!("{calls} calls over 3 changes of the certificate, none failed");
    // Whom the first bundle did not know gets in by the second.
    let mut joined = new.client(Some(&new_pair), BOTH);
    assert!(
        stack.handshake(&joined).await.is_err(),
        "it trusts only its own root"
    );
    joined = old.client(Some(&new_pair), BOTH);
    create(stack.caller(&joined))
        .await
        .expect("the bundle knows it now");
}

#[tokio::test]
async fn files_that_do_not_fit_are_refused_once_and_the_ones_before_stay() {
    let authority = Authority::new();
    let files = Files::holding(&authority.issue(NAME, 2090), &authority.pem());
    let stack = Stack::up(Some(&files)).await;
    let pair = authority.issue("payments", 2099);
    let client = authority.client(Some(&pair), BOTH);
    let before = stack.handshake(&client).await.expect("it is known");
    stack.until(EXPIRY, YEAR_2090_ENDS).await;
    assert_eq!(stack.metric(NOT_BEFORE).await, Some(YEAR_1975_BEGINS));

    let mut broken = authority.issue(NAME, 2091);
    broken.key = authority.issue(NAME, 2091).key;
    files.swap(&broken, &authority.pem());
    stack.until(REFUSED, 1.0).await;
    files.swap(&authority.issue(NAME, 2092), "no certificate");
    stack.until(REFUSED, 2.0).await;
    assert_eq!(
        stack.handshake(&client).await.expect("it serves on"),
        before
    );
    assert_eq!(stack.metric(EXPIRY).await, Some(YEAR_2090_ENDS));

    files.swap(&authority.issue(NAME, 2093), &authority.pem());
    stack.until(APPLIED, 1.0).await;
    assert_ne!(stack.handshake(&client).await.expect("the new one"), before);
    assert_eq!(stack.metric(REFUSED).await, Some(2.0), "each is told once");
}

#[tokio::test]
async fn a_peer_that_does_not_finish_its_handshake_is_let_go_in_time() {
    let authority = Authority::new();
    let files = Files::holding(&authority.issue(NAME, 2090), &authority.pem());
    let stack = Stack::up(Some(&files)).await;
    let begun = Instant::now();
    let mut halting = TcpStream::connect(stack.grpc).await.expect("the port");
    halting.write_all(&[22, 3, 1, 2]).await.expect("it reads");
    let end = timeout(Duration::from_secs(5), halting.read(&mut [0; 64])).await;
    assert!(matches!(end, Ok(Ok(0) | Err(_))), "{end:?}");
    assert!(begun.elapsed() >= Duration::from_millis(450), "not at once");
    stack.until(TIMED_OUT, 1.0).await;
}

#[tokio::test]
async fn tls_to_a_plain_port_and_plain_text_to_a_tls_port_end_cleanly() {
    let authority = Authority::new();
    let files = Files::holding(&authority.issue(NAME, 2090), &authority.pem());
    let (tls, plain) = (Stack::up(Some(&files)).await, Stack::up(None).await);
    let client = authority.client(None, BOTH);
    let begun = Instant::now();
    plain.handshake(&client).await.expect_err("there is no TLS");

    let mut stream = TcpStream::connect(tls.grpc).await.expect("the port");
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    stream.write_all(preface).await.expect("it reads");
    let mut told = Vec::new();
    // A reset is an end too.
    let _ = stream.read_to_end(&mut told).await;
    assert_eq!(told.first(), Some(&21), "an alert: {told:?}");
    assert!(begun.elapsed() < Duration::from_secs(1), "at once");
    tls.until(FAILED, 1.0).await;
}

#[tokio::test]
async fn it_leaves_in_its_time_whatever_its_peers_do() {
    let authority = Authority::new();
    let files = Files::holding(&authority.issue(NAME, 2090), &authority.pem());
    let stack = Stack::up(Some(&files)).await;
    let pair = authority.issue("payments", 2099);
    let client = authority.client(Some(&pair), BOTH);
    let channel = stack.caller(&client);
    create(channel.clone()).await.expect("a session");
    let watched = watch(channel).await;
    let halting = TcpStream::connect(stack.grpc).await.expect("the port");
    let begun = Instant::now();
    stack.leave().await;
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
    drop((watched, halting));
}
