//! Named kinds of weather: how slow AWS is, and what goes wrong by chance.
//!
//! A profile draws from a generator that it is handed, so the same seed gives
//! the same weather. Scripted faults are not here: they come first.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::fault::Effect;
use super::limit::Limit;

/// What the simulated AWS is like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Answers in 50-300 ms, and nothing fails but what is over the quota.
    #[default]
    Default,
    /// Answers in 1-2 s: a deadline of a second or less cannot be met.
    Slow,
    /// Half the quota that is set, and 20 % of calls throttled by chance.
    Throttled,
    /// 15 % InternalServerError (500), 15 % ServiceUnavailable (503), 300-900 ms.
    Brownout,
    /// 30 % of answers are a proxy's HTML page with 502 or 503.
    ProxyHtml,
    /// 30 % of connections are reset before an answer.
    Reset,
    /// 50 % of calls are carried out, and their connection closed without an answer.
    LostAnswer,
}

impl Profile {
    /// Every profile, in the order of the documentation.
    pub const ALL: [Self; 7] = [
        Self::Default,
        Self::Slow,
        Self::Throttled,
        Self::Brownout,
        Self::ProxyHtml,
        Self::Reset,
        Self::LostAnswer,
    ];

    /// Its name on the command line.
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

    /// How long a call takes that is not refused at the door.
    #[must_use]
    pub fn latency(self) -> RangeInclusive<Duration> {
        let (least, most) = match self {
            Self::Slow => (1000, 2000),
            Self::Brownout => (300, 900),
            Self::Default | Self::Throttled | Self::ProxyHtml | Self::Reset | Self::LostAnswer => {
                (50, 300)
            }
        };
        Duration::from_millis(least)..=Duration::from_millis(most)
    }

    /// The quota that is enforced where `asked` is set.
    #[must_use]
    pub fn effective(self, asked: Limit) -> Limit {
        if self == Self::Throttled {
            asked.halved()
        } else {
            asked
        }
    }

    /// What goes wrong with one call, by chance.
    pub(super) fn draw(self, rng: &mut fastrand::Rng) -> Option<Effect> {
        let hundredth = rng.u8(0..100);
        match self {
            Self::Default | Self::Slow => None,
            Self::Throttled => match hundredth {
                0..8 => Some(Effect::error("ThrottlingException", 400)),
                8..12 => {
                    let wait = Duration::from_millis(rng.u64(100..=1000));
                    Some(Effect::error("ThrottlingException", 400).with_retry_after(wait))
                }
                12..16 => Some(Effect::error("ThrottlingException", 500)),
                16..20 => Some(Effect::error("ProvisionedThroughputExceededException", 400)),
                _ => None,
            },
            Self::Brownout => match hundredth {
                0..15 => Some(Effect::error("InternalServerError", 500)),
                15..30 => Some(Effect::error("ServiceUnavailable", 503)),
                _ => None,
            },
            Self::ProxyHtml => match hundredth {
                0..15 => Some(Effect::html(502)),
                15..30 => Some(Effect::html(503)),
                _ => None,
            },
            Self::Reset => (hundredth < 30).then(Effect::reset),
            Self::LostAnswer => (hundredth < 50).then(Effect::lost_answer),
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is no profile's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "profile {0:?} must be one of default, slow, throttled, brownout, proxy-html, reset, lost-answer"
)]
pub struct UnknownProfile(String);

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(name: &str) -> Result<Self, UnknownProfile> {
        let found = Self::ALL
            .into_iter()
            .find(|profile| profile.as_str() == name);
        found.ok_or_else(|| UnknownProfile(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "clap")]
    #[test]
    fn clap_reads_the_names_of_display() {
        use clap::ValueEnum as _;

        for profile in Profile::ALL {
            let value = profile.to_possible_value().unwrap();
            assert_eq!(value.get_name(), profile.as_str());
        }
    }

    #[test]
    fn a_profile_has_one_name_for_display_and_serde() {
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
    fn the_same_seed_draws_the_same_weather_and_each_share_is_kept() {
        for (profile, share) in [
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
                    .map(move |_| profile.draw(&mut rng))
                    .collect::<Vec<_>>()
            };
            assert_eq!(draw(), draw());
            let faults = draw().into_iter().flatten().count() as f64 / 2000.0;
            assert!((faults - share).abs() < 0.04, "{profile}: {faults}");
        }
    }

    #[test]
    fn throttled_draws_both_codes_both_statuses_and_a_hint() {
        let mut rng = fastrand::Rng::with_seed(1);
        let drawn: Vec<_> = (0..2000)
            .filter_map(|_| Profile::Throttled.draw(&mut rng))
            .collect();
        for wanted in [
            Effect::error("ThrottlingException", 400),
            Effect::error("ThrottlingException", 500),
            Effect::error("ProvisionedThroughputExceededException", 400),
        ] {
            assert!(drawn.contains(&wanted), "{wanted:?}");
        }
        assert!(drawn.iter().any(|effect| effect.retry_after.is_some()));
    }
}
