//! The queue of faults that wait for calls, one for each operation.

use std::collections::VecDeque;
use std::num::NonZeroU32;

use super::{Count, Effect, Fault};
use crate::operation::{Operation, PerOperation};

/// Faults in the order in which they were enqueued; a call takes the first.
#[derive(Debug, Default)]
pub(crate) struct Script {
    queues: PerOperation<VecDeque<Fault>>,
}

impl Script {
    pub(crate) fn enqueue(&mut self, faults: impl IntoIterator<Item = Fault>) {
        for fault in faults {
            self.queues.of(fault.operation).push_back(fault);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.queues = PerOperation::default();
    }

    /// The effect on the next call, which takes one of its fault's counts.
    pub(crate) fn next(&mut self, operation: Operation) -> Option<Effect> {
        let queue = self.queues.of(operation);
        let fault = queue.front_mut()?;
        let effect = fault.effect.clone();
        if let Count::Times(times) = fault.count {
            match NonZeroU32::new(times.get() - 1) {
                Some(left) => fault.count = Count::Times(left),
                None => drop(queue.pop_front()),
            }
        }
        Some(effect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(script: &mut Script, operation: Operation, calls: usize) -> Vec<String> {
        let name = |effect: Option<Effect>| effect.map_or("-".to_owned(), |e| e.to_string());
        (0..calls).map(|_| name(script.next(operation))).collect()
    }

    #[test]
    fn faults_are_played_in_order_each_as_often_as_it_says() {
        let mut script = Script::default();
        script.enqueue(
            ["create:reset*2", "results:hang", "create:html/503"].map(|f| f.parse().unwrap()),
        );
        assert_eq!(
            played(&mut script, Operation::Create, 4),
            ["reset", "reset", "html/503", "-"]
        );
        assert_eq!(played(&mut script, Operation::Results, 2), ["hang", "-"]);
    }

    #[test]
    fn a_fault_for_ever_ends_when_the_script_is_cleared() {
        let mut script = Script::default();
        script.enqueue(["create:reset**".parse().unwrap()]);
        assert_eq!(
            played(&mut script, Operation::Create, 3),
            ["reset", "reset", "reset"]
        );
        script.clear();
        assert_eq!(script.next(Operation::Create), None);
    }
}
