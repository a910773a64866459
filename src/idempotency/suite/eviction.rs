//! Request ids that wait or are refused evict no sessions.

use super::*;

pub(super) async fn refused_request_ids_evict_no_session(shared: &SharedBackend) {
    let a = shared.replica();
    let token = fill(&a).await;
    refuse_many(&a).await;
    let sent_at = join(&a, &token).first_sent().map(|sent| sent.at);
    assert_eq!(sent_at, Some(wall()), "known without the store");
    let there = join(&shared.replica(), &token);
    assert_eq!(find(&there).await, Some(session()));
}

pub(super) async fn waiting_request_ids_evict_no_session(shared: &SharedBackend) {
    let a = shared.replica();
    let token = fill(&a).await;
    let waiting: Vec<_> = (0..4 * MAX_ENTRIES)
        .map(|_| join(&a, &ClientRequestToken::random()))
        .collect();
    for flight in &waiting {
        assert_eq!(find(flight).await, None);
    }
    let there = join(&shared.replica(), &token);
    assert_eq!(find(&there).await, Some(session()));
}

/// Issues the maximum number of sessions. Returns the token of the first.
pub(super) async fn fill(replica: &Idempotency) -> ClientRequestToken {
    let first = ClientRequestToken::random();
    issue(&join(replica, &first)).await;
    for _ in 1..MAX_ENTRIES {
        issue(&join(replica, &ClientRequestToken::random())).await;
    }
    first
}

pub(super) async fn refuse_many(replica: &Idempotency) {
    for _ in 0..4 * MAX_ENTRIES {
        assert_eq!(
            find(&join(replica, &ClientRequestToken::random())).await,
            None
        );
    }
}
