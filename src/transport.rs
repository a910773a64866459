//! The transport of the gRPC port: TCP connections, TLS, HTTP/2, and the limits on each.
//!
//! ```text
//! listener -> accept -> connection limiter -> TLS -> HTTP/2 -> streams -> service
//! ```
//!
//! The accept loop gives each connection a task, a connection gives each stream a task,
//! and a stream passes its request to the service, which is the middleware of `grpc`.
//! Each request carries its [`Peer`] and its `ResponseState` as extensions. The latter holds
//! the permit that `grpc` gives to the request, until the stream ends.
//!
//! The transport knows nothing of gRPC and sessions. It has its own error types, which
//! `grpc` maps to a status.

mod accept;
mod body_timeout;
mod chunked_body;
mod connection;
mod connection_limiter;
mod connection_metrics;
mod frame_budget;
mod limits;
mod listener;
mod metrics;
mod peer;
mod reset_budget;
mod response_state;
mod service;
mod streams;
mod tls;
mod tls_metrics;

pub(crate) use accept::AcceptLoop;
pub use accept::DrainSignals;
pub(crate) use body_timeout::{BodyTimeout, RequestBodyError};
pub(crate) use chunked_body::ChunkedBody;
pub use limits::TransportLimits;
pub use listener::incoming;
pub use metrics::TransportMetrics;
pub use peer::{Authentication, Connection, Peer};
pub(crate) use response_state::{ResponseKind, ResponseState};
pub(crate) use service::{ByteCount, RequestCount, RequestPermit, ResponseBody};
pub use tls::{Tls, TlsError, TlsSettings};
