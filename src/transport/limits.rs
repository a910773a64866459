//! Limits of the gRPC port, for each peer and for all peers together.
//!
//! Every wait for a peer has a timeout, and every buffer of its bytes a bound. The life
//! of a connection, with the limit that ends each part of it:
//!
//! ```text
//! accept -- TLS ---------- first headers ---- requests ... GOAWAY ------ closed
//!   |        handshake_     first_request_timeout       |  after max_connection_age
//!   |        timeout                              |         |  max_connection_age_grace
//!   max_connections, max_connections_per_peer     |
//!                     headers -- body ---- response ready ---- response written
//!                        |       request_body_timeout         response_write_timeout
//!                        max_concurrent_requests, max_concurrent_streams
//! ```
//!
//! A connection without a stream for `max_connection_idle` gets its GOAWAY before that age.
//!
//! For example, a peer sends 1000 requests of 8 KiB each without their last byte. 128 of them
//! hold 1 MiB, the limit that `grpc` sets for a connection, and the others fail. After 10 s
//! these 128 fail as well, which frees the memory.

use std::num::NonZeroU32;
use std::time::Duration;

/// The limits of the gRPC port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransportLimits {
    /// Open connections of all peers. A further one closes the oldest without an
    /// authenticated call, or is closed unread.
    pub max_connections: NonZeroU32,
    /// Open connections from one address (IPv6: one /64 network).
    pub max_connections_per_peer: NonZeroU32,
    /// Concurrent streams on one connection, sent to clients as the HTTP/2 setting
    /// `SETTINGS_MAX_CONCURRENT_STREAMS`.
    pub max_concurrent_streams: NonZeroU32,
    /// Concurrent requests in the whole process. Further ones fail with
    /// `ConcurrencyLimitExceeded`. Health and reflection have a separate limit of the same
    /// size, so that neither kind of request can block the other. Callers and connections have
    /// shares.
    pub max_concurrent_requests: NonZeroU32,
    /// From accept to the end of the TLS handshake.
    pub handshake_timeout: Duration,
    /// From the end of the handshake to the headers of the first request.
    pub first_request_timeout: Duration,
    /// From a request's headers to the end of its body.
    pub request_body_timeout: Duration,
    /// From a complete response to the peer's receipt of its last byte.
    pub response_write_timeout: Duration,
    /// Interval of the HTTP/2 PING frames that are sent to a peer.
    pub keepalive_interval: Duration,
    /// How long a peer may take to acknowledge a PING.
    pub keepalive_timeout: Duration,
    /// How long a connection may have no stream before it receives GOAWAY.
    pub max_connection_idle: Duration,
    /// Age at which a connection receives GOAWAY, with up to 10 % of jitter.
    pub max_connection_age: Duration,
    /// How long the requests of an aged or idle connection may still take.
    pub max_connection_age_grace: Duration,
}

impl Default for TransportLimits {
    fn default() -> Self {
        const fn count(number: u32) -> NonZeroU32 {
            NonZeroU32::new(number).expect("no default is zero")
        }
        Self {
            max_connections: count(1000),
            max_connections_per_peer: count(100),
            max_concurrent_streams: count(1000),
            max_concurrent_requests: count(10_000),
            handshake_timeout: Duration::from_secs(5),
            first_request_timeout: Duration::from_secs(30),
            request_body_timeout: Duration::from_secs(10),
            response_write_timeout: Duration::from_secs(10),
            keepalive_interval: Duration::from_secs(30),
            keepalive_timeout: Duration::from_secs(10),
            max_connection_idle: Duration::from_secs(10 * 60),
            max_connection_age: Duration::from_secs(30 * 60),
            max_connection_age_grace: Duration::from_secs(60),
        }
    }
}
