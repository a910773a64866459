//! Checks what a configuration refers to: the files, the store and AWS.
//!
//! For example, the ACL of the store's user lacks `hsetnx`. The check of the store runs
//! the scripts of `serve`, and reports the error of the store, which names the command.
//! AWS is asked for the result of a random session id: the reply that this session does
//! not exist proves the endpoint, the credentials and the permission, and creates nothing.

mod files;

use tokio::time::timeout;
use uuid::Uuid;

use super::service::STORE_TIMEOUT;
use crate::admission::SharedQuota;
use crate::config::Config;
use crate::idempotency;
use crate::model::{Clock, SessionId};
use crate::store::{Store, StoreError, StoreMetrics};
use crate::upstream::aws::{CredentialsMetrics, CredentialsSource, Rekognition};
use crate::upstream::{LivenessApi as _, UpstreamErrorKind};

pub use self::files::check_files;

/// The finding of a check, or the problem. Both name the setting and its value.
pub type CheckOutcome = Result<String, String>;

/// Connects to the store, if there is one, and to AWS. Dropping it closes the connections.
pub async fn check_connections(config: &Config) -> Vec<CheckOutcome> {
    let mut outcomes = Vec::new();
    if let Some(url) = &config.store.url {
        let checked = check_store(config).await;
        let checked = checked.map(|()| "connected, and all scripts run".to_owned());
        let checked = checked.map_err(|error| error.to_string());
        outcomes.push(about(&format!("store.url = \"{url}\""), checked));
    }
    let upstream = &config.upstream;
    let setting = match &upstream.endpoint_url {
        Some(url) => format!("upstream.endpoint_url = \"{url}\""),
        None => format!("upstream.region = \"{}\"", upstream.region),
    };
    outcomes.push(about(&setting, check_aws(config).await));
    outcomes
}

/// Puts the setting before the finding or the problem.
fn about(setting: &str, outcome: CheckOutcome) -> CheckOutcome {
    let name = |text: String| format!("{setting}: {text}");
    outcome.map(name).map_err(name)
}

async fn check_store(config: &Config) -> Result<(), StoreError> {
    Store::check(&config.store).await?;
    let Some(store) = Store::open(&config.store, &StoreMetrics::default()) else {
        return Ok(());
    };
    let connected = timeout(STORE_TIMEOUT, store.up()).await;
    connected.map_err(|_| StoreError::Slow(STORE_TIMEOUT))?;
    idempotency::check_store(&store).await?;
    let quota = SharedQuota {
        store,
        name: "check".to_owned(),
        max_replicas: config.store.max_replicas,
    };
    quota.check().await
}

async fn check_aws(config: &Config) -> Result<String, String> {
    let metrics = CredentialsMetrics::default();
    let source = CredentialsSource::DefaultChain;
    let api = Rekognition::new(&config.upstream, &source, &metrics, Clock::default()).await;
    let credentials = api.load_credentials().await;
    credentials.map_err(|error| format!("cannot load AWS credentials: {error}"))?;
    let session = SessionId::parse(&Uuid::new_v4().to_string());
    let session = session.expect("the text of a UUID is lower case");
    let Err(error) = api.result(&session).await else {
        return Err("AWS returned a result for a random session id".to_owned());
    };
    match error.kind {
        UpstreamErrorKind::SessionNotFound => {
            Ok("AWS accepts the credentials and permits GetFaceLivenessSessionResults".to_owned())
        }
        UpstreamErrorKind::AccessDenied if !config.results.enabled => {
            let denied = "AWS accepts the credentials, and denies GetFaceLivenessSessionResults, \
                which results.enabled = false does not need";
            Ok(denied.to_owned())
        }
        _ => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Password;
    use crate::store::test_server::RedisServer;

    const OPERATING: &str = include_str!("../../docs/operating.md");

    /// Returns the arguments of the `ACL SETUSER` command in docs/operating.md.
    fn documented_acl() -> Vec<&'static str> {
        let line = OPERATING
            .lines()
            .find(|line| line.starts_with("ACL SETUSER"));
        line.expect("the page has the command").split(' ').collect()
    }

    async fn check_as(acl: &[&str]) -> Result<(), StoreError> {
        let server = RedisServer::start().await;
        server.command(acl).await;
        let mut config = Config::from_text("")
            .expect("the defaults are valid")
            .config;
        config.store = server.settings();
        config.store.prefix = "livegate".to_owned();
        config.store.user = Some("livegate".to_owned());
        config.store.password = Some(Password::new("PASSWORD"));
        check_store(&config).await
    }

    #[tokio::test]
    #[ignore = "needs redis-server: tests/run"]
    async fn the_documented_acl_permits_all_scripts_and_each_right_in_it_is_needed() {
        let acl = documented_acl();
        assert_eq!(check_as(&acl).await, Ok(()));
        // Without it, only a cluster of several shards is not recognized.
        let optional = "+cluster|info";
        let rights = acl.iter().filter(|rule| rule.starts_with('+'));
        for right in rights.filter(|rule| **rule != optional) {
            let reduced: Vec<&str> = acl.iter().copied().filter(|rule| rule != right).collect();
            let error = check_as(&reduced).await.expect_err(right).to_string();
            let command = right.trim_start_matches('+').to_lowercase();
            assert!(error.to_lowercase().contains(&command), "{right}: {error}");
        }
    }

    #[tokio::test]
    #[ignore = "needs redis-server: tests/run"]
    async fn a_user_without_the_keys_of_the_prefix_is_reported() {
        let acl = documented_acl();
        let other: Vec<&str> = acl
            .iter()
            .map(|rule| {
                if rule.starts_with('~') {
                    "~other:*"
                } else {
                    rule
                }
            })
            .collect();
        let error = check_as(&other).await.expect_err("no keys").to_string();
        assert!(error.contains("add ~PREFIX:*"), "{error}");
    }
}
