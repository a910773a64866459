//! The waiting requests of all callers, in one store of linked lists.
//!
//! [`QueueLinks`] are the two ends of a doubly linked list, one for each caller's
//! queue. [`Waiters`] stores the nodes of all lists. Inserting at either end and
//! removing from anywhere touch only the node and its neighbours, so they cost O(1).
//! A removed node's place in the store is reused first, while it is likely to be in
//! the processor's caches. The store never shrinks: it is as large as the longest
//! queue so far, which is bounded.
//!
//! For example, 1, 2 and 3 enter at the tail of a queue, and 4 at its head: 4 1 2 3.
//! When 2 is removed, 1 and 3 become neighbours. 5, of another queue, reuses the
//! place of 2.

use std::iter::successors;

use slotmap::{DefaultKey, SlotMap};

use super::caller_queues::QueueKey;
use super::queue::ArrivalKind;

/// Identifies a waiting request. Keys are versioned: a place in the store is reused
/// 2^31 times before a key repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(DefaultKey);

/// The requests of one queue, in order.
///
/// Invariant: `head` and `tail` are both set, or the queue is empty. Following `next`
/// from the head and `prev` from the tail visits the same `len` requests.
#[derive(Debug, Default)]
pub(super) struct QueueLinks {
    head: Option<Ticket>,
    tail: Option<Ticket>,
    len: usize,
}

impl QueueLinks {
    /// Returns how many requests the queue has.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Returns the first request.
    pub(super) fn head(&self) -> Option<Ticket> {
        self.head
    }
}

/// The nodes of all queues, with a payload `T` each.
#[derive(Debug)]
pub(super) struct Waiters<T> {
    nodes: SlotMap<DefaultKey, Waiter<T>>,
}

/// A waiting request and its neighbours.
#[derive(Debug)]
struct Waiter<T> {
    queue: QueueKey,
    prev: Option<Ticket>,
    next: Option<Ticket>,
    payload: T,
}

impl<T> Waiters<T> {
    pub(super) fn new() -> Self {
        let nodes = SlotMap::new();
        Self { nodes }
    }

    /// Returns how many requests wait in all queues.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Iterates over all requests, in no particular order.
    pub(super) fn tickets(&self) -> impl Iterator<Item = Ticket> {
        self.nodes.keys().map(Ticket)
    }

    /// Iterates over a queue from its tail to its head.
    pub(super) fn newest_first(&self, links: &QueueLinks) -> impl Iterator<Item = (Ticket, &T)> {
        successors(links.tail, |ticket| self.nodes[ticket.0].prev)
            .map(|ticket| (ticket, &self.nodes[ticket.0].payload))
    }

    /// Returns the payload of a request that still waits.
    pub(super) fn get(&self, ticket: Ticket) -> Option<&T> {
        Some(&self.nodes.get(ticket.0)?.payload)
    }

    /// Returns the queue of a request that still waits.
    pub(super) fn queue_of(&self, ticket: Ticket) -> Option<QueueKey> {
        Some(self.nodes.get(ticket.0)?.queue)
    }

    /// Inserts a request into the queue `key`. `payload` receives the ticket.
    pub(super) fn insert(
        &mut self,
        links: &mut QueueLinks,
        key: QueueKey,
        kind: ArrivalKind,
        payload: impl FnOnce(Ticket) -> T,
    ) -> Ticket {
        let (prev, next) = match kind {
            ArrivalKind::New => (links.tail, None),
            ArrivalKind::Retry => (None, links.head),
        };
        let ticket = Ticket(self.nodes.insert_with_key(|node| Waiter {
            queue: key,
            prev,
            next,
            payload: payload(Ticket(node)),
        }));
        self.link(links, prev, Some(ticket));
        self.link(links, Some(ticket), next);
        links.len += 1;
        ticket
    }

    /// Removes a request from its queue, whose links must be `links`.
    pub(super) fn remove(&mut self, links: &mut QueueLinks, ticket: Ticket) -> Option<T> {
        let removed = self.nodes.remove(ticket.0)?;
        debug_assert!(links.len > 0, "a queue with a waiter is not empty");
        links.len -= 1;
        self.link(links, removed.prev, removed.next);
        debug_assert_eq!(links.len == 0, links.head.is_none() && links.tail.is_none());
        Some(removed.payload)
    }

    /// Makes two requests neighbours; where one is `None`, the other is an end.
    fn link(&mut self, links: &mut QueueLinks, prev: Option<Ticket>, next: Option<Ticket>) {
        match prev {
            Some(Ticket(node)) => self.nodes[node].next = next,
            None => links.head = next,
        }
        match next {
            Some(Ticket(node)) => self.nodes[node].prev = prev,
            None => links.tail = prev,
        }
    }
}
