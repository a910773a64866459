//! Challenges that a session may offer, and their versions.
//!
//! For example, `FaceMovementChallenge@1.0.0..` is that challenge in version 1.0.0 or
//! later, and `FaceMovementChallenge` is that challenge in any version.

use std::fmt;

use super::BrokenConstraint;

/// A challenge that a session may offer, with the accepted versions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ChallengePreference {
    /// The challenge.
    pub challenge: ChallengeType,
    /// The accepted versions.
    pub versions: ChallengeVersions,
}

/// The task that the person performs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::EnumString, strum::IntoStaticStr)]
pub enum ChallengeType {
    /// Move the face into an oval, under flashes of coloured light.
    #[strum(serialize = "FaceMovementAndLightChallenge")]
    FaceMovementAndLight,
    /// Move the face into an oval.
    #[strum(serialize = "FaceMovementChallenge")]
    FaceMovement,
}

impl ChallengeType {
    /// Returns the challenge's name in the AWS API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Parses the challenge's name in the AWS API.
    ///
    /// # Errors
    /// If no challenge has that name.
    pub fn parse(text: &str) -> Result<Self, BrokenConstraint> {
        text.parse().map_err(|_| {
            BrokenConstraint(
                "must be \"FaceMovementAndLightChallenge\" or \"FaceMovementChallenge\"",
            )
        })
    }
}

impl ChallengePreference {
    /// Parses `NAME` or `NAME@MINIMUM..MAXIMUM`, such as
    /// `FaceMovementChallenge@1.0.0..2.0.0`. Either bound may be empty.
    ///
    /// # Errors
    /// If `text` has neither format.
    pub fn parse(text: &str) -> Result<Self, BrokenConstraint> {
        const FORMAT: BrokenConstraint = BrokenConstraint(
            "must be \"FaceMovementAndLightChallenge\" or \"FaceMovementChallenge\", \
            optionally followed by @ and a version range, such as \
            \"FaceMovementChallenge@1.0.0..2.0.0\"",
        );
        let (name, versions) = match text.split_once('@') {
            None => (text, ChallengeVersions::default()),
            Some((name, versions)) => {
                let (low, high) = versions.split_once("..").ok_or(FORMAT)?;
                let bound = |text: &str| match text {
                    "" => Ok(None),
                    text => Version::parse(text).map(Some),
                };
                let versions = ChallengeVersions::new(
                    bound(low).map_err(|_| FORMAT)?,
                    bound(high).map_err(|_| FORMAT)?,
                );
                (name, versions.map_err(|_| FORMAT)?)
            }
        };
        let challenge = ChallengeType::parse(name).map_err(|_| FORMAT)?;
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
        let bound = |version: Option<Version>| version.map(|v| v.to_string()).unwrap_or_default();
        let ChallengeVersions { minimum, maximum } = self.versions;
        write!(f, "@{}..{}", bound(minimum), bound(maximum))
    }
}

/// A range of versions whose minimum is not above its maximum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ChallengeVersions {
    minimum: Option<Version>,
    maximum: Option<Version>,
}

impl ChallengeVersions {
    /// Creates a range; `None` leaves a bound open.
    ///
    /// # Errors
    /// If the minimum is above the maximum.
    pub fn new(
        minimum: Option<Version>,
        maximum: Option<Version>,
    ) -> Result<Self, BrokenConstraint> {
        match (minimum, maximum) {
            (Some(low), Some(high)) if low > high => Err(BrokenConstraint(
                "must have a minimum that is not above the maximum",
            )),
            _ => Ok(Self { minimum, maximum }),
        }
    }

    /// Returns the lowest accepted version.
    #[must_use]
    pub fn minimum(&self) -> Option<Version> {
        self.minimum
    }

    /// Returns the highest accepted version.
    #[must_use]
    pub fn maximum(&self) -> Option<Version> {
        self.maximum
    }
}

/// A challenge's version: three numbers from 0 to 999.
#[derive(Clone, Copy, Debug, derive_more::Display, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[display("{}.{}.{}", _0[0], _0[1], _0[2])]
pub struct Version([u16; 3]);

impl Version {
    /// Parses a version such as `1.0.0`.
    ///
    /// # Errors
    /// If `text` is not three numbers from 0 to 999, joined by dots and
    /// without leading zeros.
    pub fn parse(text: &str) -> Result<Self, BrokenConstraint> {
        const FORMAT: BrokenConstraint = BrokenConstraint(
            "must be three numbers from 0 to 999 joined by dots, without leading zeros",
        );
        let mut numbers = [0; 3];
        let mut parts = text.split('.');
        for number in &mut numbers {
            let part = parts.next().ok_or(FORMAT)?;
            let leading_zero = part.len() > 1 && part.starts_with('0');
            let digits = part.bytes().all(|byte| byte.is_ascii_digit());
            if !(1..=3).contains(&part.len()) || leading_zero || !digits {
                return Err(FORMAT);
            }
            *number = part.parse().map_err(|_| FORMAT)?;
        }
        parts.next().map_or(Ok(Self(numbers)), |_| Err(FORMAT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_three_numbers() {
        for valid in ["0.0.0", "1.0.0", "999.999.999", "10.0.7"] {
            assert_eq!(
                Version::parse(valid).map(|v| v.to_string()),
                Ok(valid.to_owned())
            );
        }
        for invalid in [
            "", "1", "1.0", "1.0.0.0", "01.0.0", "1000.0.0", "1.0.+1", "1.0.٣", "1..0", " 1.0.0",
        ] {
            assert!(Version::parse(invalid).is_err(), "{invalid:?}");
        }
    }

    #[test]
    fn versions_compare_as_numbers_and_a_minimum_is_not_above_its_maximum() {
        let (nine, ten) = (Version::parse("1.9.0"), Version::parse("1.10.0"));
        assert!(ChallengeVersions::new(nine.ok(), ten.ok()).is_ok());
        assert!(ChallengeVersions::new(ten.ok(), nine.ok()).is_err());
        assert!(ChallengeVersions::new(ten.ok(), ten.ok()).is_ok());
    }

    #[test]
    fn a_preference_parses_back_from_its_display_text() {
        for valid in [
            "FaceMovementChallenge",
            "FaceMovementAndLightChallenge@1.0.0..2.0.0",
            "FaceMovementChallenge@1.0.0..",
            "FaceMovementChallenge@..1.0.0",
        ] {
            let text = ChallengePreference::parse(valid).map(|preference| preference.to_string());
            assert_eq!(text, Ok(valid.to_owned()));
        }
        for invalid in [
            "",
            "FaceMovement",
            "FaceMovementChallenge@",
            "FaceMovementChallenge@1.0.0",
            "FaceMovementChallenge@2.0.0..1.0.0",
            "@1.0.0..2.0.0",
        ] {
            assert!(ChallengePreference::parse(invalid).is_err(), "{invalid:?}");
        }
    }
}
