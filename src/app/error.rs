//! Why the service did not start, or did not go on.
//!
//! An example: another program has the port. `grpc.listen = "127.0.0.1:50051": cannot
//! listen there: Address already in use`.

use std::net::SocketAddr;

use super::key_file::KeyFileError;
use super::token_keys::TokenKeyError;
use crate::audit::AuditError;
use crate::grpc::TlsError;

/// Why the service did not start, or did not go on.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A port cannot be had.
    #[error("{key} = \"{address}\": cannot listen there: {source}")]
    Bind {
        /// The key that names the address.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The files of TLS cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The keys of result tokens cannot be had.
    #[error(transparent)]
    TokenKeys(#[from] TokenKeyError),
    /// The file of the audit cannot be had.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The file of a key is of no use.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// There is no randomness to make a key of.
    #[error("a key for the audit cannot be made: {0}")]
    NoRandomness(getrandom::Error),
    /// The task that admits requests is gone: nothing can be served any more.
    #[error("admission has ended: a bug, told before this line")]
    AdmissionGone,
    /// The gRPC server failed.
    #[error("the grpc server failed: {0}")]
    Grpc(std::io::Error),
}
