//! Sessions beside AWS's limit of checks under way: with Livegate's limit of the create
//! rate, and without. Each of two limits is loaded at 0.8, 2 and 10 times the rate at which
//! its checks would always be under way. To print the figures:
//! `cargo test --test checks_simulation -- --nocapture`.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use livegate::admission::{
    Admission, AdmissionSettings, ArrivalKind, AttemptOutcome, CheckLimit, QueueSettings,
    QuotaSettings,
};
use livegate::model::{CallerId, Deadline};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);
const DEADLINE: Duration = Duration::from_secs(5);
const WARM_UP: Duration = Duration::from_secs(100);
const COUNTED: Duration = Duration::from_secs(1500);
const STARTED_SHARE: f64 = 0.7;
const MEAN_SECONDS: f64 = 8.0;

/// AWS's checks, and their outcomes while they are counted.
#[derive(Default)]
struct Checks {
    under_way: u32,
    started: u32,
    refused: u32,
    finished: u32,
}

/// The figures of one scenario.
struct Figures {
    /// Of the checks that users started, those that AWS refused.
    refused: f64,
    /// Finished checks, relative to the limit's bound.
    finished: f64,
    /// Finished checks, relative to those that admitted sessions would finish.
    of_admitted: f64,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = 100.0;
        write!(
            f,
            "{:5.1} % of started checks refused, finished {:.3} of the bound, {:5.1} % of the \
             admitted",
            self.refused * percent,
            self.finished,
            self.of_admitted * percent
        )
    }
}

fn limit(max_concurrent: u32) -> CheckLimit {
    CheckLimit {
        max_concurrent: NonZeroU32::new(max_concurrent).unwrap(),
        target_refusals: 0.02,
        typical_duration: Duration::from_secs_f64(MEAN_SECONDS),
        started_share: STARTED_SHARE,
    }
}

/// Simulates sessions at `load` times the rate at which all checks are always under way.
fn simulate(max_concurrent: u32, load: f64, check_limit: Option<CheckLimit>) -> Figures {
    let simulation = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(run(max_concurrent, load, check_limit))
    });
    simulation.join().unwrap()
}

async fn run(max_concurrent: u32, load: f64, check_limit: Option<CheckLimit>) -> Figures {
    let admission = Admission::open(AdmissionSettings {
        quota: QuotaSettings {
            rate_per_second: 25.0,
            burst: NonZeroU32::new(5).unwrap(),
            target_utilization: 0.98,
            max_wait: 10 * SECOND,
        },
        callers: QueueSettings::default(),
        adaptive: true,
        check_limit,
    });
    let sustained = f64::from(max_concurrent) / (MEAN_SECONDS * STARTED_SHARE);
    let mut rng = fastrand::Rng::with_seed(11);
    let checks = Arc::new(Mutex::new(Checks::default()));
    let counted_from = Instant::now() + WARM_UP;
    let mut users = JoinSet::new();
    while Instant::now() < counted_from + COUNTED {
        sleep(SECOND.mul_f64(-(1.0 - rng.f64()).ln() / (sustained * load))).await;
        let admission = admission.clone();
        let (checks, rng) = (checks.clone(), rng.fork());
        users.spawn(user(admission, checks, rng, max_concurrent, counted_from));
        while users.try_join_next().is_some() {}
    }
    users.join_all().await;
    let checks = checks.lock().unwrap();
    let finished = f64::from(checks.finished);
    let bound = f64::from(max_concurrent) / MEAN_SECONDS * COUNTED.as_secs_f64();
    Figures {
        refused: f64::from(checks.refused) / f64::from(checks.started),
        finished: finished / bound,
        of_admitted: finished / f64::from(checks.started),
    }
}

/// One session: its user starts the check after 2 to 20 s, or never.
async fn user(
    admission: Admission,
    checks: Arc<Mutex<Checks>>,
    mut rng: fastrand::Rng,
    max_concurrent: u32,
    counted_from: Instant,
) {
    let deadline = Deadline::after(Instant::now(), DEADLINE);
    let caller = CallerId::anonymous();
    let Ok(permit) = admission.admit(&caller, ArrivalKind::New, deadline).await else {
        return;
    };
    sleep(SECOND.mul_f64(0.05 + 0.25 * rng.f64())).await;
    permit.finish(AttemptOutcome::Answered);
    if rng.f64() >= STARTED_SHARE {
        return;
    }
    sleep(SECOND.mul_f64(2.0 + 18.0 * rng.f64())).await;
    let is_counted = u32::from(Instant::now() >= counted_from);
    {
        let mut checks = checks.lock().unwrap();
        checks.started += is_counted;
        if checks.under_way >= max_concurrent {
            checks.refused += is_counted;
            return;
        }
        checks.under_way += 1;
    }
    sleep(SECOND.mul_f64(5.0 + 6.0 * rng.f64())).await;
    let mut checks = checks.lock().unwrap();
    checks.under_way -= 1;
    checks.finished += is_counted;
}

#[test]
fn with_the_limit_almost_no_started_check_is_refused() {
    for (max_concurrent, least_finished) in [(75, 0.80), (15, 0.55)] {
        for load in [0.8, 2.0, 10.0] {
            let limited = simulate(max_concurrent, load, Some(limit(max_concurrent)));
            let unlimited = simulate(max_concurrent, load, None);
            println!("{max_concurrent} checks, load {load}: with the limit    {limited}");
            println!("{max_concurrent} checks, load {load}: without the limit {unlimited}");
            if load > 1.0 {
                assert!(limited.refused <= 0.015, "{limited}");
                assert!(limited.finished >= least_finished, "{limited}");
                assert!(unlimited.refused >= 0.3, "{unlimited}");
            } else {
                assert!(limited.of_admitted >= 0.99, "{limited}");
            }
        }
    }
}
