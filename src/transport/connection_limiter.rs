//! Limits open connections, of all peers and of each peer.
//!
//! For example, with a limit of two in all and one for each peer, a second connection
//! from 10.0.0.1 is refused, one from 10.0.0.2 is accepted, and one from 10.0.0.3 is
//! refused because both permits are in use.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;

use super::TransportLimits;
use super::connection_metrics::CloseReason;

/// Counts open connections. Clones share the counts.
#[derive(Clone, Debug)]
pub(super) struct ConnectionLimiter {
    max: u32,
    max_per_peer: u32,
    open: Arc<Mutex<OpenCounts>>,
}

/// Invariant: `total` is at least the sum of `by_peer`, which has no zeros.
#[derive(Debug, Default)]
struct OpenCounts {
    total: u32,
    by_peer: HashMap<IpAddr, u32>,
}

/// A permit for one connection, released on drop.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    peer: Option<IpAddr>,
    open: Arc<Mutex<OpenCounts>>,
}

impl ConnectionLimiter {
    pub(super) fn new(limits: &TransportLimits) -> Self {
        Self {
            max: limits.max_connections.get(),
            max_per_peer: limits.max_connections_per_peer.get(),
            open: Arc::default(),
        }
    }

    /// Returns a permit for `peer`. A peer without an address counts only in total.
    pub(super) fn try_acquire(
        &self,
        peer: Option<IpAddr>,
    ) -> Result<ConnectionPermit, CloseReason> {
        let peer = peer.map(network);
        let mut open = self.open.lock();
        if open.total >= self.max {
            return Err(CloseReason::ConnectionLimit);
        }
        if let Some(peer) = peer {
            let of_peer = open.by_peer.entry(peer).or_default();
            if *of_peer >= self.max_per_peer {
                return Err(CloseReason::PeerConnectionLimit);
            }
            *of_peer += 1;
        }
        open.total += 1;
        let open = self.open.clone();
        Ok(ConnectionPermit { peer, open })
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut open = self.open.lock();
        open.total -= 1;
        let Some(peer) = self.peer else { return };
        if let Some(of_peer) = open.by_peer.get_mut(&peer) {
            *of_peer -= 1;
            if *of_peer == 0 {
                open.by_peer.remove(&peer);
            }
        }
    }
}

/// The addresses that count as one peer: an IPv6 host usually controls its whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn limiter(max: u32, max_per_peer: u32) -> ConnectionLimiter {
        let count = |number| NonZeroU32::new(number).expect("not zero");
        ConnectionLimiter::new(&TransportLimits {
            max_connections: count(max),
            max_connections_per_peer: count(max_per_peer),
            ..TransportLimits::default()
        })
    }

    fn peer(text: &str) -> Option<IpAddr> {
        Some(text.parse().expect("an address"))
    }

    #[test]
    fn one_peer_cannot_take_the_permits_of_others() {
        let limiter = limiter(3, 2);
        let _two = [1, 2].map(|_| limiter.try_acquire(peer("10.0.0.1")).expect("a permit"));
        for address in ["10.0.0.1", "::ffff:10.0.0.1"] {
            let refused = limiter.try_acquire(peer(address)).err();
            assert_eq!(refused, Some(CloseReason::PeerConnectionLimit));
        }
        let _third = limiter.try_acquire(peer("10.0.0.2")).expect("a permit");
        let refused = limiter.try_acquire(peer("10.0.0.3")).err();
        assert_eq!(refused, Some(CloseReason::ConnectionLimit));
    }

    #[test]
    fn a_dropped_permit_is_released_and_leaves_no_entry() {
        let limiter = limiter(1, 1);
        for host in 0..100 {
            let permit = limiter.try_acquire(peer(&format!("10.0.0.{host}")));
            drop(permit.expect("it was released"));
        }
        let open = limiter.open.lock();
        assert_eq!((open.total, open.by_peer.len()), (0, 0));
    }

    #[test]
    fn one_ipv6_network_is_one_peer() {
        let limiter = limiter(9, 1);
        let _one = limiter.try_acquire(peer("2001:db8::1")).expect("a permit");
        let refused = limiter.try_acquire(peer("2001:db8::ffff:2")).err();
        assert_eq!(refused, Some(CloseReason::PeerConnectionLimit));
        assert!(limiter.try_acquire(peer("2001:db8:0:1::1")).is_ok());
    }
}
