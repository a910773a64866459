//! What a request handler tells the transport: that its response is ready, and what the request
//! holds until its stream ends.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::service::RequestPermit;

/// The state of one response. It is among the extensions of its request; clones share
/// it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResponseState(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    kind: OnceLock<ResponseKind>,
    permit: OnceLock<RequestPermit>,
}

/// How a request is answered, known when the first bytes of the response are ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResponseKind {
    /// The whole response is ready.
    Complete,
    /// The response goes on for at most this time. Without this limit
    /// `a_response_that_is_not_read_holds_its_permit_until_it_is_reset` fails.
    Limited(Duration),
    /// The response goes on for as long as the peer wants, for example a health watch.
    Streaming,
    /// The peer aborted its request and waits for no response.
    Abandoned,
}

impl ResponseState {
    /// Sets the kind of the response. The first report counts, later ones are ignored.
    pub(crate) fn report(&self, kind: ResponseKind) {
        let _ = self.0.kind.set(kind);
    }

    /// Holds the permit of the request until its stream ends.
    pub(crate) fn hold(&self, permit: RequestPermit) {
        // A request has one permit, so this is the first.
        let _ = self.0.permit.set(permit);
    }

    /// Whether the request ended without a response.
    pub(super) fn is_abandoned(&self) -> bool {
        match self.0.kind.get() {
            Some(ResponseKind::Complete | ResponseKind::Limited(_) | ResponseKind::Streaming) => {
                false
            }
            Some(ResponseKind::Abandoned) | None => true,
        }
    }

    /// Returns how long the response takes to become complete, once its first bytes are
    /// ready, unless it has no limit.
    pub(super) fn time_to_complete(&self) -> Option<Duration> {
        match self.0.kind.get()? {
            ResponseKind::Complete => Some(Duration::ZERO),
            ResponseKind::Limited(longest) => Some(*longest),
            ResponseKind::Streaming | ResponseKind::Abandoned => None,
        }
    }
}
