//! The queues of scripted faults, one for each operation.

use std::collections::VecDeque;
use std::num::NonZeroU32;

use super::{Count, Effect, Fault};
use crate::operation::{Operation, PerOperation};

/// Faults in FIFO order; a call uses the first fault of its operation.
#[derive(Debug, Default)]
pub(crate) struct Script {
    queues: PerOperation<VecDeque<Fault>>,
}

impl Script {
    pub(crate) fn enqueue(&mut self, faults: impl IntoIterator<Item = Fault>) {
        for fault in faults {
            self.queues.get_mut(fault.operation).push_back(fault);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.queues = PerOperation::default();
    }

    /// Returns the effect on the next call, and decrements the count of its fault.
    pub(crate) fn next(&mut self, operation: Operation) -> Option<Effect> {
        let queue = self.queues.get_mut(operation);
        let fault = queue.front_mut()?;
        let effect = fault.effect.clone();
        if let Count::Times(times) = fault.count {
            match NonZeroU32::new(times.get() - 1) {
                Some(remaining) => fault.count = Count::Times(remaining),
                None => drop(queue.pop_front()),
            }
        }
        Some(effect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effects(script: &mut Script, operation: Operation, calls: usize) -> Vec<String> {
        let name = |effect: Option<Effect>| effect.map_or("-".to_owned(), |e| e.to_string());
        (0..calls).map(|_| name(script.next(operation))).collect()
    }

    #[test]
    fn faults_apply_in_order_and_as_often_as_their_count() {
        let mut script = Script::default();
        script.enqueue(
            ["create:reset*2", "results:hang", "create:html/503"].map(|f| f.parse().unwrap()),
        );
        assert_eq!(
            effects(&mut script, Operation::Create, 4),
            ["reset", "reset", "html/503", "-"]
        );
        assert_eq!(effects(&mut script, Operation::Results, 2), ["hang", "-"]);
    }

    #[test]
    fn clear_ends_a_fault_without_a_limit() {
        let mut script = Script::default();
        script.enqueue(["create:reset**".parse().unwrap()]);
        assert_eq!(
            effects(&mut script, Operation::Create, 3),
            ["reset", "reset", "reset"]
        );
        script.clear();
        assert_eq!(script.next(Operation::Create), None);
    }
}
