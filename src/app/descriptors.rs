//! Fits the number of connections into the limit of open files.
//!
//! Each connection uses a file descriptor. If there are no more, calls to AWS and the store
//! fail as well, which looks like their outage. For example, with a limit of 1024 files and
//! `grpc.max_connections = 5000`, at most 896 connections are open at once.

use std::num::NonZeroU32;

use tracing::warn;

use crate::transport::TransportLimits;

/// The descriptors that are kept for AWS, the store, the admin port and files.
const RESERVED: u64 = 128;

/// Raises the soft limit of open files to the hard limit, and returns `limits` with as many
/// connections as fit.
pub(super) fn fit(limits: TransportLimits) -> TransportLimits {
    // Without a known limit, nothing can be compared.
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(u64::MAX);
    let max_connections = fitting(limits.max_connections, files);
    if max_connections < limits.max_connections {
        warn!(
            grpc.max_connections = limits.max_connections,
            open_files = files,
            used = max_connections,
            "grpc.max_connections exceeds the limit of open files (ulimit -n), using fewer"
        );
    }
    TransportLimits {
        max_connections,
        ..limits
    }
}

fn fitting(max_connections: NonZeroU32, files: u64) -> NonZeroU32 {
    let fitting = u32::try_from(files.saturating_sub(RESERVED)).unwrap_or(u32::MAX);
    let fitting = NonZeroU32::new(fitting).unwrap_or(NonZeroU32::MIN);
    max_connections.min(fitting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_the_rest() {
        for (configured, files, used) in [
            (1000, 1024, 896),
            (500, 1024, 500),
            (1000, u64::MAX, 1000),
            (1000, 100, 1),
        ] {
            let configured = NonZeroU32::new(configured).unwrap();
            assert_eq!(fitting(configured, files).get(), used);
        }
    }
}
