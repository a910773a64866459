//! The challenges that may be offered, and in which versions.
//!
//! An example: `FaceMovementChallenge@1.0.0..` is that challenge from version 1.0.0
//! on, and `FaceMovementChallenge` is it in any version.

use std::fmt;

use super::BrokenConstraint;

/// A challenge that may be offered, in the versions that will do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ChallengePreference {
    /// Which challenge.
    pub challenge: ChallengeType,
    /// The versions that will do.
    pub versions: ChallengeVersions,
}

/// What the person is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChallengeType {
    /// Move the face into an oval, under flashes of coloured light.
    FaceMovementAndLight,
    /// Move the face into an oval.
    FaceMovement,
}

impl ChallengeType {
    /// AWS's name for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FaceMovementAndLight => "FaceMovementAndLightChallenge",
            Self::FaceMovement => "FaceMovementChallenge",
        }
    }

    /// Reads AWS's name for it.
    ///
    /// # Errors
    /// Where there is no challenge of that name.
    pub fn parse(text: &str) -> Result<Self, BrokenConstraint> {
        let named = [Self::FaceMovementAndLight, Self::FaceMovement];
        let named = named.into_iter().find(|one| one.as_str() == text);
        named.ok_or(BrokenConstraint(
            "must be \"FaceMovementAndLightChallenge\" or \"FaceMovementChallenge\"",
        ))
    }
}

impl ChallengePreference {
    /// Reads a challenge, in any version or in those after an `@`, as in
    /// `FaceMovementChallenge@1.0.0..2.0.0`; either end may be left out.
    ///
    /// # Errors
    /// Where `text` is neither.
    pub fn parse(text: &str) -> Result<Self, BrokenConstraint> {
        const FORM: BrokenConstraint = BrokenConstraint(
            "must be \"FaceMovementAndLightChallenge\" or \"FaceMovementChallenge\", \
            with the versions after an @ where not any will do, as in \
            \"FaceMovementChallenge@1.0.0..2.0.0\"",
        );
        let (name, versions) = match text.split_once('@') {
            None => (text, ChallengeVersions::default()),
            Some((name, versions)) => {
                let (low, high) = versions.split_once("..").ok_or(FORM)?;
                let end = |text: &str| match text {
                    "" => Ok(None),
                    text => Version::parse(text).map(Some),
                };
                let versions = ChallengeVersions::new(
                    end(low).map_err(|_| FORM)?,
                    end(high).map_err(|_| FORM)?,
                );
                (name, versions.map_err(|_| FORM)?)
            }
        };
        let challenge = ChallengeType::parse(name).map_err(|_| FORM)?;
        Ok(Self {
            challenge,
            versions,
        })
    }
}

impl fmt::Display for ChallengePreference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.challenge.as_str())?;
        if self.versions == ChallengeVersions::default() {
            return Ok(());
        }
        let end = |version: Option<Version>| version.map(|one| one.to_string()).unwrap_or_default();
        let ChallengeVersions { minimum, maximum } = self.versions;
        write!(f, "@{}..{}", end(minimum), end(maximum))
    }
}

/// A range of versions whose minimum is not above its maximum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ChallengeVersions {
    minimum: Option<Version>,
    maximum: Option<Version>,
}

impl ChallengeVersions {
    /// A range; `None` leaves an end open.
    ///
    /// # Errors
    /// Where the minimum is above the maximum.
    pub fn new(
        minimum: Option<Version>,
        maximum: Option<Version>,
    ) -> Result<Self, BrokenConstraint> {
        match (minimum, maximum) {
            (Some(low), Some(high)) if low > high => Err(BrokenConstraint(
                "must have a minimum that is not above its maximum",
            )),
            _ => Ok(Self { minimum, maximum }),
        }
    }

    /// The lowest version that will do.
    #[must_use]
    pub fn minimum(&self) -> Option<Version> {
        self.minimum
    }

    /// The highest version that will do.
    #[must_use]
    pub fn maximum(&self) -> Option<Version> {
        self.maximum
    }
}

/// A challenge's version: three numbers from 0 to 999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version([u16; 3]);

impl Version {
    /// Reads a version as in `1.0.0`.
    ///
    /// # Errors
    /// Where `text` is not three numbers from 0 to 999, joined by dots and
    /// without leading zeros.
    pub fn parse(text: &str) -> Result<Self, BrokenConstraint> {
        const FORM: BrokenConstraint = BrokenConstraint(
            "must be three numbers from 0 to 999 joined by dots, without leading zeros",
        );
        let mut numbers = [0; 3];
        let mut parts = text.split('.');
        for number in &mut numbers {
            let part = parts.next().ok_or(FORM)?;
            let leading_zero = part.len() > 1 && part.starts_with('0');
            let digits = part.bytes().all(|byte| byte.is_ascii_digit());
            if !(1..=3).contains(&part.len()) || leading_zero || !digits {
                return Err(FORM);
            }
            *number = part.parse().map_err(|_| FORM)?;
        }
        parts.next().map_or(Ok(Self(numbers)), |_| Err(FORM))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_three_plain_numbers() {
        for right in ["0.0.0", "1.0.0", "999.999.999", "10.0.7"] {
            assert_eq!(
                Version::parse(right).map(|v| v.to_string()),
                Ok(right.to_owned())
            );
        }
        for wrong in [
            "", "1", "1.0", "1.0.0.0", "01.0.0", "1000.0.0", "1.0.+1", "1.0.٣", "1..0", " 1.0.0",
        ] {
            assert!(Version::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn versions_compare_as_numbers_and_a_range_is_not_upside_down() {
        let (nine, ten) = (Version::parse("1.9.0"), Version::parse("1.10.0"));
        assert!(ChallengeVersions::new(nine.ok(), ten.ok()).is_ok());
        assert!(ChallengeVersions::new(ten.ok(), nine.ok()).is_err());
        assert!(ChallengeVersions::new(ten.ok(), ten.ok()).is_ok());
    }

    #[test]
    fn a_preference_reads_back_from_what_it_shows() {
        for right in [
            "FaceMovementChallenge",
            "FaceMovementAndLightChallenge@1.0.0..2.0.0",
            "FaceMovementChallenge@1.0.0..",
            "FaceMovementChallenge@..1.0.0",
        ] {
            let shown = ChallengePreference::parse(right).map(|one| one.to_string());
            assert_eq!(shown, Ok(right.to_owned()));
        }
        for wrong in [
            "",
            "FaceMovement",
            "FaceMovementChallenge@",
            "FaceMovementChallenge@1.0.0",
            "FaceMovementChallenge@2.0.0..1.0.0",
            "@1.0.0..2.0.0",
        ] {
            assert!(ChallengePreference::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
