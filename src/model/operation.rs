//! The operations that Livegate offers.

use std::fmt::{self, Write as _};

use prometheus_client::encoding::{EncodeLabelValue, LabelValueEncoder};

/// One method of the service; each maps to one AWS operation with a quota of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Creating a session: `CreateSession`, AWS's `CreateFaceLivenessSession`.
    Create,
    /// Reading a result: `GetSessionResult`, AWS's `GetFaceLivenessSessionResults`.
    Results,
}

impl Operation {
    /// Returns the operation's name in configuration keys, metrics and the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Results => "results",
        }
    }

    /// Returns the name of the RPC method.
    #[must_use]
    pub fn rpc(self) -> &'static str {
        match self {
            Self::Create => "CreateSession",
            Self::Results => "GetSessionResult",
        }
    }

    /// Returns the name of the operation in the AWS API.
    #[must_use]
    pub fn aws(self) -> &'static str {
        match self {
            Self::Create => "CreateFaceLivenessSession",
            Self::Results => "GetFaceLivenessSessionResults",
        }
    }
}

impl EncodeLabelValue for Operation {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(self.as_str())
    }
}
