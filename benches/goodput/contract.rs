//! The generated types of the contract, imported in this one place.

pub(crate) use livegate::grpc::v1::session_service_client::SessionServiceClient;
pub(crate) use livegate::grpc::v1::session_service_server::{SessionService, SessionServiceServer};
pub(crate) use livegate::grpc::v1::{
    CreateSessionRequest, CreateSessionResponse, GetSessionResultRequest, GetSessionResultResponse,
    Session, WatchSessionRequest, WatchSessionResponse,
};

/// The metadata key by which a caller names itself.
pub(crate) const CALLER_KEY: &str = "livegate-caller";
