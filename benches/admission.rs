//! The cost of admission by the number of waiting requests and of callers.
//!
//! `cargo bench --bench admission` prints nanoseconds for each operation, and for
//! `queue::memory` the bytes of all waiting requests. `queue` measures the fair queue
//! alone, and `scheduler` a call to [`Admission`], including its lock.
//!
//! The queues are ordered maps, so pushing, popping and cancelling cost the logarithm of the
//! number of waiting requests. A prediction, and with it a refusal, is linear in the number
//! of *callers*, here ten.

use std::hint::black_box;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::time::Duration;

use divan::{AllocProfiler, Bencher};
use futures_util::FutureExt as _;
use livegate::admission::queue::{ArrivalKind, Availability, FairQueue, QueueKey, Ticket};
use livegate::admission::{
    Admission, AdmissionSettings, CallerLimits, QueueSettings, QuotaSettings,
};
use livegate::model::Deadline;
use livegate::model::{CallerId, PerCaller};
use tokio::runtime::{Builder, Runtime};
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

fn queue_settings() -> QueueSettings {
    QueueSettings {
        limits: PerCaller::from(CallerLimits {
            max_waiting: MANY,
            ..CallerLimits::default()
        }),
        max_callers: MANY,
        max_waiting: MANY,
    }
}

/// A queue with `waiting` requests of `callers` callers.
struct TestQueue {
    inner: FairQueue<u64>,
    now: Instant,
    next: u64,
}

impl TestQueue {
    fn of(waiting: usize, callers: usize) -> Self {
        let mut queue = Self {
            inner: FairQueue::new(queue_settings()),
            now: Instant::now(),
            next: 0,
        };
        for number in 0..waiting {
            let key = queue.key(number % callers);
            queue.push(key);
        }
        queue
    }

    fn key(&mut self, number: usize) -> QueueKey {
        let caller = caller(number);
        self.inner
            .record_arrival(&caller, ArrivalKind::New, self.now)
    }

    fn push(&mut self, key: QueueKey) -> Ticket {
        self.next += 1;
        let ticket = self.inner.push(key, ArrivalKind::New, self.next);
        ticket.expect("the queue is not full")
    }
}

mod queue {
    use super::*;

    /// A request enters the queue and one gets a token.
    #[divan::bench(args = WAITING)]
    fn push_then_pop(bencher: Bencher<'_, '_>, waiting: usize) {
        let mut queue = TestQueue::of(waiting, 10);
        let key = queue.key(0);
        bencher.bench_local(|| {
            queue.push(key);
            black_box(queue.inner.pop(queue.now))
        });
    }

    /// A request enters the queue and is cancelled.
    #[divan::bench(args = WAITING)]
    fn push_then_cancel(bencher: Bencher<'_, '_>, waiting: usize) {
        let mut queue = TestQueue::of(waiting, 10);
        let key = queue.key(0);
        bencher.bench_local(|| {
            let ticket = queue.push(key);
            black_box(queue.inner.remove(ticket))
        });
    }

    /// A request is refused: its prediction and its retry delay.
    #[divan::bench(args = WAITING)]
    fn refuse(bencher: Bencher<'_, '_>, waiting: usize) {
        let mut queue = TestQueue::of(waiting, 10);
        let key = queue.key(0);
        bencher.bench_local(|| {
            let prediction = queue
                .inner
                .predict(key, ArrivalKind::New, AVAILABILITY, queue.now);
            queue
                .inner
                .retry_after(key, AVAILABILITY, queue.now, prediction.wait)
        });
    }

    /// The prediction alone.
    #[divan::bench(args = WAITING)]
    fn predict(bencher: Bencher<'_, '_>, waiting: usize) {
        let mut queue = TestQueue::of(waiting, 10);
        let key = queue.key(0);
        let now = queue.now;
        bencher.bench_local(|| {
            queue
                .inner
                .predict(key, ArrivalKind::New, AVAILABILITY, now)
        });
    }

    /// The prediction, with ten waiting requests of each caller.
    #[divan::bench(args = CALLERS)]
    fn predict_by_callers(bencher: Bencher<'_, '_>, callers: usize) {
        let mut queue = TestQueue::of(10 * callers, callers);
        let key = queue.key(0);
        let now = queue.now;
        bencher.bench_local(|| {
            queue
                .inner
                .predict(key, ArrivalKind::New, AVAILABILITY, now)
        });
    }

    /// The check for overtaken requests, with ten waiting requests of each caller: none
    /// is overtaken, or half of each queue.
    #[divan::bench(args = CALLERS, consts = [0, 5])]
    fn overtaken_by_callers<const LATE: usize>(bencher: Bencher<'_, '_>, callers: usize) {
        let queue = TestQueue::of(10 * callers, callers);
        let in_time = (10 - LATE) * callers;
        let latest = queue.now + Duration::from_secs_f64(in_time as f64 / AVAILABILITY.rate);
        bencher.bench_local(|| queue.inner.overtaken(AVAILABILITY, queue.now, |_| latest));
    }

    /// The requests enter an empty queue: their memory is `alloc` + `grow`.
    #[divan::bench(args = [100, 10_000, 100_000], sample_count = 5, sample_size = 1)]
    fn memory(waiting: usize) -> TestQueue {
        TestQueue::of(waiting, 10)
    }
}

mod scheduler {
    use super::*;

    /// 10,000 calls a second on a paused clock: all requests fit, none is served.
    fn settings() -> AdmissionSettings {
        AdmissionSettings {
            quota: QuotaSettings {
                rate_per_second: 10_000.0,
                burst: NonZeroU32::MIN,
                target_utilization: 1.0,
                max_wait: Duration::from_secs(60),
            },
            callers: queue_settings(),
            adaptive: true,
            check_limit: None,
        }
    }

    struct TestAdmission {
        runtime: Runtime,
        admission: Admission,
        _waiting: Vec<Pin<Box<dyn Future<Output = ()>>>>,
    }

    impl TestAdmission {
        fn with(waiting: usize) -> Self {
            let runtime = Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .expect("a runtime");
            let context = runtime.enter();
            let admission = Admission::open(settings());
            let deadline = Deadline::after(Instant::now(), Duration::from_secs(60));
            let wait = |number| {
                let (admission, caller) = (admission.clone(), caller(number % 10));
                let mut request: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async move {
                    let _ = admission.admit(&caller, ArrivalKind::New, deadline).await;
                });
                assert!(request.as_mut().now_or_never().is_none());
                request
            };
            let waiting = (0..waiting).map(wait).collect();
            drop(context);
            Self {
                runtime,
                admission,
                _waiting: waiting,
            }
        }

        fn waiting(&self) -> Option<usize> {
            Some(self.admission.state()?.waiting)
        }
    }

    /// A request is refused at once.
    #[divan::bench(args = WAITING)]
    fn refuse(bencher: Bencher<'_, '_>, waiting: usize) {
        let test = TestAdmission::with(waiting);
        let caller = caller(0);
        bencher.bench_local(|| {
            test.runtime.block_on(async {
                let deadline = Deadline::after(Instant::now(), Duration::ZERO);
                test.admission
                    .admit(&caller, ArrivalKind::New, deadline)
                    .await
                    .err()
            })
        });
        assert_eq!(test.waiting(), Some(waiting));
    }

    /// A request waits and is cancelled.
    #[divan::bench(args = WAITING)]
    fn admit_then_cancel(bencher: Bencher<'_, '_>, waiting: usize) {
        let test = TestAdmission::with(waiting);
        let caller = caller(0);
        // The request is polled outside the runtime, but reads its clock.
        let _context = test.runtime.enter();
        let deadline = Deadline::after(Instant::now(), Duration::from_secs(60));
        bencher.bench_local(|| {
            let mut request = Box::pin(test.admission.admit(&caller, ArrivalKind::New, deadline));
            assert!(request.as_mut().now_or_never().is_none());
        });
        assert_eq!(test.waiting(), Some(waiting));
    }
}
