//! The columns of the tables: a figure, how it is printed, and which way is better.

use super::figures::Figures;
use super::statistics::Interval;

/// One figure of each run.
pub(crate) struct Column {
    /// Its key in the JSON file.
    pub(crate) key: &'static str,
    pub(crate) head: &'static str,
    pub(crate) of: fn(&Figures) -> Option<f64>,
    pub(crate) unit: Unit,
    pub(crate) better: Better,
    /// A smaller difference between two arms is not a difference.
    pub(crate) margin: f64,
}

/// How a figure is printed.
#[derive(Clone, Copy)]
pub(crate) enum Unit {
    Ratio,
    Count,
    Milliseconds,
    Percent,
}

/// Which way a figure is better.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Better {
    Higher,
    Lower,
}

use self::Better::{Higher, Lower};
use self::Unit::{Count, Milliseconds, Percent, Ratio};

pub(crate) const GOODPUT: Column = column(
    "goodput",
    "goodput / Q",
    |f| Some(f.goodput),
    Ratio,
    Higher,
    0.01,
);
pub(crate) const THROTTLES: Column = column(
    "throttles_per_success",
    "throttles / session",
    |f| f.throttles_per_success,
    Count,
    Lower,
    0.01,
);
pub(crate) const ATTEMPTS: Column = column(
    "attempts_per_success",
    "attempts / session",
    |f| f.attempts_per_success,
    Count,
    Lower,
    0.02,
);
pub(crate) const SESSION_P50: Column = column(
    "session_p50_ms",
    "p50 to session",
    |f| f.session_p50_ms,
    Milliseconds,
    Lower,
    50.0,
);
pub(crate) const SESSION_P99: Column = column(
    "session_p99_ms",
    "p99 to session",
    |f| f.session_p99_ms,
    Milliseconds,
    Lower,
    50.0,
);
pub(crate) const FAILURE_P99: Column = column(
    "failure_p99_ms",
    "p99 to failure",
    |f| f.failure_p99_ms,
    Milliseconds,
    Lower,
    20.0,
);
pub(crate) const FAILED_SLOWLY: Column = column(
    "failed_slowly",
    "failed slowly",
    |f| f.failed_slowly,
    Percent,
    Lower,
    0.002,
);
pub(crate) const JAIN: Column = column("jain", "Jain", |f| f.jain, Ratio, Higher, 0.005);
pub(crate) const SURPLUS: Column = column(
    "surplus_sessions",
    "surplus sessions",
    |f| f.surplus_sessions,
    Percent,
    Lower,
    0.002,
);
pub(crate) const OVER_ADMISSION: Column = column(
    "over_admission",
    "busiest second",
    |f| Some(f.over_admission),
    Ratio,
    Lower,
    0.05,
);
pub(crate) const TENANT_SERVED: Column = column(
    "tenant_served",
    "tenant served",
    |f| f.tenant_served,
    Percent,
    Higher,
    0.02,
);

/// The columns of every table.
pub(crate) const COLUMNS: [Column; 10] = [
    GOODPUT,
    THROTTLES,
    ATTEMPTS,
    SESSION_P50,
    SESSION_P99,
    FAILURE_P99,
    FAILED_SLOWLY,
    JAIN,
    SURPLUS,
    OVER_ADMISSION,
];

const fn column(
    key: &'static str,
    head: &'static str,
    of: fn(&Figures) -> Option<f64>,
    unit: Unit,
    better: Better,
    margin: f64,
) -> Column {
    Column {
        key,
        head,
        of,
        unit,
        better,
        margin,
    }
}

impl Column {
    /// The interval over several runs.
    pub(crate) fn over(&self, runs: &[&Figures]) -> Option<Interval> {
        let values: Vec<f64> = runs
            .iter()
            .filter_map(|figures| (self.of)(figures))
            .collect();
        Interval::of(&values)
    }

    /// Returns whether `one` is better than `other` by more than the margin.
    pub(crate) fn is_better(&self, one: f64, other: f64) -> bool {
        match self.better {
            Higher => one > other + self.margin,
            Lower => one < other - self.margin,
        }
    }

    /// The margin, as it stands in a table.
    pub(crate) fn scaled_margin(&self) -> String {
        format!("{}{}", self.unit.scale() * self.margin, self.unit.suffix())
    }

    /// An interval as it stands in a table.
    pub(crate) fn text(&self, interval: Option<Interval>) -> String {
        let Some(Interval { mean, half_width }) = interval else {
            return "-".to_owned();
        };
        let mean = self.unit.text(mean);
        let half_width = half_width.map(|width| format!(" ± {}", self.unit.text(width)));
        format!(
            "{mean}{}{}",
            half_width.unwrap_or_default(),
            self.unit.suffix()
        )
    }
}

impl Unit {
    /// How many of the printed unit are in one of the figure.
    pub(crate) fn scale(self) -> f64 {
        match self {
            Self::Percent => 100.0,
            Self::Ratio | Self::Count | Self::Milliseconds => 1.0,
        }
    }

    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Ratio | Self::Count => "",
            Self::Milliseconds => " ms",
            Self::Percent => " %",
        }
    }

    fn text(self, value: f64) -> String {
        let value = self.scale() * value;
        match self {
            Self::Ratio => format!("{value:.3}"),
            Self::Count => format!("{value:.2}"),
            Self::Milliseconds => format!("{value:.0}"),
            Self::Percent => format!("{value:.1}"),
        }
    }
}
