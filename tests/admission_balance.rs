//! Whatever comes, everyone who arrives at the door is served, refused, expired or
//! gone, and never left standing.
//!
//! A gate that goes round in circles lets no paused time pass, so no deadline on
//! that clock can tell of it. A scene plays on a thread of its own, and is given up
//! after seconds of the wall's clock.

use std::num::NonZeroU32;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use livegate::admission::{
    Admission, AdmissionSettings, ArrivalKind, AttemptOutcome, QueueSettings, QuotaSettings,
};
use livegate::model::CallerId;
use livegate::model::Deadline;
use proptest::prelude::*;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

const RATE: f64 = 20.0;

/// A scene takes some milliseconds.
const PLAYS_FOR_AT_MOST: Duration = Duration::from_secs(5);

/// One request: when it comes, whose it is, its patience, and when it is given up.
#[derive(Clone, Debug)]
struct Request {
    at: Duration,
    caller: usize,
    patience: Duration,
    given_up: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Served,
    AdmissionRefused,
    /// Let in, and told later that it was in vain.
    Expired,
    Cancelled,
}

fn requests() -> impl Strategy<Value = Vec<Request>> {
    let request = (
        0..2000_u64,
        0..4_usize,
        20..3000_u64,
        prop::option::of(0..2000_u64),
    );
    let request = request.prop_map(|(at, caller, patience, given_up)| Request {
        at: Duration::from_millis(at),
        caller,
        patience: Duration::from_millis(patience),
        given_up: given_up.map(Duration::from_millis),
    });
    prop::collection::vec(request, 1..150)
}

async fn play(door: Admission, request: Request) -> End {
    sleep(request.at).await;
    let arrived = Instant::now();
    let caller = CallerId::new(["a", "b", "c", "d"][request.caller]).expect("a plain name");
    let deadline = Deadline::after(arrived, request.patience);
    let admitted = door.admit(&caller, ArrivalKind::New, deadline);
    let given_up = request.given_up.unwrap_or(Duration::from_secs(60));
    let Ok(admitted) = timeout(given_up, admitted).await else {
        return End::Cancelled;
    };
    match admitted {
        Ok(permit) => {
            sleep(Duration::from_millis(100)).await;
            permit.finish(AttemptOutcome::Answered);
            End::Served
        }
        Err(_) if arrived.elapsed() > Duration::from_millis(1) => {
            assert!(arrived.elapsed() <= request.patience, "told while it helps");
            End::Expired
        }
        Err(_) => End::AdmissionRefused,
    }
}

/// How each of `requests` ended, and how many wait then.
fn outcomes(requests: &[Request]) -> (Vec<End>, usize) {
    let (requests, (told, played)) = (requests.to_vec(), mpsc::channel());
    thread::spawn(move || told.send(played_out(&requests)));
    let outcomes = played.recv_timeout(PLAYS_FOR_AT_MOST);
    outcomes.expect("the scene comes to its end")
}

fn played_out(requests: &[Request]) -> (Vec<End>, usize) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let door = Admission::open(AdmissionSettings {
            quota: QuotaSettings {
                rate_per_second: RATE,
                burst: NonZeroU32::MIN,
                target_utilization: 1.0,
                max_wait: Duration::from_secs(2),
            },
            callers: QueueSettings::default(),
            adaptive: true,
        });
        let mut calls = JoinSet::new();
        for request in requests {
            calls.spawn(play(door.clone(), request.clone()));
        }
        // The last comes after 2 s, and no patience is longer than 3 s.
        let ends = timeout(Duration::from_secs(10), calls.join_all()).await;
        let waiting = door.state().await.expect("the gate runs").waiting;
        (ends.expect("nobody is left standing"), waiting)
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        // Where scenes are given up, to look for the least of them would take hours.
        max_shrink_time: 20_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn everyone_who_arrives_comes_to_one_end(requests in requests()) {
        let (ends, waiting) = outcomes(&requests);
        let count = |end| ends.iter().filter(|one| **one == end).count();
        let (served, refused) = (count(End::Served), count(End::AdmissionRefused));
        let (expired, cancelled) = (count(End::Expired), count(End::Cancelled));
        prop_assert_eq!(served + refused + expired + cancelled, requests.len());
        prop_assert_eq!(waiting, 0);
        prop_assert!(served as f64 <= RATE * 5.1 + 1.0, "{} were served", served);
    }
}

/// Three crowds at once: some are refused, some overtaken, some give up.
#[test]
fn every_end_is_met_in_a_crowd() {
    let crowd = |caller, count| {
        let request = move |n: u64| Request {
            at: Duration::ZERO,
            caller,
            patience: Duration::from_millis(1500),
            given_up: (n % 7 == 6).then_some(Duration::from_millis(10)),
        };
        (0..count).map(request)
    };
    let requests: Vec<_> = crowd(0, 40)
        .chain(crowd(1, 20))
        .chain(crowd(2, 20))
        .collect();
    let (ends, _) = outcomes(&requests);
    for end in [
        End::Served,
        End::AdmissionRefused,
        End::Expired,
        End::Cancelled,
    ] {
        assert!(ends.contains(&end), "nobody was {end:?}");
    }
}
