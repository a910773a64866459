//! One request id, from the first call with it to the session.
//!
//! An example: two calls at once on one replica share a claim; the first takes its
//! turn and asks AWS, the second waits for the [`session`](Claim::session). A third
//! call, on another replica, is held there until the record has the session.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep};

use super::record::{IdempotencyRecord, Sent, Taken};
use super::{Book, ClaimError};
use crate::model::{SessionId, SessionSettings};

const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// What is known of one request id.
#[derive(Debug)]
pub struct Claim {
    pub(super) record: Option<(IdempotencyRecord, Book)>,
    sent: OnceLock<Sent>,
    told: OnceLock<SessionSettings>,
    session: OnceCell<SessionId>,
}

/// What came of asking whether to issue the session.
#[derive(Debug)]
pub enum Turn<'c> {
    /// Do; say so by the lease when it is done.
    Ours(Lease<'c>),
    /// Another replica has done it.
    Issued(SessionId),
}

/// The right of this process to issue the session of a claim. Dropped without a
/// session, it lets the next one try.
#[derive(Debug)]
pub struct Lease<'c> {
    claim: &'c Claim,
    given_up: bool,
}

impl Claim {
    pub(super) fn new(record: Option<(IdempotencyRecord, Book)>) -> Self {
        Self {
            record,
            sent: OnceLock::new(),
            told: OnceLock::new(),
            session: OnceCell::new(),
        }
    }

    /// The claim of a call that nobody can repeat.
    #[must_use]
    pub fn unshared() -> Self {
        Self::new(None)
    }

    /// Waits until this process may issue the session, or another one has.
    ///
    /// It ends with the caller's patience alone: drop it when the deadline is over.
    ///
    /// # Errors
    /// [`ClaimError::Conflict`] where another replica made it with other settings;
    /// [`ClaimError::Unavailable`] where there has to be a store.
    pub async fn turn(&self, wall: impl Fn() -> SystemTime) -> Result<Turn<'_>, ClaimError> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.take().await? {
                Taken::Conflict => return Err(ClaimError::Conflict),
                Taken::Issued(session, leaving) => {
                    let sent = Sent::of(leaving, wall(), Instant::now());
                    self.sent.get_or_init(|| sent);
                    return Ok(Turn::Issued(session));
                }
                Taken::Ours(leaving) => {
                    if let Some(leaving) = leaving {
                        let sent = Sent::of(leaving, wall(), Instant::now());
                        self.sent.get_or_init(|| sent);
                    }
                    return Ok(Turn::Ours(Lease::new(self)));
                }
                Taken::Held => sleep(pause).await,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn take(&self) -> Result<Taken, ClaimError> {
        let Some((record, book)) = &self.record else {
            return Ok(Taken::Ours(None));
        };
        match book.records.take(record, &book.owner).await {
            Ok(taken) => Ok(taken),
            Err(error) => book.forgive(error).map(|()| Taken::Ours(None)),
        }
    }

    /// An attempt leaves, at `wall` and now; only the first one counts. Dropped
    /// half way, it may have been recorded as having left.
    ///
    /// # Errors
    /// [`ClaimError::Unavailable`] where there has to be a store.
    pub async fn leaving(&self, wall: SystemTime) -> Result<(), ClaimError> {
        if self.sent.get().is_some() {
            return Ok(());
        }
        let mut sent = Sent::leaving(wall, Instant::now());
        if let Some((record, book)) = &self.record {
            match book.records.note_sent(record, &book.owner, wall).await {
                Ok(leaving) => sent = Sent::of(leaving, wall, Instant::now()),
                Err(error) => book.forgive(error)?,
            }
        }
        self.sent.get_or_init(|| sent);
        Ok(())
    }

    /// What AWS is told with the token: what the first attempt of this process told
    /// it, or else `settings`. A profile may have changed between the two, and AWS
    /// may refuse a token that comes with something else.
    #[must_use]
    pub fn told(&self, settings: &SessionSettings) -> &SessionSettings {
        self.told.get_or_init(|| settings.clone())
    }

    /// When the first attempt left; `None`: none has, as far as is known.
    #[must_use]
    pub fn sent(&self) -> Option<Sent> {
        self.sent.get().copied()
    }

    /// The session, once there is one. Whoever fills it in is joined by all who
    /// ask meanwhile; where that fails or is dropped, the next one tries.
    #[must_use]
    pub fn session(&self) -> &OnceCell<SessionId> {
        &self.session
    }
}

impl<'c> Lease<'c> {
    fn new(claim: &'c Claim) -> Self {
        let given_up = true;
        Self { claim, given_up }
    }

    /// The session is there. Dropped half way, others may have to ask AWS for it,
    /// with the same token.
    pub async fn issued(mut self, session: SessionId) {
        let (Some((record, book)), Some(sent)) = (&self.claim.record, self.claim.sent()) else {
            return;
        };
        let noted = book.records.note_issued(record, session, sent).await;
        self.given_up = noted.is_err();
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let (true, Some((record, book))) = (self.given_up, &self.claim.record) {
            book.records.release(record, &book.owner);
        }
    }
}
