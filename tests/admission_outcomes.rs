//! Every request has exactly one outcome: served, refused, expired or cancelled. None
//! waits forever.
//!
//! A scheduler in an endless loop lets no paused time pass, so a timeout on that clock
//! never fires. Each case therefore runs on a thread of its own, with a timeout in real
//! time.

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

/// A case takes some milliseconds.
const CASE_TIMEOUT: Duration = Duration::from_secs(5);

/// A request: its arrival, its caller, its deadline, and when it is cancelled.
#[derive(Clone, Debug)]
struct Request {
    at: Duration,
    caller: usize,
    deadline_after: Duration,
    cancelled_after: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Served,
    Refused,
    /// Queued, and refused later.
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
    let request = request.prop_map(|(at, caller, deadline_after, cancelled_after)| Request {
        at: Duration::from_millis(at),
        caller,
        deadline_after: Duration::from_millis(deadline_after),
        cancelled_after: cancelled_after.map(Duration::from_millis),
    });
    prop::collection::vec(request, 1..150)
}

async fn send(admission: Admission, request: Request) -> Outcome {
    sleep(request.at).await;
    let arrived = Instant::now();
    let caller = CallerId::new(["a", "b", "c", "d"][request.caller]).expect("a plain name");
    let deadline = Deadline::after(arrived, request.deadline_after);
    let admitted = admission.admit(&caller, ArrivalKind::New, deadline);
    let cancelled_after = request.cancelled_after.unwrap_or(Duration::from_secs(60));
    let Ok(admitted) = timeout(cancelled_after, admitted).await else {
        return Outcome::Cancelled;
    };
    match admitted {
        Ok(permit) => {
            sleep(Duration::from_millis(100)).await;
            permit.finish(AttemptOutcome::Answered);
            Outcome::Served
        }
        Err(_) if arrived.elapsed() > Duration::from_millis(1) => {
            assert!(
                arrived.elapsed() <= request.deadline_after,
                "refused before the deadline"
            );
            Outcome::Expired
        }
        Err(_) => Outcome::Refused,
    }
}

/// Returns the outcome of each of `requests`, and how many wait at the end.
fn outcomes(requests: &[Request]) -> (Vec<Outcome>, usize) {
    let (requests, (sender, receiver)) = (requests.to_vec(), mpsc::channel());
    thread::spawn(move || sender.send(run(&requests)));
    let outcomes = receiver.recv_timeout(CASE_TIMEOUT);
    outcomes.expect("the case ends")
}

fn run(requests: &[Request]) -> (Vec<Outcome>, usize) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let admission = Admission::open(AdmissionSettings {
            quota: QuotaSettings {
                rate_per_second: RATE,
                burst: NonZeroU32::MIN,
                target_utilization: 1.0,
                max_wait: Duration::from_secs(2),
            },
            callers: QueueSettings::default(),
            adaptive: true,
            check_limit: None,
        });
        let mut calls = JoinSet::new();
        for request in requests {
            calls.spawn(send(admission.clone(), request.clone()));
        }
        // The last request arrives after 2 s, and no deadline is longer than 3 s.
        let outcomes = timeout(Duration::from_secs(10), calls.join_all()).await;
        let waiting = admission.state().expect("the scheduler runs").waiting;
        (outcomes.expect("no request waits forever"), waiting)
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        // Shrinking cases that time out would take hours.
        max_shrink_time: 20_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_request_has_exactly_one_outcome(requests in requests()) {
        let (outcomes, waiting) = outcomes(&requests);
        let count = |kind| outcomes.iter().filter(|outcome| **outcome == kind).count();
        let (served, refused) = (count(Outcome::Served), count(Outcome::Refused));
        let (expired, cancelled) = (count(Outcome::Expired), count(Outcome::Cancelled));
        prop_assert_eq!(served + refused + expired + cancelled, requests.len());
        prop_assert_eq!(waiting, 0);
        prop_assert!(served as f64 <= RATE * 5.1 + 1.0, "{} were served", served);
    }
}

/// Three callers at once: some requests are refused, some overtaken, some cancelled.
#[test]
fn every_outcome_occurs_under_overload() {
    let burst = |caller, count| {
        let request = move |n: u64| Request {
            at: Duration::ZERO,
            caller,
            deadline_after: Duration::from_millis(1500),
            cancelled_after: (n % 7 == 6).then_some(Duration::from_millis(10)),
        };
        (0..count).map(request)
    };
    let requests: Vec<_> = burst(0, 40)
        .chain(burst(1, 20))
        .chain(burst(2, 20))
        .collect();
    let (outcomes, _) = outcomes(&requests);
    for outcome in [
        Outcome::Served,
        Outcome::Refused,
        Outcome::Expired,
        Outcome::Cancelled,
    ] {
        assert!(outcomes.contains(&outcome), "no request was {outcome:?}");
    }
}
