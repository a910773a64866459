//! The schedule of polls, without tasks.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Returns a session that expires after `left`.
fn target(number: u8, left: Duration) -> PollTarget {
    let id = format!("0b5e3a4c-7d57-4f0e-9a51-6b5c1f7f3a{number:02x}");
    PollTarget {
        session: SessionId::parse(&id).expect("a UUID"),
        caller: CallerId::anonymous(),
        expires_at: Instant::now() + left,
    }
}

fn watched_by(name: &str, number: u8, left: Duration) -> PollTarget {
    PollTarget {
        caller: CallerId::new(name).expect("a valid name"),
        ..target(number, left)
    }
}

#[tokio::test(start_paused = true)]
async fn of_the_sessions_that_are_due_the_one_that_expires_first_is_polled_first() {
    let mut polls = PollSchedule::new(SECOND..=60 * SECOND);
    let (late, early) = (target(1, 170 * SECOND), target(2, 20 * SECOND));
    polls.add(late.clone());
    polls.add(early.clone());
    let now = Instant::now();
    assert_eq!(polls.take(now), Some(early.clone()));
    assert_eq!(polls.take(now), None, "its caller has the turn");
    polls.end_turn(&early.caller);
    polls.polled(&early.session, None, now, 0.5);
    assert_eq!(polls.take(now), Some(late.clone()));
    polls.end_turn(&late.caller);
    assert_eq!(polls.take(now), None, "one waits, and one is being polled");
    polls.polled(&late.session, None, now, 0.5);
    assert_eq!(polls.next_due(), Some(now + 2500 * SECOND / 1000));
}

#[tokio::test(start_paused = true)]
async fn the_interval_follows_the_age_the_status_and_the_bounds() {
    let mut polls = PollSchedule::new(2 * SECOND..=30 * SECOND);
    let now = Instant::now();
    for (left, status, expected) in [
        (180, SessionStatus::Created, 2),
        (160, SessionStatus::Created, 10),
        (140, SessionStatus::InProgress, 2),
        (160, SessionStatus::Unknown, 10),
        (50, SessionStatus::Created, 30),
        (10, SessionStatus::Created, 7),
        (1, SessionStatus::InProgress, 2),
    ] {
        let target = target(1, left * SECOND);
        polls.add(target.clone());
        assert_eq!(polls.take(now), Some(target.clone()));
        polls.end_turn(&target.caller);
        polls.polled(&target.session, Some(status), now, 0.5);
        assert_eq!(
            polls.next_due(),
            Some(now + expected * SECOND),
            "{left} {status:?}"
        );
        polls.remove(&target);
        assert_eq!(polls.next_due(), None);
    }
    polls.measure(25.0, 0, now);
    polls.measure(25.0, 0, now + SECOND);
    assert_eq!(polls.share, 25.0, "no caller is left");
}

#[tokio::test(start_paused = true)]
async fn the_intervals_stretch_to_the_rate_that_the_readers_leave() {
    let mut polls = PollSchedule::new(SECOND..=60 * SECOND);
    let now = Instant::now();
    polls.measure(25.0, 0, now);
    polls.measure(25.0, 20, now + SECOND);
    let targets: Vec<_> = (0..20).map(|n| target(n, 160 * SECOND)).collect();
    for target in &targets {
        polls.add(target.clone());
    }
    for target in &targets {
        polls.polled(&target.session, None, now, 0.5);
    }
    assert_eq!(
        polls.next_due(),
        Some(now + 10 * SECOND),
        "20 need 2 of 5 per second"
    );
    for target in &targets {
        let status = Some(SessionStatus::InProgress);
        polls.polled(&target.session, status, now, 0.5);
    }
    let last = polls.waiting.last().expect("20 wait").0 - now;
    assert_eq!(last, 4 * SECOND, "20 need 20 of 5 per second");
}

#[tokio::test(start_paused = true)]
async fn a_session_is_polled_until_its_last_watcher_leaves() {
    let mut polls = PollSchedule::new(SECOND..=60 * SECOND);
    let target = target(1, 100 * SECOND);
    polls.add(target.clone());
    polls.add(target.clone());
    polls.remove(&target);
    let now = Instant::now();
    assert_eq!(polls.take(now), Some(target.clone()));
    polls.remove(&target);
    polls.polled(&target.session, None, now, 0.5);
    assert_eq!((polls.take(now), polls.next_due()), (None, None));
    polls.remove(&target);
}

#[tokio::test(start_paused = true)]
async fn the_callers_that_watch_a_session_pay_for_its_polls_in_turn() {
    let mut polls = PollSchedule::new(SECOND..=60 * SECOND);
    let mut now = Instant::now();
    let mut payers = |polls: &mut PollSchedule, count: usize| {
        let mut payers = Vec::new();
        for _ in 0..count {
            let taken = polls.take(now).expect("it is due");
            polls.end_turn(&taken.caller);
            polls.polled(&taken.session, None, now, 0.5);
            payers.push(taken.caller.to_string());
            now = polls.next_due().expect("it is polled again");
        }
        payers
    };
    let [web, app] = ["web", "app"].map(|name| watched_by(name, 1, 100 * SECOND));
    polls.add(web.clone());
    polls.add(app.clone());
    assert_eq!(payers(&mut polls, 3), ["app", "web", "app"]);
    polls.remove(&app);
    assert_eq!(payers(&mut polls, 2), ["web", "web"]);
}

#[tokio::test(start_paused = true)]
async fn callers_take_turns_and_each_has_one_at_a_time() {
    let mut polls = PollSchedule::new(SECOND..=60 * SECOND);
    let now = Instant::now();
    for number in 1..=3 {
        polls.add(watched_by("app", number, 10 * SECOND));
        polls.add(watched_by("web", 10 + number, 100 * SECOND));
    }
    let next = |polls: &mut PollSchedule| polls.take(now).map(|one| one.caller.to_string());
    assert_eq!(next(&mut polls).as_deref(), Some("app"));
    assert_eq!(next(&mut polls).as_deref(), Some("web"));
    assert_eq!(next(&mut polls), None, "both have a turn");
    for _ in 0..2 {
        polls.end_turn(&CallerId::new("web").expect("a valid name"));
        assert_eq!(next(&mut polls).as_deref(), Some("web"), "app still waits");
    }
}

#[tokio::test(start_paused = true)]
async fn the_intervals_of_a_caller_that_needs_less_than_its_share_are_not_stretched() {
    let mut polls = PollSchedule::new(SECOND..=60 * SECOND);
    let now = Instant::now();
    let greedy: Vec<_> = (1..100)
        .map(|number| watched_by("greedy", number, 150 * SECOND))
        .collect();
    let modest = watched_by("modest", 0, 150 * SECOND);
    let status = Some(SessionStatus::InProgress);
    for target in greedy.iter().chain([&modest]) {
        polls.add(target.clone());
        polls.polled(&target.session, status, now, 0.5);
    }
    polls.measure(12.0, 0, now);
    polls.measure(12.0, 0, now + SECOND);
    assert_eq!(polls.share, 11.0);
    for (target, seconds) in [(&greedy[0], 9), (&modest, 1)] {
        polls.polled(&target.session, status, now, 0.5);
        let next = polls.sessions[&target.session].next;
        assert_eq!(next, NextPoll::At(now + seconds * SECOND));
    }
}

#[tokio::test(start_paused = true)]
async fn a_vanishing_quota_stretches_the_intervals_to_their_bound() {
    let mut polls = PollSchedule::new(SECOND..=60 * SECOND);
    let (now, target) = (Instant::now(), target(1, 150 * SECOND));
    polls.measure(1e-310, 0, now);
    polls.add(target.clone());
    polls.polled(&target.session, None, now, 0.5);
    assert_eq!(polls.next_due(), Some(now + 60 * SECOND));
}
