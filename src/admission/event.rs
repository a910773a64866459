//! The events of a scheduler, and its replies.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::oneshot;

use super::queue::{ArrivalKind, Ticket};
use super::shared::StoreEvent;
use super::{AdmissionRefused, AdmissionSettings, AdmissionState, AttemptOutcome};
use crate::model::CallerId;
use crate::model::Deadline;

/// An event that a scheduler handles.
#[derive(Debug)]
pub(super) enum SchedulerEvent {
    /// A request arrived.
    Arrive(Arrival),
    /// A request was cancelled. The ticket is unset if it never entered the queue.
    Cancel(Arc<OnceLock<Ticket>>),
    /// A request was cancelled while its grant was on the way, or makes no attempt, so its
    /// token is unused.
    ReturnToken,
    /// The state of the shared quota changed.
    Store(StoreEvent),
    /// An attempt ended.
    Finish {
        outcome: AttemptOutcome,
        took: Duration,
    },
    /// The settings changed.
    Apply(Box<AdmissionSettings>),
    /// The process shuts down: refuse waiting and new requests.
    Close,
    /// Report the current state.
    ReadState(oneshot::Sender<AdmissionState>),
    /// A timer is due earlier than the task knows.
    Wake,
}

/// A request for a permit.
#[derive(Debug)]
pub(super) struct Arrival {
    /// Set when the request enters the queue, to cancel it.
    pub(super) ticket: Arc<OnceLock<Ticket>>,
    pub(super) caller: CallerId,
    pub(super) kind: ArrivalKind,
    pub(super) deadline: Deadline,
    pub(super) reply: oneshot::Sender<Result<Grant, AdmissionRefused>>,
}

/// A quota token that is granted to a request.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) waited: Duration,
    pub(super) predicted: Duration,
}
