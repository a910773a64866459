//! Quota, faults and sessions together, with explicit time.

use super::*;
use crate::limit::Limit;

fn settings(faults: &[&str]) -> Settings {
    Settings {
        latency: Some(Duration::ZERO..=Duration::ZERO),
        faults: faults.iter().map(|fault| fault.parse().unwrap()).collect(),
        ..Settings::default()
    }
}

fn create(model: &mut Model, token: &str, now: Instant) -> Outcome {
    let body = json!({"ClientRequestToken": token}).to_string();
    model
        .receive(Operation::Create, body.as_bytes(), now)
        .outcome
}

fn body(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::Reply(reply) => serde_json::from_str(&reply.body).unwrap(),
        Outcome::Reset | Outcome::Close | Outcome::Hang => panic!("no response: {outcome:?}"),
    }
}

#[test]
fn calls_over_the_quota_get_both_codes_and_replays_cost_quota() {
    let limit = Limit::new(1.0, 2).unwrap();
    let (mut model, now) = (
        Model::new(Settings {
            create: limit,
            ..settings(&[])
        }),
        Instant::now(),
    );
    let codes: Vec<_> = (0..42)
        .map(|_| body(&create(&mut model, "t", now)))
        .collect();
    assert_eq!(codes[0]["SessionId"], codes[1]["SessionId"]);
    for code in [
        "ThrottlingException",
        "ProvisionedThroughputExceededException",
    ] {
        assert!(
            codes[2..].iter().any(|body| body["__type"] == code),
            "{code}"
        );
    }
    let stats = model.stats();
    let counters = (
        stats.create.calls,
        stats.create.admitted,
        stats.create.throttled,
    );
    assert_eq!(counters, (42, 2, 40));
    assert_eq!(
        (stats.sessions_made, stats.replays, stats.distinct_tokens),
        (1, 1, 1)
    );
}

#[test]
fn a_lost_answer_creates_the_session_that_a_retry_returns() {
    let (mut model, now) = (
        Model::new(settings(&["create:lost-answer"])),
        Instant::now(),
    );
    assert_eq!(create(&mut model, "t", now), Outcome::Close);
    assert_eq!(model.stats().sessions_made, 1);
    assert!(body(&create(&mut model, "t", now))["SessionId"].is_string());
    let stats = model.stats();
    assert_eq!(
        (
            stats.sessions_made,
            stats.replays,
            stats.create.faults_played
        ),
        (1, 1, 1)
    );
    assert_eq!(stats.create.errors["lost-answer"], 1);
}

#[test]
fn a_fault_creates_no_session_unless_it_commits() {
    let faults = [
        "create:InternalServerError/500",
        "create:html/504+made",
        "create:reset",
    ];
    let (mut model, now) = (Model::new(settings(&faults)), Instant::now());
    assert_eq!(
        body(&create(&mut model, "a", now))["Code"],
        "InternalServerError"
    );
    assert_eq!(model.stats().sessions_made, 0);
    create(&mut model, "b", now);
    assert_eq!(model.stats().sessions_made, 1);
    assert_eq!(create(&mut model, "c", now), Outcome::Reset);
    assert_eq!(model.stats().sessions_made, 1);
}

#[test]
fn throttled_and_invalid_calls_use_no_fault() {
    let limit = Limit::new(1.0, 2).unwrap();
    let settings = Settings {
        create: limit,
        ..settings(&["create:hang"])
    };
    let (mut model, now) = (Model::new(settings), Instant::now());
    let invalid = model.receive(Operation::Create, b"[]", now).outcome;
    assert_eq!(body(&invalid)["Code"], "SerializationException");
    assert_eq!(create(&mut model, "t", now), Outcome::Hang);
    create(&mut model, "t", now);
    assert_eq!(model.stats().create.faults_played, 1);
}

#[test]
fn a_delay_is_added_to_the_latency_of_a_normal_response() {
    let (mut model, now) = (
        Model::new(settings(&["create:delay/1500ms"])),
        Instant::now(),
    );
    let plan = model.receive(Operation::Create, b"{}", now);
    assert_eq!(plan.delay, Duration::from_millis(1500));
    assert!(body(&plan.outcome)["SessionId"].is_string());
    assert!(model.stats().create.errors.is_empty());
}

#[test]
fn an_unknown_status_has_the_id_of_the_requested_session() {
    let (mut model, now) = (
        Model::new(settings(&["results:unknown-status"])),
        Instant::now(),
    );
    let id = body(&create(&mut model, "t", now))["SessionId"].clone();
    let request = json!({"SessionId": id}).to_string();
    let mut result = || {
        body(
            &model
                .receive(Operation::Results, request.as_bytes(), now)
                .outcome,
        )
    };
    assert_eq!(result(), json!({"SessionId": id, "Status": "UNDER_REVIEW"}));
    assert_eq!(result()["Status"], "CREATED");
}

#[test]
fn the_same_seed_gives_the_same_delays() {
    for profile in Profile::ALL {
        let delays = |seed| {
            let latency = None;
            let settings = Settings {
                profile,
                seed,
                latency,
                ..settings(&[])
            };
            let (mut model, now) = (Model::new(settings), Instant::now());
            let call = |_| model.receive(Operation::Create, b"{}", now).delay;
            (0..10).map(call).collect::<Vec<_>>()
        };
        assert_eq!(delays(3), delays(3), "{profile}");
        assert_ne!(delays(3), delays(4), "{profile}");
        assert!(
            delays(3)
                .iter()
                .all(|delay| delay.is_zero() || profile.latency().contains(delay))
        );
    }
}

#[test]
fn resetting_the_stats_keeps_limits_and_sessions() {
    let (mut model, now) = (Model::new(settings(&[])), Instant::now());
    create(&mut model, "t", now);
    let before = model.stats();
    model.reset_stats();
    let after = model.stats();
    assert_eq!((after.sessions_made, after.sessions_remembered), (0, 1));
    assert_eq!(
        (after.create.calls, after.create.limit),
        (0, before.create.limit)
    );
}
