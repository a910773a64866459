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
    /// Starts a turn of `quantum` tokens where the previous one is over. Returns after how
    /// many more rounds the member may take a token; 0: now.
    fn visit(&mut self, quantum: f64) -> f64 {
        if self.is_spent() {
            self.0 += quantum;
        }
        let missing = (1.0 - EPSILON - self.0).max(0.0);
        (missing / quantum).ceil()
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

/// The members of a round.
pub(super) trait Members<K> {
    /// Returns the deficit counter of a member and its quantum, or `None` if it leaves the
    /// round.
    fn member(&mut self, key: K) -> Option<(&mut Deficit, f64)>;
}

/// Brings the member that gets the next token to the front of `round`. The rounds in
/// which no member gets one are skipped at once, so small weights cost no more visits.
pub(super) fn next<K: Copy>(round: &mut VecDeque<K>, members: &mut impl Members<K>) -> Option<K> {
    let (mut passed_over, mut fewest) = (0, f64::INFINITY);
    while let Some(key) = round.front().copied() {
        let Some((deficit, quantum)) = members.member(key) else {
            round.pop_front();
            continue;
        };
        let rounds = deficit.visit(quantum);
        if rounds <= 0.0 {
            return Some(key);
        }
        round.rotate_left(1);
        passed_over += 1;
        fewest = fewest.min(rounds);
        if passed_over >= round.len() {
            for key in round.iter().filter(|_| fewest > 1.0) {
                if let Some((deficit, quantum)) = members.member(*key) {
                    deficit.0 += quantum * (fewest - 1.0);
                }
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
        fn member(&mut self, key: usize) -> Option<(&mut Deficit, f64)> {
            let (deficit, quantum) = &mut self.0[key];
            Some((deficit, *quantum))
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
