//! The three scripts of the store as functions, with their argument and reply formats.
//!
//! Calls are encoded in millionths and times in microseconds, as integers in text
//! without exponent, because the script's numbers are doubles, exact up to 2^53.
//!
//! For example, rate 24.5 and burst 5 are `24500000` and a depth of `5000000`.

use std::sync::LazyLock;
use std::time::Duration;

use redis::Script;

use super::{CallerReport, Demand, OtherReplicas, SharedQuota, SharedState};
use crate::store::StoreError;

/// For how long tokens must have accumulated, at least two of them and at most half the
/// burst, so that calls need no turn: a replica whose turn it is may be late. Without it
/// `replicas_take_turns_until_tokens_for_50_ms_have_accumulated` fails.
const IDLE_SECONDS: f64 = 0.05;
/// Calls are encoded in millionths.
const CALL_SCALE: f64 = 1e6;
/// Weights are encoded in thousandths.
const WEIGHT_SCALE: f64 = 1e3;
const EPOCH: Duration = Duration::from_millis(500);

/// The version of the quota's format: the hash in the store, and the reports in it.
pub(super) const FORMAT_VERSION: &str = "1";

static RESERVE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("reserve.lua")));
static CUT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("cut.lua")));
static LEAVE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("leave.lua")));

/// The reply of the shared bucket.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ReservationReply {
    pub(super) outcome: ReservationOutcome,
    pub(super) state: SharedState,
    /// The other replicas' callers, where they were exchanged.
    pub(super) others: Option<OtherReplicas>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReservationOutcome {
    /// The tokens are reserved, and become available after this time.
    GrantedAfter(Duration),
    /// No token was spent. Request again after this time.
    RetryAfter(Duration),
    /// A report or a refund was recorded.
    Recorded,
}

/// The isolation that a replica returns from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Isolation {
    /// The number of replicas before it, or 0 if the replica starts.
    pub(super) replicas: u32,
    /// How long the replica had no reply.
    pub(super) silent: Duration,
}

/// Reserves or refunds tokens, or only reports that the replica is present.
///
/// `calls` above 0 are to reserve, and below 0 to refund. `returns_from` empties the bucket,
/// because it does not know of the calls while isolated.
pub(super) async fn reserve(
    quota: &SharedQuota,
    replica: &str,
    demand: &Demand,
    calls: i64,
    returns_from: Option<Isolation>,
) -> Result<ReservationReply, StoreError> {
    let (rate, burst) = (demand.rate, f64::from(demand.burst));
    // The level from which calls need no turn.
    let no_contention = (rate * IDLE_SECONDS).min(burst / 2.0).max(burst.min(2.0));
    let silent = returns_from.map_or(Duration::ZERO, |isolation| isolation.silent);
    let replicas = returns_from.map(|isolation| isolation.replicas.to_string());
    let report = demand.report.as_ref().map(CallerReport::to_json);
    let exchange = report.is_some();
    let mut script = RESERVE.key(key(quota));
    let script = script
        .arg(replica)
        .arg(integer(rate * CALL_SCALE))
        .arg(integer(burst * CALL_SCALE))
        .arg(demand.max_wait.as_micros().to_string())
        .arg(calls.to_string())
        .arg(integer((demand.weight * WEIGHT_SCALE).max(1.0)))
        .arg(report.unwrap_or_default())
        .arg(replicas.unwrap_or_default())
        .arg(integer(no_contention * CALL_SCALE))
        .arg(silent.as_micros().to_string());
    let reply = quota.store.run("reserve", script).await?;
    Ok(parse(reply, demand, exchange))
}

/// The script's reply: outcome, wait, level, the others' weight, replicas, factor, for how
/// long it was in use, busy and quiet callers, the share of the rate at which it fills.
type RawReply = (
    String,
    i64,
    i64,
    i64,
    u32,
    String,
    u64,
    Vec<String>,
    Vec<String>,
    i64,
);

fn parse(reply: RawReply, demand: &Demand, exchange: bool) -> ReservationReply {
    let (outcome, wait, level, others_weight, replicas, factor, in_use, busy, quiet, fills) = reply;
    let wait = Duration::from_micros(u64::try_from(wait).unwrap_or(0));
    let factor = factor.parse().ok();
    ReservationReply {
        outcome: match outcome.as_str() {
            "slot" => ReservationOutcome::GrantedAfter(wait),
            "later" => ReservationOutcome::RetryAfter(wait),
            _ => ReservationOutcome::Recorded,
        },
        state: SharedState {
            others_weight: others_weight as f64 / WEIGHT_SCALE,
            own_weight: demand.weight,
            level: level as f64 / CALL_SCALE,
            factor: factor.map(|factor| (factor, Duration::from_millis(in_use))),
            replicas,
            away: 1.0 - fills as f64 / CALL_SCALE,
        },
        others: exchange.then(|| OtherReplicas::parse(replicas, &busy, &quiet)),
    }
}

/// Cuts the adaptive factor, unless a replica already did in the same epoch.
pub(super) async fn cut_factor(quota: &SharedQuota, factor: f64) -> Result<(), StoreError> {
    let mut script = CUT.key(key(quota));
    let script = script
        .arg(format!("{factor:.6}"))
        .arg(EPOCH.as_micros().to_string());
    quota.store.run("cut", script).await
}

/// Removes a replica that makes no more calls, so that the others use its share at once.
pub(super) async fn leave(quota: &SharedQuota, replica: &str) -> Result<(), StoreError> {
    let mut script = LEAVE.key(key(quota));
    quota.store.run("leave", script.arg(replica)).await
}

fn key(quota: &SharedQuota) -> String {
    quota.store.key("quota", FORMAT_VERSION, &quota.name)
}

fn integer(number: f64) -> String {
    format!("{:.0}", number.floor())
}
