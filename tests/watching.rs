//! How soon 1000 clients learn the results of their checks, and how many calls to AWS that
//! takes: by watching, and by reading once a second. AWS allows 25 calls a second. To print
//! the figures:
//! `cargo test --test watching -- --nocapture`.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

#[path = "watching"]
mod watching {
    pub(crate) mod clients;
    pub(crate) mod figures;
    pub(crate) mod neighbours;
    pub(crate) mod upstream;
}

use std::thread;
use std::time::Duration;

use livegate::model::SessionStatus;
use watching::clients::{self, Client};
use watching::figures::Figures;
use watching::neighbours::Neighbours;

/// Runs one arm on paused time, alone in its thread.
fn run(client: Client) -> Figures {
    let figures = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(clients::run(client))
    });
    figures.join().unwrap()
}

#[test]
fn watching_delivers_every_result_in_time_and_reading_each_second_does_not() {
    let (watches, reads) = (run(Client::Watch), run(Client::ReadEachSecond));
    println!("watching:             {watches}\nreading each second:  {reads}");
    assert_eq!(watches.throttled, 0);
    assert_eq!(watches.delivered, watches.finished, "{watches}");
    assert!(watches.percentile(50) <= 14.0, "{watches}");
    assert!(watches.percentile(99) <= 35.0, "{watches}");
    assert!(watches.calls_per_finished_check() <= 5.5, "{watches}");
    assert!(watches.percentile(50) < reads.percentile(50), "{reads}");
    assert!(watches.percentile(99) < reads.percentile(99), "{reads}");
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_read_late_receives_the_newest_state_only() {
    let states = clients::read_late().await;
    assert_eq!(states, [SessionStatus::Created, SessionStatus::Succeeded]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_is_polled_while_another_caller_waits_at_its_own_limit() {
    let neighbours = Neighbours::start(Some(1.0));
    let _reads = neighbours.keep_reading(4);
    neighbours.assert_victim_is_served().await;
}

#[tokio::test(start_paused = true)]
async fn a_watch_is_polled_while_another_caller_watches_more_than_its_own_limit_allows() {
    let neighbours = Neighbours::start(Some(5.0));
    let _watches = neighbours.keep_watching(200);
    neighbours.assert_victim_is_served().await;
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_its_own_limit_delays_for_seconds_delays_no_other_caller() {
    let neighbours = Neighbours::start(Some(0.2));
    let _watches = neighbours.keep_watching(200);
    neighbours.assert_victim_is_served().await;
}

#[tokio::test(start_paused = true)]
async fn a_watch_is_polled_while_the_reads_of_another_caller_use_up_the_quota() {
    let neighbours = Neighbours::start(None);
    let _reads = neighbours.keep_reading(40);
    neighbours.assert_victim_is_served().await;
}

#[tokio::test(start_paused = true)]
async fn a_watch_is_polled_while_another_caller_watches_more_than_the_quota_allows() {
    let neighbours = Neighbours::start(None);
    let _watches = neighbours.keep_watching(500);
    neighbours.assert_victim_is_served().await;
}

#[tokio::test(start_paused = true)]
async fn a_read_waits_for_one_poll_only_while_many_callers_watch() {
    let neighbours = Neighbours::start(None);
    let _watches = neighbours.watch_from_each(500);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let took = neighbours.read_time().await;
    assert!(took < Duration::from_millis(500), "{took:?}");
}
