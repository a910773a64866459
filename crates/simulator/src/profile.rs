//! Profiles: named conditions of the simulated AWS, a latency and random faults.
//!
//! A profile draws from a random generator that the caller passes, so the same seed
//! gives the same faults. Scripted faults take precedence over random ones.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::fault::Effect;
use super::limit::Limit;

/// The conditions of the simulated AWS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// 50-300 ms, no random faults.
    #[default]
    Default,
    /// 1-2 s: a deadline of one second or less cannot be met.
    Slow,
    /// 50-300 ms, half of the configured quota, and 20 % of calls throttled at random.
    Throttled,
    /// 300-900 ms, 15 % InternalServerError (500), 15 % ServiceUnavailable (503).
    Brownout,
    /// 50-300 ms, 30 % of responses are a proxy's HTML page with status 502 or 503.
    ProxyHtml,
    /// 50-300 ms, 30 % of connections are reset before a response.
    Reset,
    /// 50-300 ms, 50 % of calls take effect, but their connection is closed without a response.
    LostAnswer,
}

impl Profile {
    /// All profiles, in the order of declaration.
    pub const ALL: [Self; 7] = [
        Self::Default,
        Self::Slow,
        Self::Throttled,
        Self::Brownout,
        Self::ProxyHtml,
        Self::Reset,
        Self::LostAnswer,
    ];

    /// Returns the name of the profile: kebab case, as in JSON and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Slow => "slow",
            Self::Throttled => "throttled",
            Self::Brownout => "brownout",
            Self::ProxyHtml => "proxy-html",
            Self::Reset => "reset",
            Self::LostAnswer => "lost-answer",
        }
    }

    /// Returns the bounds of the latency. Calls over the quota and calls with an invalid
    /// signature get an immediate response.
    pub(super) fn latency(self) -> RangeInclusive<Duration> {
        let (min, max) = match self {
            Self::Slow => (1000, 2000),
            Self::Brownout => (300, 900),
            Self::Default | Self::Throttled | Self::ProxyHtml | Self::Reset | Self::LostAnswer => {
                (50, 300)
            }
        };
        Duration::from_millis(min)..=Duration::from_millis(max)
    }

    /// Returns the quota in force if `configured` is set.
    pub(super) fn effective_limit(self, configured: Limit) -> Limit {
        if self == Self::Throttled {
            configured.halved()
        } else {
            configured
        }
    }

    /// Draws the random fault of one call, if any.
    pub(super) fn draw_fault(self, rng: &mut fastrand::Rng) -> Option<Effect> {
        let percent = rng.u8(0..100);
        match self {
            Self::Default | Self::Slow => None,
            Self::Throttled => match percent {
                0..8 => Some(Effect::error("ThrottlingException", 400)),
                8..12 => {
                    let wait = Duration::from_millis(rng.u64(100..=1000));
                    Some(Effect::error("ThrottlingException", 400).with_retry_after(wait))
                }
                12..16 => Some(Effect::error("ThrottlingException", 500)),
                16..20 => Some(Effect::error("ProvisionedThroughputExceededException", 400)),
                _ => None,
            },
            Self::Brownout => match percent {
                0..15 => Some(Effect::error("InternalServerError", 500)),
                15..30 => Some(Effect::error("ServiceUnavailable", 503)),
                _ => None,
            },
            Self::ProxyHtml => match percent {
                0..15 => Some(Effect::html(502)),
                15..30 => Some(Effect::html(503)),
                _ => None,
            },
            Self::Reset => (percent < 30).then(Effect::reset),
            Self::LostAnswer => (percent < 50).then(Effect::lost_answer),
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name of a profile is unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "profile {0:?} must be one of default, slow, throttled, brownout, proxy-html, reset, lost-answer"
)]
pub struct UnknownProfile(String);

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(name: &str) -> Result<Self, UnknownProfile> {
        let profile = Self::ALL
            .into_iter()
            .find(|profile| profile.as_str() == name);
        profile.ok_or_else(|| UnknownProfile(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "clap")]
    #[test]
    fn clap_parses_the_names_of_display() {
        use clap::ValueEnum as _;

        for profile in Profile::ALL {
            let value = profile.to_possible_value().unwrap();
            assert_eq!(value.get_name(), profile.as_str());
        }
    }

    #[test]
    fn display_from_str_and_serde_use_the_same_names() {
        for profile in Profile::ALL {
            assert_eq!(profile.to_string().parse(), Ok(profile));
            assert_eq!(serde_json::to_value(profile).unwrap(), profile.as_str());
        }
        assert!(
            "Slow"
                .parse::<Profile>()
                .unwrap_err()
                .to_string()
                .contains("\"Slow\"")
        );
    }

    #[test]
    fn the_same_seed_draws_the_same_faults_at_the_documented_rate() {
        for (profile, rate) in [
            (Profile::Default, 0.0),
            (Profile::Slow, 0.0),
            (Profile::Throttled, 0.2),
            (Profile::Brownout, 0.3),
            (Profile::ProxyHtml, 0.3),
            (Profile::Reset, 0.3),
            (Profile::LostAnswer, 0.5),
        ] {
            let draw = || {
                let mut rng = fastrand::Rng::with_seed(7);
                (0..2000)
                    .map(move |_| profile.draw_fault(&mut rng))
                    .collect::<Vec<_>>()
            };
            assert_eq!(draw(), draw());
            let faults = draw().into_iter().flatten().count() as f64 / 2000.0;
            assert!((faults - rate).abs() < 0.04, "{profile}: {faults}");
        }
    }

    #[test]
    fn throttled_draws_both_codes_both_statuses_and_retry_after() {
        let mut rng = fastrand::Rng::with_seed(1);
        let drawn: Vec<_> = (0..2000)
            .filter_map(|_| Profile::Throttled.draw_fault(&mut rng))
            .collect();
        for expected in [
            Effect::error("ThrottlingException", 400),
            Effect::error("ThrottlingException", 500),
            Effect::error("ProvisionedThroughputExceededException", 400),
        ] {
            assert!(drawn.contains(&expected), "{expected:?}");
        }
        assert!(drawn.iter().any(|effect| effect.retry_after.is_some()));
    }
}
