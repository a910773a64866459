//! The calls of one connection: each runs as a task of its own, and its end is
//! watched from here.
//!
//! `hyper` hands a request to `Calls::call` and, before it does anything else,
//! the stream that answers it to `Calls::execute`; what the first leaves on the
//! desk the second takes up. So the place in flight is held until the last byte
//! of the answer is taken, and a peer that does not read is cut off stream by
//! stream. An example: an answer is ready after 2 s, the peer's window is closed;
//! at 12 s the stream is reset, and the connection's other calls go on.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tower::ServiceExt as _;
use tower::util::Oneshot;

use super::connection::Peer;
use super::limits::EdgeLimits;
use super::reset_budget::{Resets, Verdict};
use crate::grpc::in_flight::{InFlight, NoPlace};

/// What all connections share.
#[derive(Clone, Debug)]
pub(crate) struct House<S> {
    pub(crate) service: S,
    pub(crate) in_flight: InFlight,
    pub(crate) limits: EdgeLimits,
    /// The tasks of the calls.
    pub(crate) streams: TaskTracker,
}

/// Among a request's extensions: where to say that its answer is ready.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answering(Arc<Answer>);

#[derive(Debug, Default)]
struct Answer {
    answered: OnceLock<Answered>,
    said: Notify,
}

/// How a call was answered, when the first bytes of that are ready to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// In one piece.
    Whole,
    /// It goes on for as long as the peer wants, such as a health watch.
    Stream,
    /// Not at all: its request broke off, and nobody waits for what is said of it.
    GivenUp,
}

impl Answering {
    /// Says it; what was said first stands.
    pub(crate) fn say(&self, answered: Answered) {
        if self.0.answered.set(answered).is_ok() {
            self.0.said.notify_one();
        }
    }

    fn was_given_up(&self) -> bool {
        match self.0.answered.get() {
            Some(Answered::Whole | Answered::Stream) => false,
            Some(Answered::GivenUp) | None => true,
        }
    }

    /// Returns once there is an answer in one piece.
    async fn whole(&self) {
        self.0.said.notified().await;
        if self.0.answered.get() != Some(&Answered::Whole) {
            std::future::pending::<()>().await;
        }
    }
}

/// The calls of one connection; clones are the same.
#[derive(Clone)]
pub(crate) struct Calls<S> {
    house: House<S>,
    peer: Peer,
    state: Arc<State>,
}

struct State {
    /// Set by the first headers.
    begun: CancellationToken,
    /// Set when the peer floods us.
    flooded: CancellationToken,
    resets: Mutex<Resets>,
    desk: Mutex<Option<Ticket>>,
    response_write_timeout: Duration,
}

/// What belongs to a call until its stream is gone.
struct Ticket {
    _place: Option<OwnedSemaphorePermit>,
    answering: Answering,
}

impl<S> Calls<S> {
    pub(crate) fn new(house: House<S>, peer: Peer) -> Self {
        let limits = &house.limits;
        let state = State {
            begun: CancellationToken::new(),
            flooded: CancellationToken::new(),
            resets: Mutex::new(Resets::new(limits, Instant::now())),
            desk: Mutex::new(None),
            response_write_timeout: limits.response_write_timeout,
        };
        let state = Arc::new(state);
        Self { house, peer, state }
    }

    /// Set by the first headers.
    pub(crate) fn begun(&self) -> CancellationToken {
        self.state.begun.clone()
    }

    /// Set when the peer has reset more calls than any honest one does.
    pub(crate) fn flooded(&self) -> CancellationToken {
        self.state.flooded.clone()
    }
}

impl<S> hyper::service::Service<Request<Incoming>> for Calls<S>
where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Oneshot<S, Request<Body>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.state.begun.cancel();
        let mut request = request.map(Body::new);
        let place = self.house.in_flight.enter(request.uri().path());
        let answering = Answering::default();
        let extensions = request.extensions_mut();
        extensions.insert(self.peer.clone());
        extensions.insert(answering.clone());
        if place.is_none() {
            let limit = self.house.limits.max_concurrent_requests.get();
            extensions.insert(NoPlace { limit });
        }
        let ticket = Ticket {
            _place: place,
            answering,
        };
        *self.state.desk() = Some(ticket);
        self.house.service.clone().oneshot(request)
    }
}

impl<S, F> hyper::rt::Executor<F> for Calls<S>
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let ticket = self.state.desk().take();
        let state = self.state.clone();
        self.house.streams.spawn(async move {
            match ticket {
                Some(ticket) => state.attend(stream, ticket).await,
                None => stream.await,
            }
        });
    }
}

impl State {
    fn desk(&self) -> MutexGuard<'_, Option<Ticket>> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `stream` until it ends, or its answer is not taken in time.
    async fn attend(&self, stream: impl Future<Output = ()>, ticket: Ticket) {
        let unread = async {
            ticket.answering.whole().await;
            sleep(self.response_write_timeout).await;
        };
        tokio::select! {
            () = stream => {}
            () = unread => {}
        }
        if ticket.answering.was_given_up() {
            self.given_up();
        }
    }

    fn given_up(&self) {
        let mut resets = self.resets.lock().unwrap_or_else(PoisonError::into_inner);
        if resets.count(Instant::now()) == Verdict::Flood {
            self.flooded.cancel();
        }
    }
}
