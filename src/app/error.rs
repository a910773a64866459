//! The errors of starting and running the service.
//!
//! For example, if the port is taken: `grpc.listen = "127.0.0.1:50051": cannot listen:
//! Address already in use`.

use std::net::SocketAddr;

use super::key_file::KeyFileError;
use super::token_keys::TokenKeyError;
use crate::audit::AuditError;
use crate::transport::TlsError;

/// An error that prevents the service from starting or ends it.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// An address cannot be bound.
    #[error("{key} = \"{address}\": cannot listen: {source}")]
    Bind {
        /// The configuration key of the address.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: std::io::Error,
    },
    /// The TLS files cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The signing keys of result tokens cannot be loaded.
    #[error(transparent)]
    TokenKeys(#[from] TokenKeyError),
    /// The audit file cannot be opened.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The file of a key cannot be used.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// The system provides no random bytes.
    #[error("cannot generate the audit digest key: {0}")]
    NoRandomness(getrandom::Error),
    /// The task that admits requests has panicked, so no request can be served.
    #[error("the admission task stopped unexpectedly, see the panic in the log")]
    AdmissionStopped,
    /// The gRPC server failed.
    #[error("the grpc server failed: {0}")]
    Grpc(std::io::Error),
}
