//! The RPC methods that metrics and traces name.

use std::fmt;

use prometheus_client::encoding::{EncodeLabelValue, LabelValueEncoder};

use crate::model::{Operation, SESSION_LIFE};
use crate::transport::ResponseKind;

/// The paths of Livegate's own methods begin with this.
pub(super) const LIVEGATE_PREFIX: &str = "/livegate.v1.";

/// The paths of reflection begin with this.
pub(super) const REFLECTION_PREFIX: &str = "/grpc.reflection.";

/// Returns whether a method's response is complete or a stream.
pub(super) fn response_kind(path: &str) -> ResponseKind {
    match RpcMethod::of_path(path) {
        RpcMethod::WatchSession => ResponseKind::Limited(SESSION_LIFE),
        RpcMethod::HealthWatch => ResponseKind::Streaming,
        RpcMethod::Other if path.starts_with(REFLECTION_PREFIX) => ResponseKind::Streaming,
        _ => ResponseKind::Complete,
    }
}

/// An RPC method, as a label of bounded cardinality.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum RpcMethod {
    CreateSession,
    GetSessionResult,
    WatchSession,
    HealthCheck,
    HealthWatch,
    /// Any other path: reflection, or a path that a peer made up.
    Other,
}

impl RpcMethod {
    /// Livegate's own methods.
    pub(super) const LIVEGATE: [Self; 3] = [
        Self::CreateSession,
        Self::GetSessionResult,
        Self::WatchSession,
    ];

    const NAMED: [Self; 5] = [
        Self::CreateSession,
        Self::GetSessionResult,
        Self::WatchSession,
        Self::HealthCheck,
        Self::HealthWatch,
    ];

    /// Returns the method of a request's path.
    pub(super) fn of_path(path: &str) -> Self {
        let name = path.strip_prefix('/');
        let named = Self::NAMED.into_iter();
        let mut matching = named.filter(|method| Some(method.as_str()) == name);
        matching.next().unwrap_or(Self::Other)
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::CreateSession => "livegate.v1.SessionService/CreateSession",
            Self::GetSessionResult => "livegate.v1.SessionService/GetSessionResult",
            Self::WatchSession => "livegate.v1.SessionService/WatchSession",
            Self::HealthCheck => "grpc.health.v1.Health/Check",
            Self::HealthWatch => "grpc.health.v1.Health/Watch",
            Self::Other => "other",
        }
    }

    /// Returns the operation of one of Livegate's own methods.
    pub(super) fn operation(self) -> Option<Operation> {
        match self {
            Self::CreateSession => Some(Operation::Create),
            Self::GetSessionResult | Self::WatchSession => Some(Operation::Results),
            Self::HealthCheck | Self::HealthWatch | Self::Other => None,
        }
    }

    /// Returns the names of the service and of the method within it.
    pub(super) fn split(self) -> (&'static str, &'static str) {
        self.as_str().split_once('/').unwrap_or(("other", "other"))
    }
}

impl EncodeLabelValue for RpcMethod {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        self.as_str().encode(encoder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_a_peer_made_up_is_other() {
        let create = RpcMethod::CreateSession;
        let name = create.as_str();
        assert_eq!(RpcMethod::of_path(&format!("/{name}")), create);
        for made_up in ["", "/", name, "/made.up/Method", &format!("//{name}")] {
            assert_eq!(RpcMethod::of_path(made_up).as_str(), "other", "{made_up}");
        }
    }
}
