//! The age of a version 7 request id, which contains the time of its creation.
//!
//! It bounds the age of the session: without a record, an earlier attempt with the same id
//! may be unknown, but none was sent before the id existed. For example, a process without a
//! store restarts 20 s after it created a session. A repeat finds no record, AWS returns the
//! session of the same token, and the answer says that 160 s are left.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use super::{CreateRequest, SessionError};
use crate::idempotency::{Flight, RecordedSend};
use crate::model::{Clock, RequestId, SESSION_LIFE};

/// Refuses an id that is older than a session's life. While the time is not confirmed, it
/// must be so by the earliest time that it can be. The response of AWS has AWS's time, and
/// the attempt is then dated again.
pub(super) fn refuse_old(request_id: &RequestId, clock: &Clock) -> Result<(), SessionError> {
    if age(request_id, clock.earliest_now()) > SESSION_LIFE {
        let age = age(request_id, clock.now());
        return Err(SessionError::RequestIdTooOld { age });
    }
    Ok(())
}

/// Returns the age of a version 7 id at `now`, or zero if it is of another version.
fn age(request_id: &RequestId, now: SystemTime) -> Duration {
    let created = earliest(Some(request_id), now);
    now.duration_since(created).unwrap_or_default()
}

/// Returns the earliest time at which a session without a record was created. `now` may be
/// unconfirmed: then it must not count as the end of an age.
pub(super) fn earliest_creation(
    request_id: Option<&RequestId>,
    now: SystemTime,
    confirmed: Option<SystemTime>,
) -> RecordedSend {
    let at = earliest(request_id, now);
    let age = confirmed.and_then(|now| now.duration_since(at).ok());
    RecordedSend {
        at,
        age: age.unwrap_or_default(),
    }
}

/// Dates the first attempt by AWS's clock, unless its time was confirmed when it was dated.
/// AWS's answer may have corrected the clock since.
pub(super) fn date_again(request: &CreateRequest, flight: &Flight, clock: &Clock) {
    let unconfirmed = flight.first_sent().filter(|sent| !sent.is_confirmed);
    let confirmed = clock.confirmed_now();
    if let (Some(sent), Some(now)) = (unconfirmed, confirmed.or_else(|| clock.aws_now())) {
        let (age, id) = (sent.age(Instant::now()), request.request_id.as_ref());
        let confirmed = confirmed.map(|now| now - age);
        flight.date_again(earliest_creation(id, now - age, confirmed), confirmed);
    }
}

/// Returns the earlier of `now` and the time of a version 7 id.
fn earliest(request_id: Option<&RequestId>, now: SystemTime) -> SystemTime {
    let created = request_id.and_then(RequestId::created_at);
    let created = created.and_then(|created| UNIX_EPOCH.checked_add(created));
    created.map_or(now, |created| created.min(now))
}

#[cfg(test)]
mod tests {
    use uuid::{NoContext, Timestamp, Uuid};

    use super::*;
    use crate::model::{ClockSource, wall_clock};

    fn id_of_age(seconds: u64) -> RequestId {
        let since_epoch = wall_clock().duration_since(UNIX_EPOCH);
        let created = since_epoch.expect("a time after 1970").as_secs() - seconds;
        let id = Uuid::new_v7(Timestamp::from_unix(NoContext, created, 0));
        RequestId::parse(&id.to_string()).expect("a UUID")
    }

    #[tokio::test]
    async fn an_unconfirmed_clock_tolerates_an_id_of_up_to_five_more_minutes() {
        let clock = Clock::awaiting_check();
        assert_eq!(refuse_old(&id_of_age(470), &clock), Ok(()));
        assert!(refuse_old(&id_of_age(490), &clock).is_err());
        clock.observe(ClockSource::Aws, wall_clock());
        assert!(refuse_old(&id_of_age(190), &clock).is_err());
        assert_eq!(refuse_old(&id_of_age(170), &clock), Ok(()));
    }
}
