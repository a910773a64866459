//! The configuration: load it, merge it, say where each value came from, and
//! refuse what cannot be meant.
//!
//! One TOML file, overridden by `LIVEGATE_SECTION__KEY` variables, overridden by
//! `--set section.key=value`. This room makes the settings types of the
//! components; it knows no component otherwise, and decides nothing at run time.
//! All errors are told at once. A value that is overridden is not judged, its
//! key is. The way of a value:
//!
//! ```text
//! sources -> layers: entries (key, value, source)
//!         -> reader: sections asks for each knob by kind -> Config
//!         -> crosschecks -> unknown keys -> Loaded | ConfigErrors
//! ```
//!
//! An example: the file has `burst = 7` in `[quota.create]` on line 2, and the
//! environment `LIVEGATE_QUOTA__CREATE__MAX_WAIT=5`. The burst is right, the
//! wait has no unit, so there is one error and no configuration:
//! `LIVEGATE_QUOTA__CREATE__MAX_WAIT: quota.create.max_wait = "5": must be a
//! duration from 0s to 3m; add a unit, as in "5s"`. With `5s` there it loads,
//! with 7, 5 s, and defaults for the rest.

mod address;
mod auth;
mod callers;
mod constrained;
mod crosschecks;
mod error;
mod grpc;
mod key_path;
mod kind;
mod layers;
mod list;
mod nearest;
mod parsed;
mod paths;
mod permissions;
mod profiles;
mod reader;
mod resolved;
mod secret;
mod section;
mod sections;
mod store;
mod telemetry;

use std::net::SocketAddr;
use std::path::PathBuf;

pub use error::{ConfigError, ConfigErrors, Source};
pub use key_path::KeyPath;
pub use layers::Sources;
pub use resolved::ResolvedSetting;

use crate::admin::AdminSettings;
use crate::admission::{QueueSettings, QuotaSettings};
use crate::audit::AuditSettings;
use crate::auth::AuthSettings;
use crate::auth::policy::Policy;
use crate::grpc::GrpcSettings;
use crate::idempotency::IdempotencySettings;
use crate::retry::RetrySettings;
use crate::shutdown::ShutdownSettings;
use crate::store::StoreSettings;
use crate::telemetry::TracesSettings;
use crate::upstream::aws;
use layers::Layers;
use reader::Reader;

/// Keys that had another name once: the former name, then the present one.
const RENAMED: &[(&str, &str)] = &[];

/// All settings of all components.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `[grpc]`
    pub grpc: GrpcSettings,
    /// `[admin]`
    pub admin: AdminSettings,
    /// `[upstream]`
    pub upstream: aws::AwsSettings,
    /// `[quota.create]`
    pub create_quota: QuotaSettings,
    /// `[quota.results]`
    pub results_quota: QuotaSettings,
    /// `[results]`
    pub results: ResultsSettings,
    /// `[auth]` and `[auth.jwt]`
    pub auth: AuthSettings,
    /// `[audit]`
    pub audit: AuditSettings,
    /// `[retry]`
    pub retry: RetrySettings,
    /// `[store]`
    pub store: StoreSettings,
    /// `[idempotency]`
    pub idempotency: IdempotencySettings,
    /// `[adaptive]`
    pub adaptive: AdaptiveSettings,
    /// `[admission]`, and what `[callers]` says of the quota
    pub callers: QueueSettings,
    /// `[profiles]`, and what `[callers]` says of what each may do
    pub policy: Policy,
    /// `[shutdown]`
    pub shutdown: ShutdownSettings,
    /// `[log]`
    pub log: LogSettings,
    /// `[traces]`
    pub traces: TracesSettings,
    /// `[simulator]`
    pub simulator: SimulatorSettings,
}

/// Who may read the results of sessions, which hold face images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultsSettings {
    /// Whether results are served at all.
    pub enabled: bool,
    /// Whether they are served beyond loopback to callers nobody proved.
    pub allow_unauthenticated: bool,
    /// Whether a result is read only with the token of its session.
    pub require_token: bool,
    /// The files of the keys of tokens, the one that signs first. None: a key that
    /// is made at the start.
    pub token_key_files: Vec<PathBuf>,
}

/// Whether the rate follows what AWS grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdaptiveSettings {
    /// Whether it does.
    pub enabled: bool,
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Levels and modules, as in `info,livegate=debug`.
    pub filter: String,
}

/// The embedded Rekognition of `demo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatorSettings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// How it behaves: one of the names that `simulate --profile` knows.
    pub profile: String,
}

/// A configuration, and where each of its values came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// Each setting with its source, in the order of the example file.
    pub resolved: Vec<ResolvedSetting>,
}

impl Config {
    /// Reads `sources`.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn load(sources: &Sources) -> Result<Loaded, ConfigErrors> {
        judge(Layers::read(sources), RENAMED)
    }

    /// Reads `text` as a file, with nothing upon it.
    ///
    /// # Errors
    /// All that is wrong with it; the file is called `<text>`.
    pub fn from_text(text: &str) -> Result<Loaded, ConfigErrors> {
        judge(Layers::of_text(text), RENAMED)
    }
}

impl Loaded {
    /// The whole configuration as a file, each value with its source in a
    /// comment. Read again it gives the same [`Config`].
    #[must_use]
    pub fn to_toml(&self) -> String {
        resolved::to_toml(&self.resolved)
    }

    /// The keys whose values are not the same in `other`, such as this
    /// configuration read again, or that only one of the two has.
    #[must_use]
    pub fn changed_keys(&self, other: &Self) -> Vec<KeyPath> {
        resolved::changed_keys(&self.resolved, &other.resolved)
    }
}

fn judge(layers: Layers, renamed: &[(&str, &str)]) -> Result<Loaded, ConfigErrors> {
    let mut reader = Reader::new(layers);
    let config = sections::config(&mut reader);
    crosschecks::check(&config, &mut reader);
    let resolved = reader.finish(renamed)?;
    Ok(Loaded { config, resolved })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renamed_key_says_its_new_name() {
        let renamed = [("quota.create.per_second", "quota.create.rate_per_second")];
        let layers = Layers::of_text("[quota.create]\nper_second = 5");
        let errors = judge(layers, &renamed).expect_err("the old name is refused");
        let expected = "<text>:2: quota.create.per_second: was renamed: \
            it is quota.create.rate_per_second now";
        assert_eq!(errors.to_string(), expected);
    }

    #[test]
    fn the_table_of_renamed_keys_leads_to_keys_that_exist() {
        let defaults = Config::from_text("").expect("the defaults are right");
        for (old, new) in RENAMED {
            let has = |key: &str| {
                defaults
                    .resolved
                    .iter()
                    .any(|one| one.key == KeyPath::dotted(key))
            };
            assert!(has(new) && !has(old), "{old} -> {new}");
        }
    }
}
