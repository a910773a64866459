//! The base case, and the cases that differ from it in one factor.

use std::ops::Range;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::arm::Arm;
use super::arrivals;

/// Ten services share the quota.
pub(crate) const CALLERS: usize = 10;
/// The share of the load that the first caller sends where the load is uneven.
const HOG_SHARE: f64 = 0.7;
/// The number of the other tenant, after those of the callers.
pub(crate) const TENANT: usize = CALLERS;

/// The conditions of one run, which are the same for each arm.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// The quota at the simulator, in calls a second. Its burst is one second of it.
    pub(crate) quota: f64,
    /// Requests offered, relative to the quota.
    pub(crate) load: f64,
    #[serde(rename = "deadline_seconds", serialize_with = "seconds")]
    pub(crate) deadline: Duration,
    /// The share of the load that the first caller sends.
    pub(crate) first_share: f64,
    /// The share of the quota that another tenant spends directly at AWS.
    pub(crate) tenant_share: f64,
    pub(crate) fault: Option<Fault>,
    /// How long the load is on before anything is counted.
    #[serde(rename = "warm_up_seconds", serialize_with = "seconds")]
    pub(crate) warm_up: Duration,
    /// How long is counted.
    #[serde(rename = "counted_seconds", serialize_with = "seconds")]
    pub(crate) counted: Duration,
}

/// A fault of the simulator, for a share of the admitted calls.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Fault {
    /// The action, in the grammar of `livegate simulate --fault`.
    pub(crate) action: &'static str,
    pub(crate) share: f64,
}

/// One run: a case, an arm, a seed.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) case: Case,
    pub(crate) arm: Arm,
    pub(crate) seed: u64,
}

/// How long a run warms up and counts, where it is not as long as its case wants.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lengths {
    pub(crate) warm_up: Option<Duration>,
    pub(crate) counted: Option<Duration>,
}

impl Case {
    /// 25 calls a second, ten times as many requests, 5 s, one of ten callers sends 70 %.
    pub(crate) fn base() -> Self {
        Self {
            name: "base",
            title: "Base case: Q = 25/s, 10 times overload, deadline 5 s, one caller sends 70 %",
            quota: 25.0,
            load: 10.0,
            deadline: Duration::from_secs(5),
            first_share: HOG_SHARE,
            tenant_share: 0.0,
            fault: None,
            warm_up: Duration::from_secs(6),
            counted: Duration::from_secs(15),
        }
    }

    /// The cases that differ from the base in one factor.
    pub(crate) fn variations() -> Vec<Self> {
        let mut cases = Self::loads();
        cases.extend(Self::quotas_and_deadlines());
        cases.extend(Self::others_demand());
        cases.extend(Self::faults());
        cases
    }

    fn named(name: &'static str, title: &'static str) -> Self {
        Self {
            name,
            title,
            ..Self::base()
        }
    }

    fn loads() -> Vec<Self> {
        let loads = [
            ("load-0.5", "Load 0.5 Q", 0.5),
            ("load-0.8", "Load 0.8 Q", 0.8),
            ("load-1", "Load 1 Q", 1.0),
            ("load-2", "Load 2 Q", 2.0),
        ];
        let cases = loads.map(|(name, title, load)| Self {
            load,
            ..Self::named(name, title)
        });
        cases.into()
    }

    fn quotas_and_deadlines() -> [Self; 4] {
        [
            Self {
                quota: 5.0,
                counted: Duration::from_secs(30),
                ..Self::named("quota-5", "Q = 5/s")
            },
            Self {
                quota: 50.0,
                ..Self::named("quota-50", "Q = 50/s")
            },
            Self {
                deadline: Duration::from_secs(1),
                ..Self::named("deadline-1s", "Deadline 1 s")
            },
            Self {
                deadline: Duration::from_secs(30),
                warm_up: Duration::from_secs(31),
                ..Self::named("deadline-30s", "Deadline 30 s")
            },
        ]
    }

    fn others_demand() -> [Self; 2] {
        [
            Self {
                first_share: 1.0 / CALLERS as f64,
                ..Self::named("even", "Even load: each caller sends 10 %")
            },
            Self {
                tenant_share: 0.4,
                ..Self::named(
                    "tenant",
                    "Another tenant spends 40 % of the quota directly at AWS",
                )
            },
        ]
    }

    fn faults() -> [Self; 2] {
        let fault = |action, share| Some(Fault { action, share });
        [
            Self {
                fault: fault("InternalServerError/500", 0.01),
                ..Self::named(
                    "errors",
                    "1 % of admitted calls fail with InternalServerError (500)",
                )
            },
            Self {
                fault: fault("lost-answer", 0.05),
                ..Self::named(
                    "lost-answers",
                    "5 % of admitted calls make a session and lose the answer",
                )
            },
        ]
    }

    /// The same case with other lengths.
    pub(crate) fn with(self, lengths: Lengths) -> Self {
        Self {
            warm_up: lengths.warm_up.unwrap_or(self.warm_up),
            counted: lengths.counted.unwrap_or(self.counted),
            ..self
        }
    }

    /// Requests a second of each caller.
    pub(crate) fn rates(&self) -> Vec<f64> {
        arrivals::split(self.load * self.quota, CALLERS, self.first_share)
    }

    /// How many calls the simulator lets pass at once after idleness.
    pub(crate) fn burst(&self) -> f64 {
        self.quota
    }

    /// How long requests arrive.
    pub(crate) fn length(&self) -> Duration {
        self.warm_up + self.counted
    }

    /// The counted seconds, from the start of the load.
    pub(crate) fn counted_seconds(&self) -> Range<f64> {
        self.warm_up.as_secs_f64()..self.length().as_secs_f64()
    }
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

impl Fault {
    /// The faults for so many admitted calls, in the grammar of `--fault`. The distance
    /// between two is drawn from the seed; calls between them are answered truly.
    pub(crate) fn script(self, seed: u64, calls: f64) -> Vec<String> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut script = Vec::new();
        let mut scripted = 0.0;
        while scripted < calls {
            let between = ((1.0 - rng.f64()).ln() / (1.0 - self.share).ln()).floor();
            if between >= 1.0 {
                script.push(format!("create:delay/0s*{between}"));
            }
            script.push(format!("create:{}", self.action));
            scripted += between + 1.0;
        }
        script
    }
}

impl Cell {
    /// Returns the name that identifies it in the output.
    pub(crate) fn name(&self) -> String {
        format!("{} / {} / seed {}", self.case.name, self.arm, self.seed)
    }
}
