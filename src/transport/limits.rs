//! What one peer, and all of them together, may take of the gRPC port.
//!
//! Every wait for a peer has an end and every store of its bytes a bound. The
//! life of a connection, with the limit that ends each part of it:
//!
//! ```text
//! accept -- TLS ---------- first headers ------ calls ... GOAWAY ------ closed
//!   |        handshake_     first_request_timeout       |  after max_connection_age
//!   |        timeout                              |         |  max_connection_age_grace
//!   max_connections, max_connections_per_peer     |
//!                     headers -- body ------ answer ready ------ answer read
//!                        |       request_body_timeout         response_write_timeout
//!                        max_concurrent_requests, max_concurrent_streams
//! ```
//!
//! An example, by the defaults: 1000 peers that send as much as they may and read
//! nothing hold 256 KiB each of what they sent, 250 MiB together, and none of it
//! longer than 10 s, for then their calls are refused.

use std::num::NonZeroU32;
use std::time::Duration;

/// The limits of the gRPC port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdgeLimits {
    /// Connections at once, of all peers. Beyond it they are closed unread.
    pub max_connections: NonZeroU32,
    /// Connections at once from one address (IPv6: one /64 network).
    pub max_connections_per_peer: NonZeroU32,
    /// Calls at once on one connection; a client that obeys HTTP/2 waits.
    pub max_concurrent_streams: NonZeroU32,
    /// Calls at once in the whole process. Beyond it they are refused with
    /// `CONCURRENCY_LIMIT_EXCEEDED`. Health and reflection have as many places
    /// of their own, so that neither can keep the other out.
    pub max_concurrent_requests: NonZeroU32,
    /// From accept to the end of the TLS handshake.
    pub handshake_timeout: Duration,
    /// From there to the first call's headers.
    pub first_request_timeout: Duration,
    /// From a call's headers to the end of its request.
    pub request_body_timeout: Duration,
    /// From the moment that an answer is ready to the peer having taken it.
    pub response_write_timeout: Duration,
    /// How often a quiet peer is asked whether it is there.
    pub keepalive_interval: Duration,
    /// How long it may take to say so.
    pub keepalive_timeout: Duration,
    /// When a connection is told to go; each has its own time within 10 % of this.
    pub max_connection_age: Duration,
    /// How long the calls of such a connection may still take.
    pub max_connection_age_grace: Duration,
}

impl Default for EdgeLimits {
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
            max_connection_age: Duration::from_secs(30 * 60),
            max_connection_age_grace: Duration::from_secs(60),
        }
    }
}
