//! A store that stalls for a moment after a replica has shut down costs the others no rate.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::load::{self, Load};
use super::processes::{Replica, Store};
use super::{EXCLUSIVE, QUOTA, simulator};

const STALL: Duration = Duration::from_millis(300);
/// Below the quota, and above the half of it.
const PER_SECOND: f64 = 20.0;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server: tests/run"]
async fn a_stall_of_the_store_after_a_replica_has_shut_down_costs_no_rate() {
    let _exclusive = EXCLUSIVE.lock().await;
    let (simulator, _stop) = simulator(QUOTA, 25).await;
    let store = Store::start().await;
    let settings = ["shutdown.lameduck=0s"];
    let remaining = Replica::serve(&store, &simulator, &settings).await;
    let leaving = Replica::serve(&store, &simulator, &settings).await;
    sleep(Duration::from_secs(2)).await;
    assert!(leaving.terminate().await.success());
    let loads = vec![Load {
        endpoint: remaining.endpoint(),
        caller: "shop".to_owned(),
        per_second: PER_SECOND,
    }];
    let start = Instant::now();
    let from = start + Duration::from_secs(1);
    let to = from + Duration::from_secs(8);
    let stalled = async {
        sleep(Duration::from_secs(1)).await;
        store.pause(STALL).await;
    };
    let (tallies, ()) = tokio::join!(load::send(loads, from, to), stalled);
    let tally = &tallies[0];
    println!("a stall of 300 ms after a shutdown: {tally}");
    // A busy machine stalls the store more often. Half of the rate would be 98 of 160.
    assert!(tally.served as f64 >= 0.85 * tally.sent as f64, "{tally}");
}
