//! The operations that the simulator supports, and a value for each of them.

use std::fmt;
use std::str::FromStr;

/// An operation of Rekognition that the simulator supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Operation {
    /// `CreateFaceLivenessSession`, `create` in a fault.
    Create,
    /// `GetFaceLivenessSessionResults`, `results` in a fault.
    Results,
    /// `StartFaceLivenessSession`, `start` in a fault.
    Start,
}

impl Operation {
    /// Returns the name of the operation at AWS.
    pub(super) fn aws_name(self) -> &'static str {
        match self {
            Self::Create => "CreateFaceLivenessSession",
            Self::Results => "GetFaceLivenessSessionResults",
            Self::Start => "StartFaceLivenessSession",
        }
    }

    /// Parses the value of an `X-Amz-Target` header, which the streaming operation has not.
    pub(super) fn from_target(target: &str) -> Option<Self> {
        let name = target.strip_prefix("RekognitionService.")?;
        [Self::Create, Self::Results]
            .into_iter()
            .find(|operation| operation.aws_name() == name)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Results => "results",
            Self::Start => "start",
        })
    }
}

impl FromStr for Operation {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "create" => Ok(Self::Create),
            "results" => Ok(Self::Results),
            "start" => Ok(Self::Start),
            _ => Err(()),
        }
    }
}

/// One `T` for each operation.
#[derive(Clone, Debug, Default)]
pub(super) struct PerOperation<T> {
    pub(super) create: T,
    pub(super) results: T,
    pub(super) start: T,
}

impl<T> PerOperation<T> {
    pub(super) fn get_mut(&mut self, operation: Operation) -> &mut T {
        match operation {
            Operation::Create => &mut self.create,
            Operation::Results => &mut self.results,
            Operation::Start => &mut self.start,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_service_and_operation_in_exact_case() {
        let target = "RekognitionService.CreateFaceLivenessSession";
        assert_eq!(Operation::from_target(target), Some(Operation::Create));
        assert_eq!(
            Operation::from_target("RekognitionService.createFaceLivenessSession"),
            None
        );
        assert_eq!(Operation::from_target("CreateFaceLivenessSession"), None);
    }
}
