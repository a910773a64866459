//! Opens one connection: address, TLS, login, and a PING.
//!
//! No call waits for it, so its timeout is ten times that of a call. For example,
//! `rediss://store.internal:6380/2` with a timeout of 50 ms has 500 ms for the DNS
//! lookup, the TCP and TLS handshakes, AUTH, SELECT 2 and PING. The trusted root
//! certificates are the system's, or those in `SSL_CERT_FILE`.

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo as _, RedisError};

use super::{StoreError, StoreSettings, store_error};

/// The timeout of a connection, as a multiple of a call's.
const CONNECT_TIMEOUT_FACTOR: u32 = 10;

/// Connects, and waits for the store to respond to a PING.
pub(super) async fn connect(settings: &StoreSettings) -> Result<MultiplexedConnection, StoreError> {
    let connect_timeout = settings.timeout * CONNECT_TIMEOUT_FACTOR;
    let password = password(settings).await?;
    let client = client(settings, password.as_deref()).map_err(|error| store_error(&error))?;
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(connect_timeout))
        .set_response_timeout(Some(settings.timeout));
    let connected = async {
        let mut connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        redis::cmd("PING").exec_async(&mut connection).await?;
        Ok::<_, RedisError>(connection)
    };
    match tokio::time::timeout(connect_timeout, connected).await {
        Ok(connected) => connected.map_err(|error| store_error(&error)),
        Err(_) => Err(StoreError::Slow(connect_timeout)),
    }
}

async fn password(settings: &StoreSettings) -> Result<Option<String>, StoreError> {
    if let Some(password) = &settings.password {
        return Ok(Some(password.0.clone()));
    }
    let Some(file) = &settings.password_file else {
        return Ok(None);
    };
    let unreadable = |error| StoreError::Failed(format!("{}: {error}", file.display()));
    let text = tokio::fs::read_to_string(file).await.map_err(unreadable)?;
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
