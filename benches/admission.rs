//! What the waiting line costs, by how many wait and by how many callers.
//!
//! `cargo bench --bench admission` prints nanoseconds for each operation, and for
//! `memory_of_all` the bytes that so many take. `queue` is the line alone; `door` is
//! what a caller of [`Admission`] pays, with the task behind it.
//!
//! All of it is flat from 100 to 100,000 waiting requests; a forecast, and with it a
//! refusal, goes by how many *callers* there are, here ten. Medians on two cores of an
//! AMD EPYC, each row of one run; from run to run they differ by a fifth:
//!
//! | operation                 |     100 |  10,000 | 100,000 |
//! | ------------------------- | ------- | ------- | ------- |
//! | `queue::push_then_pop`    | 39.3 ns | 40.2 ns | 40.3 ns |
//! | `queue::push_then_cancel` | 28.0 ns | 28.0 ns | 28.2 ns |
//! | `queue::predict`          |  652 ns |  579 ns |  619 ns |
//! | `queue::refuse`           |  704 ns |  642 ns |  639 ns |
//! | `door::admit_then_cancel` | 5.05 us | 5.02 us | 5.04 us |
//! | `door::refuse`            | 1.33 us | 1.36 us | 1.35 us |

use std::hint::black_box;
use std::num::NonZeroU32;
use std::time::Duration;

use divan::{AllocProfiler, Bencher};
use futures_util::FutureExt as _;
use livegate::admission::queue::{ArrivalKind, Availability, FairQueue, QueueKey, Ticket};
use livegate::admission::{
    Admission, AdmissionSettings, CallerLimits, QueueSettings, QuotaSettings,
};
use livegate::model::Deadline;
use livegate::model::{CallerId, PerCaller};
use tokio::time::Instant;

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

const WAITING: [usize; 4] = [1, 100, 10_000, 100_000];
const CALLERS: [usize; 5] = [1, 10, 100, 1000, 10_000];
const MANY: NonZeroU32 = NonZeroU32::new(1_000_000).expect("not zero");
const AVAILABILITY: Availability = Availability {
    level: 0.0,
    rate: 25.0,
};

fn main() {
    divan::main();
}

fn caller(number: usize) -> CallerId {
    CallerId::new(&format!("caller-{number}")).expect("a plain name")
}

fn policies() -> QueueSettings {
    QueueSettings {
        limits: PerCaller::from(CallerLimits {
            max_waiting: MANY,
            ..CallerLimits::default()
        }),
        max_callers: MANY,
        max_waiting: MANY,
    }
}

/// A queue in which `waiting` requests of `callers` callers stand.
struct Crowd {
    queue: FairQueue<u64>,
    now: Instant,
    next: u64,
}

impl Crowd {
    fn of(waiting: usize, callers: usize) -> Self {
        let mut crowd = Self {
            queue: FairQueue::new(policies()),
            now: Instant::now(),
            next: 0,
        };
        for number in 0..waiting {
            let line = crowd.line(number % callers);
            crowd.push(line);
        }
        crowd
    }

    fn line(&mut self, number: usize) -> QueueKey {
        let caller = caller(number);
        self.queue
            .record_arrival(&caller, ArrivalKind::New, self.now)
    }

    fn push(&mut self, line: QueueKey) -> Ticket {
        self.next += 1;
        let vacancy = self.queue.vacant_position(line).expect("there is room");
        vacancy.push(ArrivalKind::New, |_| self.next)
    }
}

mod queue {
    use super::*;

    /// A request comes and one is given a slot.
    #[divan::bench(args = WAITING)]
    fn push_then_pop(bencher: Bencher<'_, '_>, waiting: usize) {
        let mut crowd = Crowd::of(waiting, 10);
        let line = crowd.line(0);
        bencher.bench_local(|| {
            crowd.push(line);
            black_box(crowd.queue.pop(crowd.now))
        });
    }

    /// A request comes and is given up again.
    #[divan::bench(args = WAITING)]
    fn push_then_cancel(bencher: Bencher<'_, '_>, waiting: usize) {
        let mut crowd = Crowd::of(waiting, 10);
        let line = crowd.line(0);
        bencher.bench_local(|| {
            let ticket = crowd.push(line);
            black_box(crowd.queue.remove(ticket))
        });
    }

    /// A request comes and is turned away: forecast and hint.
    #[divan::bench(args = WAITING)]
    fn refuse(bencher: Bencher<'_, '_>, waiting: usize) {
        let mut crowd = Crowd::of(waiting, 10);
        let line = crowd.line(0);
        bencher.bench_local(|| {
            let foreseen = crowd
                .queue
                .predict(line, ArrivalKind::New, AVAILABILITY, crowd.now);
            crowd
                .queue
                .retry_after(line, AVAILABILITY, crowd.now, foreseen.wait)
        });
    }

    /// The forecast alone.
    #[divan::bench(args = WAITING)]
    fn predict(bencher: Bencher<'_, '_>, waiting: usize) {
        let mut crowd = Crowd::of(waiting, 10);
        let line = crowd.line(0);
        let now = crowd.now;
        bencher.bench_local(|| {
            crowd
                .queue
                .predict(line, ArrivalKind::New, AVAILABILITY, now)
        });
    }

    /// The forecast, where each of so many callers waits with ten requests.
    #[divan::bench(args = CALLERS)]
    fn predict_by_callers(bencher: Bencher<'_, '_>, callers: usize) {
        let mut crowd = Crowd::of(10 * callers, callers);
        let line = crowd.line(0);
        let now = crowd.now;
        bencher.bench_local(|| {
            crowd
                .queue
                .predict(line, ArrivalKind::New, AVAILABILITY, now)
        });
    }

    /// The look for those who were overtaken, where each of so many callers waits
    /// with ten requests: nobody is too late, or half of each line.
    #[divan::bench(args = CALLERS, consts = [0, 5])]
    fn overtaken_by_callers<const LATE: usize>(bencher: Bencher<'_, '_>, callers: usize) {
        let crowd = Crowd::of(10 * callers, callers);
        let in_time = (10 - LATE) * callers;
        let latest = crowd.now + Duration::from_secs_f64(in_time as f64 / AVAILABILITY.rate);
        bencher.bench_local(|| crowd.queue.overtaken(AVAILABILITY, crowd.now, |_| latest));
    }

    /// So many requests come to an empty queue: its memory is `alloc` + `grow`.
    #[divan::bench(args = [100, 10_000, 100_000], sample_count = 5, sample_size = 1)]
    fn memory_of_all(waiting: usize) -> Crowd {
        Crowd::of(waiting, 10)
    }
}

mod door {
    use super::*;

    /// 10,000 calls a second on a clock that stands still: all fit, none is served.
    fn settings() -> AdmissionSettings {
        AdmissionSettings {
            quota: QuotaSettings {
                rate_per_second: 10_000.0,
                burst: NonZeroU32::MIN,
                target_utilization: 1.0,
                max_wait: Duration::from_secs(60),
            },
            callers: policies(),
            adaptive: true,
        }
    }

    struct Scene {
        runtime: tokio::runtime::Runtime,
        door: Admission,
        waiting: Vec<tokio::task::JoinHandle<()>>,
    }

    impl Scene {
        fn with(waiting: usize) -> Self {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .expect("a runtime");
            let door = runtime.block_on(async { Admission::open(settings()) });
            let mut scene = Self {
                runtime,
                door,
                waiting: Vec::new(),
            };
            for number in 0..waiting {
                let door = scene.door.clone();
                let caller = caller(number % 10);
                let wait = async move {
                    let patience = Deadline::after(Instant::now(), Duration::from_secs(60));
                    let _ = door.admit(&caller, ArrivalKind::New, patience).await;
                };
                scene.waiting.push(scene.runtime.spawn(wait));
            }
            while scene.settle() < waiting {}
            scene
        }

        /// Lets the gate come to the end of its mailbox, at no time on its clock.
        fn settle(&self) -> usize {
            let state = self.runtime.block_on(self.door.state());
            state.map_or(0, |state| state.waiting)
        }
    }

    /// A request is turned away: to the gate and back.
    #[divan::bench(args = WAITING)]
    fn refuse(bencher: Bencher<'_, '_>, waiting: usize) {
        let scene = Scene::with(waiting);
        let caller = caller(0);
        bencher.bench_local(|| {
            scene.runtime.block_on(async {
                let hurry = Deadline::after(Instant::now(), Duration::ZERO);
                scene
                    .door
                    .admit(&caller, ArrivalKind::New, hurry)
                    .await
                    .err()
            })
        });
        assert_eq!(scene.waiting.len(), waiting);
    }

    /// A request waits, and is given up again: what its two looks at the gate
    /// cost is in it.
    #[divan::bench(args = WAITING)]
    fn admit_then_cancel(bencher: Bencher<'_, '_>, waiting: usize) {
        let scene = Scene::with(waiting);
        let caller = caller(0);
        let patience = Deadline::after(Instant::now(), Duration::from_secs(60));
        bencher.bench_local(|| {
            let mut request = Box::pin(scene.door.admit(&caller, ArrivalKind::New, patience));
            assert!(request.as_mut().now_or_never().is_none());
            scene.settle();
            drop(request);
            scene.settle()
        });
    }

    /// A look at the gate and back: what the task itself costs.
    #[divan::bench(args = WAITING)]
    fn look(bencher: Bencher<'_, '_>, waiting: usize) {
        let scene = Scene::with(waiting);
        bencher.bench_local(|| scene.settle());
    }
}
