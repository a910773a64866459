//! Opens one connection: address, TLS, login, and proof that it is useful.
//!
//! No call waits for it, so its timeout is ten times that of a call. For example,
//! `rediss://store.internal:6380/2` with a timeout of 50 ms has 500 ms for the DNS
//! lookup, the TCP and TLS handshakes, AUTH, SELECT 2 and the proof. The trusted root
//! certificates are those in `store.ca_file`, or else the system's or those in
//! `SSL_CERT_FILE`.
//!
//! The proof is a write by a script, because a server can respond to PING and still refuse
//! all writes. For example, after a failover the DNS name may lead to the former primary,
//! which is a replica now, and responds with READONLY.

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, IntoConnectionInfo as _, RedisError, Script, TlsCertificates,
};

use super::tls::unreadable;
use super::{StoreError, StoreSettings, store_error, with_missing_right};

/// The timeout of a connection, as a multiple of a call's.
const CONNECT_TIMEOUT_FACTOR: u32 = 10;

/// A write and its deletion, by commands that the service needs anyway.
const WRITE: &str = "redis.call('HSET', KEYS[1], 'w', '')\nredis.call('DEL', KEYS[1])";

/// Connects, and proves that the store accepts a write and has a single shard.
pub(super) async fn connect(settings: &StoreSettings) -> Result<MultiplexedConnection, StoreError> {
    let connect_timeout = settings.timeout * CONNECT_TIMEOUT_FACTOR;
    let password = password(settings).await?;
    let tls = settings.tls.read().await?;
    let client = client(settings, password.as_deref(), tls).map_err(|error| store_error(&error))?;
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(connect_timeout))
        .set_response_timeout(Some(settings.timeout));
    let connected = async {
        let mut connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        let shards = shards(&mut connection).await?;
        if shards <= 1 {
            let key = format!("{}:check:connection", settings.prefix);
            let write = Script::new(WRITE);
            let () = write.key(key).invoke_async(&mut connection).await?;
        }
        Ok::<_, RedisError>((connection, shards))
    };
    match tokio::time::timeout(connect_timeout, connected).await {
        Ok(Ok((connection, 0..=1))) => Ok(connection),
        Ok(Ok((_, shards))) => Err(StoreError::Failed(format!(
            "store.url leads to a cluster of {shards} shards: use a store with one shard, such as \
             one with cluster mode disabled"
        ))),
        Ok(Err(error)) => Err(with_missing_right(store_error(&error), WRITE)),
        Err(_) => Err(StoreError::Slow(connect_timeout)),
    }
}

/// Returns the number of shards of a cluster; 0 if the store is none, or does not
/// permit the question.
async fn shards(connection: &mut MultiplexedConnection) -> Result<u32, RedisError> {
    let mut command = redis::cmd("CLUSTER");
    let info: Result<String, _> = command.arg("INFO").query_async(connection).await;
    match info {
        Ok(info) => {
            let mut lines = info.lines();
            let size = lines.find_map(|line| line.strip_prefix("cluster_size:"));
            Ok(size.and_then(|size| size.trim().parse().ok()).unwrap_or(0))
        }
        // It is not permitted, or cluster support is disabled.
        Err(error) if matches!(error.code(), Some("ERR" | "NOPERM")) => Ok(0),
        Err(error) => Err(error),
    }
}

async fn password(settings: &StoreSettings) -> Result<Option<String>, StoreError> {
    if let Some(password) = &settings.password {
        return Ok(Some(password.0.clone()));
    }
    let Some(file) = &settings.password_file else {
        return Ok(None);
    };
    let text = tokio::fs::read_to_string(file).await;
    let text = text.map_err(|error| unreadable(file, &error))?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

fn client(
    settings: &StoreSettings,
    password: Option<&str>,
    tls: Option<TlsCertificates>,
) -> Result<Client, RedisError> {
    let info = settings.url.as_deref().unwrap_or_default();
    let info = info.into_connection_info()?;
    let mut login = info.redis_settings().clone().set_skip_set_lib_name();
    if let Some(user) = &settings.user {
        login = login.set_username(user);
    }
    if let Some(password) = password {
        login = login.set_password(password);
    }
    let info = info.set_redis_settings(login);
    match tls {
        Some(tls) => Client::build_with_tls(info, tls),
        None => Client::open(info),
    }
}
