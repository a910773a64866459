//! The quota of this format version, as a release wrote it: every later release reads it.

use proptest::prelude::*;

use super::store_return::isolation;
use super::*;
use crate::admission::shared::reservation::FORMAT_VERSION;
use crate::admission::shared::{CallerDigest, CallerReport, OtherReplicas};
use crate::store::golden::{self, GoldenHash};

const KEY: &str = "test:quota:1:{us-east-1:create}";
/// What the replicas of the golden quota waited with and used.
const RATE: f64 = 10.0;

fn file() -> String {
    format!("quota-{FORMAT_VERSION}.json")
}

fn digest(name: &str) -> CallerDigest {
    CallerDigest::of_name(name)
}

fn golden() -> GoldenHash {
    golden::read(&file()).remove(0)
}

/// A request of `replica`, in exchange for the reports of the others.
fn with_report(replica: &str, calls: i64) -> Request {
    let mut report = CallerReport::default();
    report.add_waiting(
        CallerDigest::NO_PATTERN,
        std::iter::once(digest("payments")),
    );
    report.limited.insert(digest("payments"), 1.5);
    let mut request = request(replica, RATE, calls);
    request.demand.weight = 2.0;
    request.demand.report = Some(report);
    request
}

/// Writes a quota that two replicas use, which have returned, and whose factor was cut.
async fn write(server: &RedisServer) -> GoldenHash {
    let quota = quota(server).await;
    let mut returning = with_report("replica-b", 0);
    returning.returns_from = Some(isolation(2, SECOND));
    send(&quota, returning).await;
    let cut = reservation::cut_factor(&quota, 0.9).await;
    cut.expect("the store replies");
    send(&quota, with_report("replica-a", 2)).await;
    send(&quota, with_report("replica-b", 1)).await;
    server.hash("two replicas", KEY).await
}

/// Moves the times of the quota, so that it was written just now.
async fn written_now(server: &RedisServer, mut golden: GoldenHash) -> GoldenHash {
    let time = server.command(&["TIME"]).await;
    let now: Vec<u64> = time
        .lines()
        .map(|part| part.parse().expect("a number"))
        .collect();
    let later = now[0] * 1_000_000 + now[1] - number(&golden.field("t"));
    for (name, value) in &mut golden.fields {
        if name.starts_with("r:") {
            let parts: Vec<u64> = value.split(':').map(number).collect();
            let [seen, turn, busy] = [parts[0], parts[1], parts[2]].map(|time| time + later);
            *value = format!("{seen}:{turn}:{busy}:{}", parts[3]);
        } else if ["t", "F", "U", "b"].contains(&name.as_str()) {
            *value = (number(value) + later).to_string();
        }
    }
    golden
}

fn number(text: &str) -> u64 {
    text.parse().expect("a number")
}

#[test]
fn reports_of_the_release_before_are_read() {
    let reports = golden().field("c:replica-b");
    let others = OtherReplicas::parse(2, &[reports], &[]);
    assert!((others.share_of(digest("payments")) - 0.5).abs() < 1e-9);
    assert!((others.arrivals_of(digest("payments")) - 1.5).abs() < 1e-9);
}

#[test]
fn truncated_reports_are_absent() {
    let mut report = golden().field("c:replica-b");
    let none = OtherReplicas::parse(2, &[], &[]);
    while report.pop().is_some() {
        assert_eq!(
            OtherReplicas::parse(2, std::slice::from_ref(&report), &[]),
            none,
            "{report}"
        );
    }
}

proptest! {
    #[test]
    fn foreign_reports_are_absent(report in "\\PC*|[\\[\\]{}\",:0-9a-z]*") {
        let none = OtherReplicas::parse(2, &[], &[]);
        prop_assert_eq!(OtherReplicas::parse(2, &[report], &[]), none);
    }
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn the_golden_quota_is_used_and_that_of_this_build_has_its_layout() {
    let server = RedisServer::start().await;
    golden::compare(&file(), &[write(&server).await]);
    let golden = written_now(&server, golden()).await;
    server.load(&golden).await;
    let quota = quota(&server).await;
    let reply = send(&quota, with_report("replica-a", 0)).await;
    let debt = number(&golden.field("d")) as f64 / 1e6;
    let level = reply.state.level - (5.0 - debt);
    assert!((0.0..0.5).contains(&level), "the debt counts: {reply:?}");
    assert_eq!(reply.state.replicas, 2);
    assert!((reply.state.others_weight - 2.0).abs() < 1e-9, "{reply:?}");
    let factor = reply.state.factor.expect("it was cut");
    assert!(
        (factor.0 - 0.9).abs() < 1e-9 && factor.1 > Duration::ZERO,
        "{factor:?}"
    );
    let others = reply.others.expect("they were exchanged");
    assert!((others.arrivals_of(digest("payments")) - 1.5).abs() < 1e-9);
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn a_quota_of_another_version_is_absent_and_stays() {
    let server = RedisServer::start().await;
    let mut golden = written_now(&server, golden()).await;
    golden.key = golden.key.replace(":1:", ":0:");
    server.load(&golden).await;
    let reply = send(&quota(&server).await, with_report("replica-a", 0)).await;
    assert_eq!((reply.state.replicas, reply.state.factor), (1, None));
    assert_eq!(reply.others, Some(OtherReplicas::parse(1, &[], &[])));
    assert_eq!(server.hash("two replicas", &golden.key).await, golden);
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn foreign_values_in_the_quota_are_absent() {
    let server = RedisServer::start().await;
    let (quota, golden) = (quota(&server).await, written_now(&server, golden()).await);
    for name in golden.fields.keys() {
        for foreign in ["nonsense", "", "1:2", "-1"] {
            let mut changed = golden.clone();
            changed.fields.insert(name.clone(), foreign.to_owned());
            server.load(&changed).await;
            let outcome = reserve(&quota, with_report("replica-a", 1)).await;
            let (ReservationOutcome::GrantedAfter(wait) | ReservationOutcome::RetryAfter(wait)) =
                outcome
            else {
                panic!("{name} = {foreign}: {outcome:?}");
            };
            assert!(wait < 2 * SECOND, "{name} = {foreign}: {wait:?}");
            let cut = reservation::cut_factor(&quota, 0.9).await;
            cut.unwrap_or_else(|error| panic!("{name} = {foreign}: {error}"));
        }
    }
}
