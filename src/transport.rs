//! The transport of the gRPC port: connections, TLS, HTTP/2, and the limits on each.

mod accept;
mod body_timeout;
mod chunked_body;
mod connection;
mod connection_limiter;
mod connection_metrics;
mod limits;
mod reset_budget;
mod streams;
mod tls;
mod tls_metrics;

pub(crate) use accept::Door;
pub use accept::{Leaving, connections};
pub(crate) use body_timeout::TimelyBody;
pub(crate) use chunked_body::Pieces;
pub use connection::Peer;
pub(crate) use connection_limiter::Seats;
pub(crate) use connection_metrics::ConnectionMetrics;
pub use limits::EdgeLimits;
pub(crate) use streams::{Answered, Answering, House};
pub use tls::{Tls, TlsError, TlsSettings};
pub(crate) use tls_metrics::TlsMetrics;
