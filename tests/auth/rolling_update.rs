//! A rolling update while the JWKS endpoint is down.
//!
//! The replicas are replaced as a Deployment with `maxSurge: 1` and `maxUnavailable: 0` does
//! it: an old replica is ended once the new one is ready. Callers reach the ready replicas.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use livegate_client::v1::CreateSessionRequest;
use livegate_client::{Client, ClientError};
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep};
use tokio_util::sync::CancellationToken;

use super::issuer::{Key, set};
use super::jwks_server::{JwksServer, ok};
use super::process::{ConfigMap, Process};
use super::processes::{client, configuration};

const REPLICAS: usize = 3;
const CALL_INTERVAL: Duration = Duration::from_millis(25);

/// The Kubernetes Service: the ready replicas, and the outcomes of the calls to them.
#[derive(Default)]
struct ReadyReplicas {
    clients: Mutex<Vec<(String, Client)>>,
    served: AtomicUsize,
    failures: Mutex<Vec<ClientError>>,
}

impl ReadyReplicas {
    fn add(&self, replica: &Process, token: &str) {
        let client = client(replica, token);
        self.clients.lock().push((replica.endpoint(), client));
    }

    fn remove(&self, replica: &Process) {
        let removed = replica.endpoint();
        self.clients
            .lock()
            .retain(|(endpoint, _)| *endpoint != removed);
    }

    fn served(&self) -> usize {
        self.served.load(Ordering::Relaxed)
    }

    /// Calls the replicas in turn until `stop`, at a steady rate, and waits for all calls.
    async fn call_until(self: Arc<Self>, stop: CancellationToken) {
        let mut ticks = interval(CALL_INTERVAL);
        let mut calls = JoinSet::new();
        for turn in 0.. {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = ticks.tick() => {}
            }
            let client = {
                let clients = self.clients.lock();
                clients[turn % clients.len()].1.clone()
            };
            let replicas = self.clone();
            calls.spawn(async move {
                match client.create(CreateSessionRequest::default()).await {
                    Ok(_) => _ = replicas.served.fetch_add(1, Ordering::Relaxed),
                    Err(failure) => replicas.failures.lock().push(failure),
                }
            });
        }
        calls.join_all().await;
    }
}

/// Ends `old` in favour of `new`, which is ready.
async fn replace(mut old: Process, new: &Process, replicas: &ReadyReplicas, token: &str) {
    replicas.add(new, token);
    old.terminate();
    replicas.remove(&old);
    assert!(old.ended().await.success());
}

/// Observes a fetch of the JWKS by each old replica, and that `new` is not ready.
async fn observe_outage(old: &[Process], new: &Process, replicas: &ReadyReplicas) {
    new.logs("JWKS not loaded, not ready").await;
    for replica in old {
        let line = "JWKS refresh failed, keeping previous keys";
        replica.logs(line).await;
    }
    let served = replicas.served();
    sleep(Duration::from_secs(1)).await;
    let probe = new.admin_page("/readyz?verbose").await;
    assert!(probe.contains("503 Service Unavailable"), "{probe}");
    assert!(probe.contains("JWKS: not read yet"), "{probe}");
    assert!(replicas.served() > served, "the old replicas serve");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_update_waits_for_an_unavailable_jwks_and_no_call_fails() {
    let key = Key::new("a");
    let (token, keys) = (key.token(|_| {}), ok(set(&[&key])));
    let jwks = JwksServer::start(keys.clone(), None).await;
    let address = jwks.address;
    let map = ConfigMap::holding(&configuration(&format!("http://{address}/jwks")));
    let replicas = Arc::new(ReadyReplicas::default());
    let mut old = Vec::new();
    for _ in 0..REPLICAS {
        let replica = Process::serve(&map).await;
        replicas.add(&replica, &token);
        old.push(replica);
    }
    let stop = CancellationToken::new();
    let calling = tokio::spawn(replicas.clone().call_until(stop.clone()));

    drop(jwks);
    let mut new = vec![Process::start(&map, &[]).await];
    observe_outage(&old, &new[0], &replicas).await;
    let _jwks = JwksServer::at(address, keys, None).await;
    new[0].logs("\"ready\"").await;
    while let Some(replaced) = old.pop() {
        let next = new.last().expect("one is ready");
        replace(replaced, next, &replicas, &token).await;
        if !old.is_empty() {
            new.push(Process::serve(&map).await);
        }
    }
    stop.cancel();
    calling.await.expect("no panic");
    println!("{} calls served", replicas.served());
    let failures = replicas.failures.lock();
    assert!(failures.is_empty(), "{failures:?}");
    assert!(replicas.served() > 100);
}
