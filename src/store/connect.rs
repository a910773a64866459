//! One connection: address, TLS, user, password, and a first word.
//!
//! Nobody waits for it, so it has more time than a call: ten times as much. An
//! example: `rediss://store.internal:6380/2` with a timeout of 50 ms has 500 ms
//! for the name, the TCP and TLS handshakes, AUTH, SELECT 2 and PING; the roots
//! of trust are the system's, or those in `SSL_CERT_FILE`.

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo as _, RedisError, Script};

use super::{StoreError, StoreSettings, failed};

/// How many times longer than a call a connection may take.
const PATIENCE: u32 = 10;

/// Connects, and hears from the store.
pub(super) async fn connect(settings: &StoreSettings) -> Result<MultiplexedConnection, StoreError> {
    let patience = settings.timeout * PATIENCE;
    let password = password(settings).await?;
    let client = client(settings, password.as_deref()).map_err(|error| failed(&error))?;
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(patience))
        .set_response_timeout(Some(settings.timeout));
    let heard = async {
        let mut connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        redis::cmd("PING").exec_async(&mut connection).await?;
        Ok::<_, RedisError>(connection)
    };
    match tokio::time::timeout(patience, heard).await {
        Ok(connected) => connected.map_err(|error| failed(&error)),
        Err(_) => Err(StoreError::Slow(patience)),
    }
}

/// Connects, and writes a key that is gone after a second.
pub(super) async fn try_once(settings: &StoreSettings) -> Result<(), StoreError> {
    let mut connection = connect(settings).await?;
    let key = format!("{}:check", settings.prefix);
    let write = Script::new("return redis.call('SET', KEYS[1], '1', 'PX', '1000')");
    let written: Result<(), RedisError> = write.key(key).invoke_async(&mut connection).await;
    written.map_err(|error| failed(&error))
}

async fn password(settings: &StoreSettings) -> Result<Option<String>, StoreError> {
    if let Some(password) = &settings.password {
        return Ok(Some(password.0.clone()));
    }
    let Some(file) = &settings.password_file else {
        return Ok(None);
    };
    let told = |problem| StoreError::Failed(format!("{}: {problem}", file.display()));
    let text = tokio::fs::read_to_string(file).await.map_err(told)?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

fn client(settings: &StoreSettings, password: Option<&str>) -> Result<Client, RedisError> {
    let info = settings.url.as_deref().unwrap_or_default();
    let info = info.into_connection_info()?;
    let mut login = info.redis_settings().clone().set_skip_set_lib_name();
    if let Some(user) = &settings.user {
        login = login.set_username(user);
    }
    if let Some(password) = password {
        login = login.set_password(password);
    }
    Client::open(info.set_redis_settings(login))
}
