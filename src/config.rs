//! The configuration: one TOML file, overridden by `LIVEGATE_SECTION__KEY`
//! variables, overridden by `--set section.key=value`. Variables of AWS such as
//! `AWS_REGION` replace defaults.
//!
//! This room merges the sources, keeps the source of each value, validates
//! everything, and builds the settings types of the components. It knows nothing
//! else of the components and makes no decision at run time. All errors are
//! reported at once. The value of an overridden setting is not validated, but its
//! key is. A value passes through these steps:
//!
//! ```text
//! sources -> layers: entries (key, value, source)
//!         -> reader: sections reads each setting by its kind -> Config
//!         -> crosschecks -> unknown keys -> Loaded | ConfigErrors
//! ```
//!
//! For example, `[quota.create]` of the file has `burst = 7`, and the environment
//! has `LIVEGATE_QUOTA__CREATE__MAX_WAIT=5`. The burst is valid, but the wait has
//! no unit, so loading fails with one error:
//! `LIVEGATE_QUOTA__CREATE__MAX_WAIT: quota.create.max_wait = "5": must be a
//! duration from 0s to 3m; add a unit, as in "5s"`.

mod auth;
mod callers;
mod crosschecks;
mod error;
mod grpc;
mod key_path;
mod kind;
mod layers;
mod list;
mod permissions;
mod profiles;
mod reader;
mod resolved;
mod section;
mod sections;
mod store;
mod suggestions;
mod telemetry;
mod text;
mod upstream;
mod warnings;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

pub use error::{ConfigError, ConfigErrors, Source};
pub use key_path::KeyPath;
pub use layers::Sources;
pub use resolved::ResolvedSetting;
pub use text::parse_url;

use crate::admin::AdminSettings;
use crate::admission::{CheckLimit, QueueSettings, QuotaSettings};
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
    /// `[checks]`
    pub check_limit: Option<CheckLimit>,
    /// `[create]`
    pub create: CreateSettings,
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
    /// `[admission]`, and the limits in `[callers]`
    pub callers: QueueSettings,
    /// `[profiles]`, and the permissions in `[callers]`
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

/// `[create]`: requests for sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreateSettings {
    /// Whether a request without a request id is refused.
    pub require_request_id: bool,
}

/// `[results]`: access to session results, which contain face images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultsSettings {
    /// Whether results are served at all.
    pub enabled: bool,
    /// Whether they are served beyond loopback to unauthenticated callers.
    pub allow_unauthenticated: bool,
    /// Whether reading a result requires the token of its session.
    pub require_token: bool,
    /// The most watches of results at once.
    pub max_watchers: NonZeroU32,
    /// The shortest time between two polls of a watched session.
    pub min_poll_interval: Duration,
    /// The longest time between two polls of a watched session.
    pub max_poll_interval: Duration,
    /// Files of the signing keys for result tokens; the first one signs. Empty: a
    /// random key is generated at startup.
    pub token_key_files: Vec<PathBuf>,
}

/// `[adaptive]`: adapting the rate to throttling by AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdaptiveSettings {
    /// Whether the rate is lowered when AWS throttles.
    pub enabled: bool,
}

/// `[log]`: log output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Levels and modules, as in `info,livegate=debug`.
    pub filter: String,
}

/// `[simulator]`: the embedded Rekognition simulator of `demo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatorSettings {
    /// The address it listens on.
    pub listen: SocketAddr,
    /// Its behavior: one of the profiles of `simulate --profile`.
    pub profile: String,
}

/// A valid configuration, and the source of each value.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// Each setting with its source, in the order of the example file.
    pub resolved: Vec<ResolvedSetting>,
}

impl Config {
    /// Reads and merges `sources`.
    ///
    /// # Errors
    /// Returns every error in them.
    pub fn load(sources: &Sources) -> Result<Loaded, ConfigErrors> {
        resolve(Layers::read(sources))
    }

    /// Reads `text` as the only source; errors call it `<text>`.
    ///
    /// # Errors
    /// Returns every error in it.
    pub fn from_text(text: &str) -> Result<Loaded, ConfigErrors> {
        resolve(Layers::from_text(text))
    }
}

impl Loaded {
    /// Formats the whole configuration as TOML, with the source of each value in a
    /// comment. Reading it back gives the same [`Config`].
    #[must_use]
    pub fn to_toml(&self) -> String {
        resolved::to_toml(self.resolved.iter())
    }

    /// Formats the settings that differ from the defaults, like [`Loaded::to_toml`], and
    /// returns their number.
    #[must_use]
    pub fn changed_to_toml(&self) -> (String, usize) {
        let changed = self.resolved.iter().filter(|setting| !setting.is_default);
        (resolved::to_toml(changed.clone()), changed.count())
    }

    /// Returns whether a value comes from the configuration file.
    #[must_use]
    pub fn uses_file(&self) -> bool {
        let mut sources = self.resolved.iter().map(|setting| &setting.source);
        sources.any(|source| matches!(source, Source::File { .. }))
    }

    /// Returns the keys whose values differ in `other` or that only one of the two
    /// has.
    #[must_use]
    pub fn changed_keys(&self, other: &Self) -> Vec<KeyPath> {
        resolved::changed_keys(&self.resolved, &other.resolved)
    }
}

fn resolve(layers: Layers) -> Result<Loaded, ConfigErrors> {
    let mut reader = Reader::new(layers);
    let config = sections::config(&mut reader);
    crosschecks::check(&config, &mut reader);
    let resolved = reader.finish()?;
    Ok(Loaded { config, resolved })
}
