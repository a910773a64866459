//! How a peer becomes a [`CallerId`](crate::session::words::CallerId).

/// How Livegate knows who calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthMode {
    /// It does not ask: everyone is one anonymous caller.
    #[default]
    None,
    /// The metadata key `livegate-caller` says so, and is believed.
    TrustedHeader,
}
