//! Turns by weight: [deficit round
//! robin](https://en.wikipedia.org/wiki/Deficit_round_robin), with weights below 1 too.
//!
//! For example, a caller with weight 1 and one that counts 1/3 here, because it waits on
//! two other replicas too, get the tokens a a a b: `b` is passed over until its deficit
//! counter has grown to 1.

use std::collections::VecDeque;

/// Tolerance for rounding errors, so that three thirds are a token.
const EPSILON: f64 = 1e-6;

/// The deficit counter of a member of a round: how many more tokens it may take.
#[derive(Debug, Default)]
pub(super) struct Deficit(f64);

impl Deficit {
    /// Returns whether the member may take a token. Starts a turn of `quantum` tokens
    /// where the previous one is over.
    pub(super) fn visit(&mut self, quantum: f64) -> Visit {
        if self.is_spent() {
            self.0 += quantum;
        }
        if self.is_spent() {
            let missing = 1.0 - EPSILON - self.0;
            Visit::PassOver {
                rounds: (missing / quantum).ceil(),
            }
        } else {
            Visit::Select
        }
    }

    /// Adds `tokens`, fractions included.
    pub(super) fn add(&mut self, tokens: f64) {
        self.0 += tokens;
    }

    /// Takes a token, and returns whether the turn is over.
    pub(super) fn spend(&mut self) -> bool {
        self.0 = (self.0 - 1.0).max(0.0);
        self.is_spent()
    }

    fn is_spent(&self) -> bool {
        self.0 < 1.0 - EPSILON
    }
}

/// The result of a visit to a member of a round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Visit {
    /// The member gets the next token.
    Select,
    /// The member stays in the round, and gets a token after so many more rounds.
    PassOver { rounds: f64 },
    /// The member leaves the round.
    Leave,
}

/// The members of a round.
pub(super) trait Members<K> {
    /// Visits a member whose turn may have come.
    fn visit(&mut self, member: K) -> Visit;

    /// Adds the quantum of `rounds` rounds, in which no member gets a token.
    fn skip(&mut self, member: K, rounds: f64);
}

/// Brings the member that gets the next token to the front of `round`. The rounds in
/// which no member gets one are skipped at once, so small weights cost no more visits.
pub(super) fn next<K: Copy>(round: &mut VecDeque<K>, members: &mut impl Members<K>) -> Option<K> {
    let (mut passed_over, mut fewest) = (0, f64::INFINITY);
    while let Some(member) = round.front().copied() {
        match members.visit(member) {
            Visit::Select => return Some(member),
            Visit::Leave => {
                round.pop_front();
            }
            Visit::PassOver { rounds } => {
                round.rotate_left(1);
                passed_over += 1;
                fewest = fewest.min(rounds);
            }
        }
        if passed_over > 0 && passed_over >= round.len() {
            for member in round.iter().filter(|_| fewest > 1.0) {
                members.skip(*member, fewest - 1.0);
            }
            (passed_over, fewest) = (0, f64::INFINITY);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Members with these quanta, all of which want all tokens.
    struct Greedy(Vec<(Deficit, f64)>);

    impl Members<usize> for Greedy {
        fn visit(&mut self, member: usize) -> Visit {
            let (deficit, quantum) = &mut self.0[member];
            deficit.visit(*quantum)
        }

        fn skip(&mut self, member: usize, rounds: f64) {
            let (deficit, quantum) = &mut self.0[member];
            deficit.add(*quantum * rounds);
        }
    }

    fn shares(quanta: &[f64], tokens: usize) -> Vec<usize> {
        let members = quanta.iter().map(|quantum| (Deficit::default(), *quantum));
        let mut members = Greedy(members.collect());
        let mut round: VecDeque<usize> = (0..quanta.len()).collect();
        let mut counts = vec![0; quanta.len()];
        for _ in 0..tokens {
            let member = next(&mut round, &mut members).expect("no member leaves");
            counts[member] += 1;
            if members.0[member].0.spend() {
                round.rotate_left(1);
            }
        }
        counts
    }

    #[test]
    fn members_get_tokens_by_weight_also_where_all_weights_are_below_one() {
        assert_eq!(shares(&[1.0, 1.0 / 3.0, 1.0], 700), [300, 100, 300]);
        let counts = shares(&[1.0 / 2.0, 1.0 / 3.0, 1.0 / 3.0], 700);
        assert!(
            counts[0].abs_diff(300) <= 1 && counts[1].abs_diff(200) <= 1,
            "{counts:?}"
        );
        let counts = shares(&[1e-4, 3e-4], 4000);
        assert!(counts[0].abs_diff(1000) <= 1, "{counts:?}");
    }
}
