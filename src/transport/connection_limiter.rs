//! Limits open connections, of all peers and of each peer.
//!
//! At the limit of all peers, a new connection closes the oldest one that has made no
//! authenticated call, so that idle peers do not keep callers out. For example, with a limit
//! of two in all and one for each peer, a second connection from 10.0.0.1 is refused, one from
//! 10.0.0.2 is accepted, and one from 10.0.0.3 closes that from 10.0.0.1, or is refused once
//! both have made an authenticated call.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::connection_metrics::CloseReason;
use super::{Authentication, TransportLimits};

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
    next_id: u64,
    /// The connections that may be unauthenticated, oldest first.
    evictable: BTreeMap<u64, EvictableConnection>,
}

#[derive(Debug)]
struct EvictableConnection {
    peer: Option<IpAddr>,
    authentication: Authentication,
    evicted: CancellationToken,
}

/// A permit for one connection, released on drop.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    id: u64,
    peer: Option<IpAddr>,
    evicted: CancellationToken,
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
        authentication: Authentication,
    ) -> Result<ConnectionPermit, CloseReason> {
        let peer = peer.map(network);
        let mut open = self.open.lock();
        let of_peer = peer.and_then(|peer| open.by_peer.get(&peer));
        if of_peer.is_some_and(|of_peer| *of_peer >= self.max_per_peer) {
            return Err(CloseReason::PeerConnectionLimit);
        }
        if open.total >= self.max && !open.evict() {
            return Err(CloseReason::ConnectionLimit);
        }
        let (id, evicted) = open.add(peer, authentication);
        Ok(ConnectionPermit {
            id,
            peer,
            evicted,
            open: self.open.clone(),
        })
    }
}

impl OpenCounts {
    fn add(
        &mut self,
        peer: Option<IpAddr>,
        authentication: Authentication,
    ) -> (u64, CancellationToken) {
        self.total += 1;
        if let Some(peer) = peer {
            *self.by_peer.entry(peer).or_default() += 1;
        }
        let (id, evicted) = (self.next_id, CancellationToken::new());
        self.next_id += 1;
        let connection = EvictableConnection {
            peer,
            authentication,
            evicted: evicted.clone(),
        };
        self.evictable.insert(id, connection);
        (id, evicted)
    }

    fn release(&mut self, peer: Option<IpAddr>) {
        self.total -= 1;
        let Some(peer) = peer else { return };
        if let Some(of_peer) = self.by_peer.get_mut(&peer) {
            *of_peer -= 1;
            if *of_peer == 0 {
                self.by_peer.remove(&peer);
            }
        }
    }

    /// Closes the oldest unauthenticated connection. Returns whether there was one.
    fn evict(&mut self) -> bool {
        while let Some((_, connection)) = self.evictable.pop_first() {
            if !connection.authentication.is_complete() {
                connection.evicted.cancel();
                self.release(connection.peer);
                return true;
            }
        }
        false
    }
}

impl ConnectionPermit {
    /// Returns when the connection must close for another one.
    pub(super) async fn evicted(&self) {
        self.evicted.cancelled().await;
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut open = self.open.lock();
        open.evictable.remove(&self.id);
        // The permit of an evicted connection is released already.
        if !self.evicted.is_cancelled() {
            open.release(self.peer);
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

    /// Returns a permit for a connection that has made an authenticated call.
    fn acquire(
        limiter: &ConnectionLimiter,
        address: &str,
    ) -> Result<ConnectionPermit, CloseReason> {
        let authentication = Authentication::default();
        authentication.complete();
        limiter.try_acquire(peer(address), authentication)
    }

    #[test]
    fn one_peer_cannot_take_the_permits_of_others() {
        let limiter = limiter(3, 2);
        let _two = [1, 2].map(|_| acquire(&limiter, "10.0.0.1").expect("a permit"));
        for address in ["10.0.0.1", "::ffff:10.0.0.1"] {
            let refused = acquire(&limiter, address).err();
            assert_eq!(refused, Some(CloseReason::PeerConnectionLimit));
        }
        let _third = acquire(&limiter, "10.0.0.2").expect("a permit");
        let refused = acquire(&limiter, "10.0.0.3").err();
        assert_eq!(refused, Some(CloseReason::ConnectionLimit));
    }

    #[test]
    fn a_new_connection_closes_the_oldest_unauthenticated_one() {
        let limiter = limiter(3, 3);
        let unauthenticated = |address| {
            let permit = limiter.try_acquire(peer(address), Authentication::default());
            permit.expect("a permit")
        };
        let authenticated = acquire(&limiter, "10.0.0.1").expect("a permit");
        let [oldest, newer] = ["10.0.0.2", "10.0.0.2"].map(unauthenticated);
        let third = acquire(&limiter, "10.0.0.3").expect("a permit");
        let evicted = |permit: &ConnectionPermit| permit.evicted.is_cancelled();
        assert_eq!(
            [&authenticated, &oldest, &newer, &third].map(evicted),
            [false, true, false, false]
        );
        drop(oldest);
        let fourth = acquire(&limiter, "10.0.0.3").expect("a permit");
        assert!(evicted(&newer));
        let refused = acquire(&limiter, "10.0.0.4").err();
        assert_eq!(refused, Some(CloseReason::ConnectionLimit));
        drop((authenticated, newer, third, fourth));
        let open = limiter.open.lock();
        assert_eq!((open.total, open.by_peer.len()), (0, 0));
    }

    #[test]
    fn a_dropped_permit_is_released_and_leaves_no_entry() {
        let limiter = limiter(1, 1);
        for host in 0..100 {
            let permit = acquire(&limiter, &format!("10.0.0.{host}"));
            drop(permit.expect("it was released"));
        }
        let open = limiter.open.lock();
        assert_eq!((open.total, open.by_peer.len()), (0, 0));
        assert!(open.evictable.is_empty());
    }

    #[test]
    fn one_ipv6_network_is_one_peer() {
        let limiter = limiter(9, 1);
        let _one = acquire(&limiter, "2001:db8::1").expect("a permit");
        let refused = acquire(&limiter, "2001:db8::ffff:2").err();
        assert_eq!(refused, Some(CloseReason::PeerConnectionLimit));
        assert!(acquire(&limiter, "2001:db8:0:1::1").is_ok());
    }
}
