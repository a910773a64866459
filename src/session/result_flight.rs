//! What the reads of one session share on this replica: the latest answer of AWS, and the
//! turn to call AWS.
//!
//! For example, three concurrent reads of a session arrive. The first one calls AWS, and
//! the other two wait for their turn. If the first one succeeds, both receive its answer;
//! if it fails, the second one calls AWS within its own deadline. A final answer stays for
//! the rest of the session's life, and serves every later read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Mutex, MutexGuard, TryLockError, watch};
use tokio::time::Instant;

use super::check_metrics::CheckTimeline;
use super::{ImageBytes, SessionError};
use crate::model::LivenessResult;
use crate::retry::{AfterPollError, PollErrors};
use crate::single_flight::Shared;
use crate::upstream::AttemptOutput;

/// What a flight costs beside the bytes of its images.
const FLIGHT_BYTES: usize = 1024;

/// The latest answer, and the errors of the polls after it.
#[derive(Debug, Default)]
pub(super) struct LatestAnswer {
    pub(super) answer: Option<Arc<ResultAnswer>>,
    /// The error that ends all watches which have received the answer.
    pub(super) failure: Option<SessionError>,
    errors: PollErrors,
}

/// An answer of AWS.
#[derive(Debug)]
pub(super) struct ResultAnswer {
    pub(super) result: LivenessResult,
    pub(super) aws_request_id: Option<String>,
    image_bytes: ImageBytes,
}

/// What the reads of one session share.
#[derive(Debug)]
pub(super) struct ResultFlight {
    latest: watch::Sender<LatestAnswer>,
    /// Held by the read that calls AWS.
    turn: Mutex<()>,
    /// Whether a read has asked for the bytes of images, so that they are kept.
    wants_images: AtomicBool,
    /// When the session expires.
    pub(super) expires_at: Instant,
    pub(super) timeline: parking_lot::Mutex<CheckTimeline>,
}

impl ResultAnswer {
    pub(super) fn serves(&self, image_bytes: ImageBytes) -> bool {
        image_bytes == ImageBytes::Omitted || self.image_bytes == ImageBytes::Included
    }
}

impl ResultFlight {
    pub(super) fn new(expires_at: Instant) -> Self {
        Self {
            latest: watch::Sender::default(),
            turn: Mutex::default(),
            wants_images: AtomicBool::new(false),
            expires_at,
            timeline: parking_lot::Mutex::default(),
        }
    }

    /// Notes that a read asks for `image_bytes`.
    pub(super) fn request(&self, image_bytes: ImageBytes) {
        if image_bytes == ImageBytes::Included {
            self.wants_images.store(true, Ordering::Relaxed);
        }
    }

    /// Returns the final answer, until the session expires at `now`.
    pub(super) fn final_answer(
        &self,
        image_bytes: ImageBytes,
        now: Instant,
    ) -> Option<Arc<ResultAnswer>> {
        let answer = self.answer(image_bytes)?;
        (answer.result.status.is_final() && now < self.expires_at).then_some(answer)
    }

    /// Returns the latest answer, if it serves a read that asks for `image_bytes`.
    pub(super) fn answer(&self, image_bytes: ImageBytes) -> Option<Arc<ResultAnswer>> {
        let answer = self.latest.borrow().answer.clone()?;
        answer.serves(image_bytes).then_some(answer)
    }

    /// Returns a receiver of the latest answer and those after it. The error that ended
    /// earlier watches is not for later ones.
    pub(super) fn subscribe(&self) -> watch::Receiver<LatestAnswer> {
        self.latest.send_if_modified(|latest| {
            if latest.failure.take().is_some() {
                latest.errors = PollErrors::default();
            }
            false
        });
        self.latest.subscribe()
    }

    /// Waits for the turn to call AWS. Dropping the guard passes the turn on.
    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Takes the turn to call AWS, unless another read has it.
    pub(super) fn try_turn(&self) -> Result<MutexGuard<'_, ()>, TryLockError> {
        self.turn.try_lock()
    }

    /// Publishes an answer of AWS, without the bytes of images unless a read asked for them.
    pub(super) fn publish(&self, output: AttemptOutput<LivenessResult>) -> Arc<ResultAnswer> {
        let mut result = output.value;
        let image_bytes = if self.wants_images.load(Ordering::Relaxed) {
            ImageBytes::Included
        } else {
            result.drop_image_bytes();
            ImageBytes::Omitted
        };
        let answer = Arc::new(ResultAnswer {
            result,
            aws_request_id: output.aws_request_id,
            image_bytes,
        });
        self.latest.send_replace(LatestAnswer {
            answer: Some(answer.clone()),
            ..LatestAnswer::default()
        });
        answer
    }

    /// Adds the error of a poll, which ends all watches if the polls stop. A final answer
    /// stays, because it still serves those that ask for no more.
    pub(super) fn poll_failed(&self, error: SessionError) -> AfterPollError {
        let mut after = AfterPollError::PollOnSchedule;
        self.latest.send_if_modified(|latest| {
            if let Some(upstream) = error.upstream() {
                after = latest.errors.add(upstream.kind);
            }
            let stops = after == AfterPollError::Stop;
            if stops {
                let answer = &mut latest.answer;
                answer.take_if(|answer| !answer.result.status.is_final());
                latest.failure = Some(error);
            }
            stops
        });
        after
    }

    /// Returns the memory that it takes while it is kept.
    pub(super) fn bytes(&self) -> u32 {
        let latest = self.latest.borrow();
        let images = latest.answer.as_ref();
        let images = images.map_or(0, |answer| answer.result.image_bytes());
        u32::try_from(images + FLIGHT_BYTES).unwrap_or(u32::MAX)
    }
}

impl Shared for ResultFlight {
    fn is_kept(&self) -> bool {
        let now = Instant::now();
        self.final_answer(ImageBytes::Omitted, now).is_some()
    }
}
