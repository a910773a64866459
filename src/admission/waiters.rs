//! Who stands before whom: the rows of all lines, in one store.
//!
//! A [`QueueLinks`] is the two ends of a linked list, whose links lie in [`Waiters`] beside
//! what waits. To join at either end, and to leave from anywhere, touches the one
//! who does it and the neighbours, however many wait, and leaves nothing behind. The
//! place of who left goes to whoever joins next, in the hope that the caches of the
//! processor hold it still. It is never given back: the store is as large as the
//! longest queue so far, which has a bound.
//!
//! An example: 1, 2 and 3 join at the end of a row, and 4 at its head: 4 1 2 3. Now 2
//! leaves: 1 and 3 become neighbours. 5, of another row, gets the place of 2.

use std::iter::successors;

use slotmap::{DefaultKey, SlotMap};

use super::caller_queues::QueueKey;
use super::queue::ArrivalKind;

/// Names a request that waits, and no other for as long as anybody can hold it: a
/// place has two thousand million names before one comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(DefaultKey);

/// One line's requests, in order.
///
/// `head` and `end` are both there, or nobody stands in it. Going from the head by
/// who is `behind`, or from the end by who is `before`, meets the same `len` requests.
#[derive(Debug, Default)]
pub(super) struct QueueLinks {
    head: Option<Ticket>,
    end: Option<Ticket>,
    len: usize,
}

impl QueueLinks {
    /// How many stand in it.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whoever is first.
    pub(super) fn head(&self) -> Option<Ticket> {
        self.head
    }
}

/// Everyone who waits, with a `T` each.
#[derive(Debug)]
pub(super) struct Waiters<T> {
    standing: SlotMap<DefaultKey, Waiter<T>>,
}

/// One who waits, between those before and behind.
#[derive(Debug)]
struct Waiter<T> {
    line: QueueKey,
    before: Option<Ticket>,
    behind: Option<Ticket>,
    payload: T,
}

impl<T> Waiters<T> {
    pub(super) fn new() -> Self {
        let standing = SlotMap::new();
        Self { standing }
    }

    /// How many stand in all rows.
    pub(super) fn len(&self) -> usize {
        self.standing.len()
    }

    /// Everyone, in no order.
    pub(super) fn tickets(&self) -> impl Iterator<Item = Ticket> {
        self.standing.keys().map(Ticket)
    }

    /// The row from its end to its head.
    pub(super) fn newest_first(&self, row: &QueueLinks) -> impl Iterator<Item = (Ticket, &T)> {
        successors(row.end, |ticket| self.standing[ticket.0].before)
            .map(|ticket| (ticket, &self.standing[ticket.0].payload))
    }

    /// What waits under this ticket, if it still does.
    pub(super) fn get(&self, ticket: Ticket) -> Option<&T> {
        Some(&self.standing.get(ticket.0)?.payload)
    }

    /// In which line it stands, if it still does.
    pub(super) fn line_of(&self, ticket: Ticket) -> Option<QueueKey> {
        Some(self.standing.get(ticket.0)?.line)
    }

    /// Puts what `payload` makes into the row of `line`.
    pub(super) fn join(
        &mut self,
        row: &mut QueueLinks,
        line: QueueKey,
        entry: ArrivalKind,
        payload: impl FnOnce(Ticket) -> T,
    ) -> Ticket {
        let (before, behind) = match entry {
            ArrivalKind::New => (row.end, None),
            ArrivalKind::Retry => (None, row.head),
        };
        let ticket = Ticket(self.standing.insert_with_key(|key| Waiter {
            line,
            before,
            behind,
            payload: payload(Ticket(key)),
        }));
        self.link(row, before, Some(ticket));
        self.link(row, Some(ticket), behind);
        row.len += 1;
        ticket
    }

    /// Takes one out of its row, which must be `row`.
    pub(super) fn leave(&mut self, row: &mut QueueLinks, ticket: Ticket) -> Option<T> {
        let left = self.standing.remove(ticket.0)?;
        debug_assert!(row.len > 0, "only who stands in a row can leave it");
        row.len -= 1;
        self.link(row, left.before, left.behind);
        debug_assert_eq!(row.len == 0, row.head.is_none() && row.end.is_none());
        Some(left.payload)
    }

    /// Makes two of a row neighbours; where there is only one, it is an end.
    fn link(&mut self, row: &mut QueueLinks, before: Option<Ticket>, behind: Option<Ticket>) {
        match before {
            Some(Ticket(key)) => self.standing[key].behind = behind,
            None => row.head = behind,
        }
        match behind {
            Some(Ticket(key)) => self.standing[key].before = before,
            None => row.end = before,
        }
    }
}
