//! Reservations at a high rate: the load on the store, and a store that is not near.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::isolation::{calls_of, permits, settings, wait_for_degraded};
use super::{SECOND, quota};
use crate::admission::Admission;
use crate::store::test_server::{self, RedisServer};
use crate::store::{Store, StoreMetrics};

/// How long a request to the store takes to arrive.
const DISTANCE: Duration = Duration::from_millis(5);

/// Starts a TCP proxy that delays requests, and returns its port.
async fn distant(server: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("it is bound").port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(("127.0.0.1", server)).await?;
            let (mut requests, mut to_client) = client.into_split();
            let (mut responses, mut to_server) = server.into_split();
            tokio::spawn(async move { copy(&mut responses, &mut to_client).await });
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = requests.read(&mut buffer).await {
                    sleep(DISTANCE).await;
                    to_server.write_all(&buffer[..length]).await?;
                }
                std::io::Result::Ok(())
            });
        }
        std::io::Result::Ok(())
    });
    port
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn a_distant_store_does_not_limit_a_high_rate() {
    let server = RedisServer::start().await;
    let mut settings = settings(1000.0);
    settings.quota.burst = NonZeroU32::new(200).expect("not zero");
    let mut quota = quota(&server).await;
    let distant = test_server::settings(distant(server.port()).await);
    quota.store = Store::open(&distant, &StoreMetrics::default()).expect("it has a URL");
    let admission = Admission::open_shared(settings, quota);
    wait_for_degraded(&admission, false).await;
    let mut callers = JoinSet::new();
    for _ in 0..100 {
        let admission = admission.clone();
        callers.spawn(async move { permits(&admission, 2 * SECOND).await });
    }
    let permits: u32 = callers.join_all().await.iter().sum();
    println!("in 2 s: {permits} of 2000");
    // One token for each round trip would be 400.
    assert!(permits > 600, "{permits}");
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn tokens_are_reserved_more_often_than_reports_are_exchanged() {
    let server = RedisServer::start().await;
    let admission = Admission::open_shared(settings(200.0), quota(&server).await);
    wait_for_degraded(&admission, false).await;
    permits(&admission, SECOND).await;
    let reservations = calls_of(&server, "evalsha").await;
    // Each reservation sets fields twice, and each report once more.
    let reports = calls_of(&server, "hset").await - 2 * reservations;
    assert!(reports * 3 < reservations, "{reports} of {reservations}");
}
