//! Quota, script, chance and sessions together, on a clock of the test's own.

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
        Outcome::Reset | Outcome::Close | Outcome::Hang => panic!("no answer: {outcome:?}"),
    }
}

#[test]
fn calls_over_the_quota_hear_both_codes_and_repeats_pay_too() {
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
    let counted = (
        stats.create.calls,
        stats.create.admitted,
        stats.create.throttled,
    );
    assert_eq!(counted, (42, 2, 40));
    assert_eq!(
        (stats.sessions_made, stats.replays, stats.distinct_tokens),
        (1, 1, 1)
    );
}

#[test]
fn a_lost_answer_makes_the_session_that_the_token_finds_again() {
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
fn a_fault_makes_no_session_unless_it_says_so() {
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
fn neither_a_throttled_nor_an_invalid_call_takes_a_fault() {
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
fn a_delay_comes_on_top_of_the_latency_of_a_true_answer() {
    let (mut model, now) = (
        Model::new(settings(&["create:delay/1500ms"])),
        Instant::now(),
    );
    let plan = model.receive(Operation::Create, b"{}", now);
    assert_eq!(plan.wait, Duration::from_millis(1500));
    assert!(body(&plan.outcome)["SessionId"].is_string());
    assert!(model.stats().create.errors.is_empty());
}

#[test]
fn an_unknown_status_is_answered_for_the_session_that_was_asked_for() {
    let (mut model, now) = (
        Model::new(settings(&["results:unknown-status"])),
        Instant::now(),
    );
    let id = body(&create(&mut model, "t", now))["SessionId"].clone();
    let ask = json!({"SessionId": id}).to_string();
    let mut result = || {
        body(
            &model
                .receive(Operation::Results, ask.as_bytes(), now)
                .outcome,
        )
    };
    assert_eq!(result(), json!({"SessionId": id, "Status": "UNDER_REVIEW"}));
    assert_eq!(result()["Status"], "CREATED");
}

#[test]
fn the_same_seed_gives_the_same_plans() {
    for profile in Profile::ALL {
        let plans = |seed| {
            let latency = None;
            let settings = Settings {
                profile,
                seed,
                latency,
                ..settings(&[])
            };
            let (mut model, now) = (Model::new(settings), Instant::now());
            let call = |_| model.receive(Operation::Create, b"{}", now).wait;
            (0..10).map(call).collect::<Vec<_>>()
        };
        assert_eq!(plans(3), plans(3), "{profile}");
        assert_ne!(plans(3), plans(4), "{profile}");
        assert!(
            plans(3)
                .iter()
                .all(|w| *w == Duration::ZERO || profile.latency().contains(w))
        );
    }
}

#[test]
fn a_reset_of_the_stats_keeps_limits_and_sessions() {
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
