//! How many connections there are, of all peers and of each.
//!
//! An example: with two seats in all and one for each peer, a second connection
//! from 10.0.0.1 is turned away, one from 10.0.0.2 is let in, and one from
//! 10.0.0.3 finds the house full.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use super::limits::EdgeLimits;

/// All seats. Clones are the same ones.
#[derive(Clone, Debug)]
pub(crate) struct Seats {
    total: u32,
    per_peer: u32,
    taken: Arc<Mutex<Taken>>,
}

/// Invariant: `all` is at least the sum of `of_peer`, which has no zeros.
#[derive(Debug, Default)]
struct Taken {
    all: u32,
    of_peer: HashMap<IpAddr, u32>,
}

/// A place for one connection, given back when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    peer: Option<IpAddr>,
    taken: Arc<Mutex<Taken>>,
}

/// Why there is no seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoSeat {
    /// There are as many connections as there may be.
    Full,
    /// This peer has as many as it may have.
    PeerFull,
}

impl Seats {
    pub(crate) fn new(limits: &EdgeLimits) -> Self {
        Self {
            total: limits.max_connections.get(),
            per_peer: limits.max_connections_per_peer.get(),
            taken: Arc::default(),
        }
    }

    /// A seat for `peer`; one without an address counts only among all.
    pub(crate) fn take(&self, peer: Option<IpAddr>) -> Result<Seat, NoSeat> {
        let peer = peer.map(network);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.all >= self.total {
            return Err(NoSeat::Full);
        }
        if let Some(peer) = peer {
            let of_peer = taken.of_peer.entry(peer).or_default();
            if *of_peer >= self.per_peer {
                return Err(NoSeat::PeerFull);
            }
            *of_peer += 1;
        }
        taken.all += 1;
        let taken = self.taken.clone();
        Ok(Seat { peer, taken })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        let Some(peer) = self.peer else { return };
        if let Some(of_peer) = taken.of_peer.get_mut(&peer) {
            *of_peer -= 1;
            if *of_peer == 0 {
                taken.of_peer.remove(&peer);
            }
        }
    }
}

/// What counts as one peer: whoever has one IPv6 address has its /64.
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

    fn seats(total: u32, per_peer: u32) -> Seats {
        let count = |number| NonZeroU32::new(number).expect("not zero");
        Seats::new(&EdgeLimits {
            max_connections: count(total),
            max_connections_per_peer: count(per_peer),
            ..EdgeLimits::default()
        })
    }

    fn peer(text: &str) -> Option<IpAddr> {
        Some(text.parse().expect("an address"))
    }

    #[test]
    fn one_peer_cannot_take_the_seats_of_others() {
        let seats = seats(3, 2);
        let _two = [1, 2].map(|_| seats.take(peer("10.0.0.1")).expect("a seat"));
        assert_eq!(seats.take(peer("10.0.0.1")).err(), Some(NoSeat::PeerFull));
        assert_eq!(
            seats.take(peer("::ffff:10.0.0.1")).err(),
            Some(NoSeat::PeerFull)
        );
        let _third = seats.take(peer("10.0.0.2")).expect("a seat");
        assert_eq!(seats.take(peer("10.0.0.3")).err(), Some(NoSeat::Full));
    }

    #[test]
    fn a_seat_that_is_dropped_is_free_again_and_leaves_no_trace() {
        let seats = seats(1, 1);
        for host in 0..100 {
            drop(
                seats
                    .take(peer(&format!("10.0.0.{host}")))
                    .expect("it is free"),
            );
        }
        let taken = seats.taken.lock().expect("nobody panicked");
        assert_eq!((taken.all, taken.of_peer.len()), (0, 0));
    }

    #[test]
    fn one_network_of_ipv6_is_one_peer() {
        let seats = seats(9, 1);
        let _one = seats.take(peer("2001:db8::1")).expect("a seat");
        assert_eq!(
            seats.take(peer("2001:db8::ffff:2")).err(),
            Some(NoSeat::PeerFull)
        );
        assert!(seats.take(peer("2001:db8:0:1::1")).is_ok());
    }
}
