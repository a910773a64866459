//! Runs the three scripts once, on a quota of its own.

use super::reservation::{cut_factor, leave, reserve};
use super::{Demand, SharedQuota};
use crate::store::{StoreError, with_missing_right};

impl SharedQuota {
    /// Reports a replica to the quota, cuts its factor and removes the replica. The store
    /// deletes the quota ten minutes later.
    ///
    /// # Errors
    /// If the store fails, or does not permit a command; the error names it.
    pub async fn check(&self) -> Result<(), StoreError> {
        let demand = Demand {
            rate: 1.0,
            burst: 1,
            weight: 1.0,
            ..Demand::default()
        };
        let denied = |error| with_missing_right(error, include_str!("reserve.lua"));
        let reported = reserve(self, "check", &demand, 0, None).await;
        reported.map_err(denied)?;
        let denied = |error| with_missing_right(error, include_str!("cut.lua"));
        cut_factor(self, 1.0).await.map_err(denied)?;
        let denied = |error| with_missing_right(error, include_str!("leave.lua"));
        leave(self, "check").await.map_err(denied)
    }
}
