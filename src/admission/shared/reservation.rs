//! The two scripts, as functions: what goes in, what comes out.
//!
//! Calls are told in millionths and times in microseconds, as whole numbers in
//! text without exponent: the numbers of the script are doubles, exact up to 2^53.
//!
//! An example: rate 24.5 and burst 5 are `24500000` and a depth of `5245000`, ten
//! milliseconds' worth above the burst, so that an answer that is late by a tick
//! loses nothing.

use std::sync::LazyLock;
use std::time::Duration;

use redis::Script;

use super::{Outlook, SharedQuota};
use crate::store::StoreError;

/// What a late tick may cost.
const SLACK_SECONDS: f64 = 0.01;
const MILLION: f64 = 1e6;
/// Weights are told in thousandths.
const THOUSAND: f64 = 1e3;
const EPOCH: Duration = Duration::from_millis(500);

static RESERVE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("reserve.lua")));
static CUT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("cut.lua")));

/// What is asked of the bucket.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReservationRequest<'o> {
    pub(super) replica: &'o str,
    pub(super) rate: f64,
    pub(super) burst: u32,
    pub(super) max_wait: Duration,
    /// 0: nothing, a report; below 0: a refund.
    pub(super) calls: i64,
    pub(super) weight: f64,
    pub(super) report: &'o str,
    /// Empty the bucket: calls have left that it was not told of.
    pub(super) drain: bool,
}

/// What the bucket says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ReservationReply {
    pub(super) granted: Granted,
    pub(super) outlook: Outlook,
    /// What the other replicas with work report.
    pub(super) reports: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Granted {
    /// The slot comes after this.
    After(Duration),
    /// Nothing was spent; ask again after this.
    Not(Duration),
    /// It was only a report or a refund.
    Noted,
}

pub(super) async fn reserve(
    quota: &SharedQuota,
    order: ReservationRequest<'_>,
) -> Result<ReservationReply, StoreError> {
    let depth = f64::from(order.burst) + order.rate * SLACK_SECONDS;
    let spare = f64::from(order.burst.min(2));
    let mut script = RESERVE.key(quota.store.key("quota", &quota.name));
    let script = script
        .arg(order.replica)
        .arg(whole(order.rate * MILLION))
        .arg(whole(depth * MILLION))
        .arg(order.max_wait.as_micros().to_string())
        .arg(order.calls.to_string())
        .arg(whole((order.weight * THOUSAND).max(1.0)))
        .arg(order.report)
        .arg(u8::from(order.drain))
        .arg(whole(spare * MILLION));
    type Told = (String, i64, i64, i64, u32, String, u64, String);
    let told: Told = quota.store.run("reserve", script).await?;
    let (state, wait, level, others, replicas, factor, age, reports) = told;
    let wait = Duration::from_micros(u64::try_from(wait).unwrap_or(0));
    let granted = match state.as_str() {
        "slot" => Granted::After(wait),
        "later" => Granted::Not(wait),
        _ => Granted::Noted,
    };
    let factor = factor.parse().ok();
    let outlook = Outlook {
        others: others as f64 / THOUSAND,
        own: order.weight,
        level: level as f64 / MILLION,
        factor: factor.map(|factor| (factor, Duration::from_millis(age))),
        replicas,
    };
    Ok(ReservationReply {
        granted,
        outlook,
        reports,
    })
}

/// Offers a cut of the factor; another replica's in the same epoch counts for all.
pub(super) async fn cut(quota: &SharedQuota, factor: f64) -> Result<(), StoreError> {
    let mut script = CUT.key(quota.store.key("quota", &quota.name));
    let script = script
        .arg(format!("{factor:.6}"))
        .arg(EPOCH.as_micros().to_string());
    quota.store.run("cut", script).await
}

fn whole(number: f64) -> String {
    format!("{:.0}", number.floor())
}
