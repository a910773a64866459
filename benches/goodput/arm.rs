//! The arms: the ways in which ten services can share one quota.

use std::fmt;

use serde::Serialize;

/// One way to share the quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Arm {
    /// Each client retries by itself, in the AWS SDK's standard mode.
    SdkStandard,
    /// The same in the SDK's adaptive mode.
    SdkAdaptive,
    /// Each client limits itself to a tenth of the quota, and the SDK retries.
    SplitQuota,
    /// A service written with the obvious parts.
    PlainService,
    /// A service with a bounded queue and refusals that name the time to retry.
    StrongService,
    /// Livegate.
    Livegate(Fleet),
}

/// How many replicas of Livegate there are, and how callers reach them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Fleet {
    pub(crate) replicas: usize,
    pub(crate) placement: Placement,
    /// Kill the store after a third of the counted seconds, and start it again, empty,
    /// after two thirds.
    pub(crate) store_outage: bool,
}

/// Which replica a caller's requests go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Placement {
    /// Always the same one.
    Pinned,
    /// Each request to the next one.
    Spread,
}

impl Arm {
    /// Livegate without a store.
    pub(crate) const ONE_REPLICA: Self = Self::livegate(1, Placement::Pinned);

    /// Three replicas whose store fails for a third of the counted seconds.
    pub(crate) const STORE_OUTAGE: Self = Self::Livegate(Fleet {
        replicas: 3,
        placement: Placement::Spread,
        store_outage: true,
    });

    pub(crate) const fn livegate(replicas: usize, placement: Placement) -> Self {
        Self::Livegate(Fleet {
            replicas,
            placement,
            store_outage: false,
        })
    }

    /// All arms, for the base case.
    pub(crate) fn all() -> Vec<Self> {
        let mut arms = vec![
            Self::SdkStandard,
            Self::SdkAdaptive,
            Self::SplitQuota,
            Self::PlainService,
            Self::StrongService,
            Self::ONE_REPLICA,
        ];
        for replicas in [3, 5] {
            arms.push(Self::livegate(replicas, Placement::Pinned));
            arms.push(Self::livegate(replicas, Placement::Spread));
        }
        arms.push(Self::STORE_OUTAGE);
        arms
    }

    /// The arms of every other case.
    pub(crate) fn main() -> Vec<Self> {
        vec![
            Self::SdkStandard,
            Self::SdkAdaptive,
            Self::PlainService,
            Self::StrongService,
            Self::ONE_REPLICA,
            Self::livegate(3, Placement::Spread),
        ]
    }

    /// The arms of the short form.
    pub(crate) fn short() -> Vec<Self> {
        vec![
            Self::SdkStandard,
            Self::SdkAdaptive,
            Self::StrongService,
            Self::ONE_REPLICA,
        ]
    }

    /// Returns whether it needs a store.
    pub(crate) fn needs_store(self) -> bool {
        matches!(self, Self::Livegate(fleet) if fleet.has_store())
    }

    pub(crate) fn is_livegate(self) -> bool {
        matches!(self, Self::Livegate(_))
    }
}

impl Fleet {
    pub(crate) fn has_store(self) -> bool {
        self.replicas > 1
    }
}

impl fmt::Display for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SdkStandard => "SDK standard",
            Self::SdkAdaptive => "SDK adaptive",
            Self::SplitQuota => "quota split, SDK standard",
            Self::PlainService => "plain service",
            Self::StrongService => "strong service",
            Self::Livegate(fleet) => return fleet.fmt(f),
        })
    }
}

impl fmt::Display for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            replicas,
            placement,
            store_outage,
        } = *self;
        match (replicas, placement) {
            (1, _) => write!(f, "Livegate, 1 replica"),
            (_, Placement::Pinned) => write!(f, "Livegate, {replicas} replicas, pinned"),
            (_, Placement::Spread) => write!(f, "Livegate, {replicas} replicas, spread"),
        }?;
        if store_outage {
            write!(f, ", store outage")?;
        }
        Ok(())
    }
}
