//! A door whose store is gone, hangs, refuses, or is cut off from some replicas.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::{SECOND, quota};
use crate::admission::{
    Admission, AdmissionSettings, ArrivalKind, AttemptOutcome, QueueSettings, QuotaSettings,
};
use crate::model::CallerId;
use crate::model::Deadline;
use crate::store::test_server::{self, RedisServer};
use crate::store::{Store, StoreMetrics};

fn settings(rate: f64) -> AdmissionSettings {
    AdmissionSettings {
        quota: QuotaSettings {
            rate_per_second: rate,
            burst: NonZeroU32::new(5).expect("not zero"),
            target_utilization: 1.0,
            max_wait: 10 * SECOND,
        },
        callers: QueueSettings::default(),
        adaptive: true,
    }
}

async fn until(door: &Admission, degraded: bool) {
    let turned = async {
        while door
            .state()
            .await
            .is_none_or(|state| state.degraded != degraded)
        {
            sleep(SECOND / 100).await;
        }
    };
    let turned = timeout(5 * SECOND, turned).await;
    turned.unwrap_or_else(|_| panic!("never degraded = {degraded}"));
}

/// How many slots one caller gets within `span`.
async fn slots(door: &Admission, span: Duration) -> u32 {
    let (caller, end) = (CallerId::anonymous(), Instant::now() + span);
    let mut count = 0;
    while Instant::now() < end {
        let deadline = Deadline::after(Instant::now(), 10 * SECOND);
        if let Ok(permit) = door.admit(&caller, ArrivalKind::New, deadline).await {
            permit.finish(AttemptOutcome::Answered);
            count += 1;
        }
    }
    count
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn a_replica_goes_on_alone_at_its_share_and_comes_back_without_a_burst() {
    let mut server = RedisServer::start().await;
    let port = server.port();
    let doors = [
        Admission::open_shared(settings(20.0), quota(&server).await),
        Admission::open_shared(settings(20.0), quota(&server).await),
    ];
    for door in &doors {
        until(door, false).await;
    }
    sleep(SECOND).await;
    let together = slots(&doors[0], 2 * SECOND).await;
    server.kill();
    until(&doors[0], true).await;
    let alone = slots(&doors[0], 2 * SECOND).await;
    let server = RedisServer::start_at(port, &[]).await;
    until(&doors[0], false).await;
    let back = slots(&doors[0], SECOND).await;
    println!("in 2 s: together {together} of 40, alone {alone} of 20; in 1 s: back {back} of 20");
    assert!((38..=48).contains(&together), "{together}");
    assert!((16..=23).contains(&alone), "{alone}");
    assert!((14..=22).contains(&back), "{back}");
    drop(server);
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn a_wrong_type_or_a_full_store_degrades_and_its_mending_reconverges() {
    let server = RedisServer::start().await;
    let door = Admission::open_shared(settings(20.0), quota(&server).await);
    until(&door, false).await;
    let key = "test:quota:{us-east-1:create}";
    server.command(&["SET", key, "nonsense"]).await;
    until(&door, true).await;
    assert!(slots(&door, 2 * SECOND).await > 0, "it goes on");
    server.command(&["DEL", key]).await;
    until(&door, false).await;
    server.command(&["CONFIG", "SET", "maxmemory", "1"]).await;
    until(&door, true).await;
    server.command(&["CONFIG", "SET", "maxmemory", "0"]).await;
    until(&door, false).await;
    server.command(&["SCRIPT", "FLUSH"]).await;
    assert!((15..=25).contains(&slots(&door, SECOND).await));
    let state = door.state().await.expect("it is open");
    assert!(!state.degraded, "a flushed script is loaded again");
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn a_store_that_hangs_degrades_and_is_back_when_it_answers() {
    let server = RedisServer::start().await;
    let door = Admission::open_shared(settings(20.0), quota(&server).await);
    until(&door, false).await;
    server.command(&["CLIENT", "PAUSE", "3000", "ALL"]).await;
    let begun = Instant::now();
    until(&door, true).await;
    assert!(
        begun.elapsed() < 2 * SECOND,
        "within a beat and two timeouts"
    );
    assert!(slots(&door, SECOND).await > 0, "it goes on");
    until(&door, false).await;
}

/// A way to a server that can be cut and mended.
struct Proxy {
    port: u16,
    open: watch::Sender<bool>,
}

impl Proxy {
    async fn before(server: &RedisServer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        let (open, watched) = watch::channel(true);
        let target = server.port();
        tokio::spawn(async move {
            while let Ok((mut here, _)) = listener.accept().await {
                let mut watched = watched.clone();
                tokio::spawn(async move {
                    let mut there = TcpStream::connect(("127.0.0.1", target)).await?;
                    tokio::select! {
                        _ = watched.wait_for(|open| !open) => {}
                        _ = copy_bidirectional(&mut here, &mut there) => {}
                    }
                    std::io::Result::Ok(())
                });
            }
        });
        Self { port, open }
    }
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn a_replica_that_is_cut_off_adds_its_share_and_no_more() {
    let server = RedisServer::start().await;
    let proxy = Proxy::before(&server).await;
    let mut cut_off = quota(&server).await;
    cut_off.store = Store::open(&test_server::settings(proxy.port), &StoreMetrics::default())
        .expect("it has a URL");
    let doors = [
        Admission::open_shared(settings(20.0), quota(&server).await),
        Admission::open_shared(settings(20.0), cut_off),
    ];
    for door in &doors {
        until(door, false).await;
    }
    sleep(SECOND).await;
    proxy.open.send_replace(false);
    until(&doors[1], true).await;
    let (both, one) = tokio::join!(slots(&doors[0], 3 * SECOND), slots(&doors[1], 3 * SECOND));
    println!("in 3 s: connected {both} of 60, cut off {one} of 30: 1/2 of the rate is added");
    assert!((55..=68).contains(&both) && (26..=33).contains(&one));
    proxy.open.send_replace(true);
    until(&doors[1], false).await;
    let (a, b) = tokio::join!(slots(&doors[0], 3 * SECOND), slots(&doors[1], 3 * SECOND));
    assert!((54..=63).contains(&(a + b)), "together again: {a} and {b}");
}
