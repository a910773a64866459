//! Sessions whose clock was corrected between the attempt and its answer.

use super::*;

pub(super) async fn a_session_that_is_dated_again_has_its_new_time_on_every_replica(
    shared: &SharedBackend,
) {
    let (a, b, token) = (
        shared.replica(),
        shared.replica(),
        ClientRequestToken::random(),
    );
    let here = join(&a, &token);
    let mut lease = here.lease();
    let (at, age) = (wall() - Duration::from_secs(200), Duration::ZERO);
    let claimed = lease.claim(RecordedSend { at, age }, None).await;
    assert_eq!(claimed, Ok(Claimed::Acquired));
    here.date_again(RecordedSend { at: wall(), age }, Some(wall()));
    lease.record_issued(session(), soon()).await;
    let there = join(&b, &token);
    assert_eq!(find(&there).await, Some(session()));
    for flight in [&here, &there] {
        let sent = flight.first_sent().expect("an attempt was sent");
        assert_eq!(sent.at, wall(), "equal to the nanosecond");
        assert!(sent.time_to_live(Instant::now()) > SESSION_LIFE - Duration::from_secs(5));
    }
}
