//! What a gate is told, and what it answers.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::oneshot;

use super::queue::{ArrivalKind, Ticket};
use super::shared::News;
use super::{AdmissionRefused, AdmissionSettings, AdmissionState, AttemptOutcome};
use crate::model::CallerId;
use crate::model::Deadline;

/// What happens to a gate.
#[derive(Debug)]
pub(super) enum SchedulerEvent {
    /// A request comes.
    Arrive(Arrival),
    /// A request is given up, wherever it stands.
    Cancel(Arc<OnceLock<Ticket>>),
    /// A slot was given to a request that was given up at that moment.
    PutBack,
    /// The quota that replicas share has something to say.
    News(News),
    /// An attempt came to something.
    Finish {
        outcome: AttemptOutcome,
        took: Duration,
    },
    /// Other settings.
    Apply(Box<AdmissionSettings>),
    /// The process is about to be gone: nobody is let in, nobody waits on.
    Close,
    /// Somebody wants to know how things stand.
    Look(oneshot::Sender<AdmissionState>),
}

/// A request for a slot.
#[derive(Debug)]
pub(super) struct Arrival {
    /// What to give it up by, once it stands in line.
    pub(super) ticket: Arc<OnceLock<Ticket>>,
    pub(super) caller: CallerId,
    pub(super) entry: ArrivalKind,
    pub(super) deadline: Deadline,
    pub(super) reply: oneshot::Sender<Result<Slot, AdmissionRefused>>,
}

/// A slot, how long it took to come, and how long it was predicted to.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) waited: Duration,
    pub(super) predicted: Duration,
}
