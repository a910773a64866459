//! The operations that Livegate offers.

/// One method of the service; each maps to one AWS operation with a quota of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Creating a session: `CreateSession`, AWS's `CreateFaceLivenessSession`.
    Create,
    /// Reading a result: `GetSessionResult`, AWS's `GetFaceLivenessSessionResults`.
    Results,
}
