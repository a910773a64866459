//! The composition root: builds all components from the configuration, connects them,
//! and orders startup (bind, serve, warm up, ready) and shutdown.

mod admin_port;
mod audit;
mod check;
mod clock;
mod config_state;
mod descriptors;
mod error;
mod key_file;
mod lifecycle;
mod lowered_rate;
mod metrics;
mod process;
mod ready;
mod reload;
mod reloadable;
mod service;
mod status;
#[cfg(test)]
mod store_calls;
mod token_keys;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::Signal;
use tracing::{field, info, warn};

use self::admin_port::AdminPort;
pub use self::check::{CheckOutcome, check_connections, check_files};
pub use self::error::AppError;
pub use self::key_file::KeyFileError;
use self::lifecycle::{ServiceState, run_until_stopped};
use self::metrics::Metrics;
use self::reload::Reload;
use self::reloadable::Reloadable;
use self::service::{open_store, service};
pub use self::token_keys::TokenKeyError;
use crate::auth::{AuthMode, Authenticator};
use crate::config::{Config, Loaded, Sources};
use crate::grpc::{Health, Server};
use crate::result_token::TokenKeys;
use crate::telemetry::LogFilter;
use crate::transport::{self, DrainSignals, Tls};
use crate::upstream::aws::{CredentialsSource, Rekognition};

/// The service, with its listeners bound and not serving yet.
pub struct Livegate {
    config: Config,
    credentials: CredentialsSource,
    token_keys: TokenKeys,
    grpc: TcpListener,
    tls: Option<Arc<Tls>>,
    admin: TcpListener,
    reload: Option<Reload>,
}

impl Livegate {
    /// Binds the listeners and reads the keys.
    ///
    /// # Errors
    /// Returns an error if an address cannot be bound or a file cannot be used.
    pub async fn bind(config: Config, credentials: CredentialsSource) -> Result<Self, AppError> {
        let token_keys = token_keys::load(&config.results)?;
        let grpc = bind("grpc.listen", config.grpc.listen).await?;
        let admin = bind("admin.listen", config.admin.listen).await?;
        let tls = config.grpc.tls.clone().map(Tls::load).transpose()?;
        Ok(Self {
            config,
            credentials,
            token_keys,
            grpc,
            tls: tls.map(Arc::new),
            admin,
            reload: None,
        })
    }

    /// Makes the service reload `sources` on `hangup` and when the file changes. `loaded`
    /// is the result of the first load.
    #[must_use]
    pub fn reloading(
        self,
        sources: Sources,
        loaded: Loaded,
        filter: LogFilter,
        hangup: Signal,
    ) -> Self {
        let reload = Some(Reload::new(sources, loaded, filter, hangup));
        Self { reload, ..self }
    }

    /// Returns the bound address of the gRPC listener.
    ///
    /// # Errors
    /// Returns an error if the system does not report the address.
    pub fn grpc_address(&self) -> std::io::Result<SocketAddr> {
        self.grpc.local_addr()
    }

    /// Returns the bound address of the admin listener.
    ///
    /// # Errors
    /// Returns an error if the system does not report the address.
    pub fn admin_address(&self) -> std::io::Result<SocketAddr> {
        self.admin.local_addr()
    }

    /// Serves until `stop`, then shuts down in order. If the future is dropped,
    /// everything ends at once, and the last audit lines may be lost.
    ///
    /// # Errors
    /// Returns an error if the audit log cannot be opened, or the gRPC server fails
    /// permanently.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), AppError> {
        let config = &self.config;
        log_start(config, &self.grpc, &self.admin);
        let (registry, metrics) = Metrics::new(config);
        let audit = audit::open(&config.audit, &metrics.audit)?;
        let admin = AdminPort::open(self.admin, registry, &self.reload, (config, &metrics));

        let api = Arc::new(open_api(config, &self.credentials, &metrics).await);
        let health = Health::starting();
        let store = open_store(config, &metrics.store).await;
        let reloadable = Reloadable::open(config, store.as_ref(), &metrics.attempts);
        let auth = Arc::new(Authenticator::new(&config.auth, metrics.auth.clone()));
        let signals = DrainSignals::default();
        let parts = (store, self.token_keys, &audit, &signals.drain);
        let server = Server {
            service: service(config, &api, &reloadable, parts, &metrics),
            health: health.clone(),
            auth: auth.clone(),
            authorizer: reloadable.authorizer.clone(),
            default_deadline: config.grpc.default_deadline,
            limits: descriptors::fit(config.grpc.limits),
            tls: self.tls.clone(),
            metrics: metrics.grpc.clone(),
            transport_metrics: metrics.transport.clone(),
        };
        let serving = server.serve(transport::incoming(self.grpc), signals.clone());
        admin.status.set_parts(&api, &reloadable);
        let state = ServiceState::new(health, admin.readiness, signals);
        let ended = tokio::select! {
            served = serving => served.map_err(AppError::Grpc),
            () = run_until_stopped((&api, &auth), &state, &reloadable, stop, config.shutdown) => Ok(()),
            () = Reload::watch(self.reload, &reloadable) => Ok(()),
            () = reloadable.watch(&metrics.admission, &admin.notices) => Err(AppError::AdmissionStopped),
            () = Tls::watch(self.tls.as_ref(), &metrics.transport) => Ok(()),
            () = auth.refresh_jwks() => Ok(()),
        };
        // After the handlers, each of which may write a line as it ends.
        tokio::join!(audit.flush(), reloadable.leave());
        info!("shutdown complete");
        ended
    }
}

async fn open_api(
    config: &Config,
    credentials: &CredentialsSource,
    metrics: &Metrics,
) -> Rekognition {
    let (loaded, clock) = (&metrics.credentials, metrics.clock.clone());
    Rekognition::new(&config.upstream, credentials, loaded, clock).await
}

async fn bind(key: &'static str, address: SocketAddr) -> Result<TcpListener, AppError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| AppError::Bind {
        key,
        address,
        source,
    })
}

fn log_start(config: &Config, grpc: &TcpListener, admin: &TcpListener) {
    let address = |listener: &TcpListener| listener.local_addr().map(field::display).ok();
    let upstream = &config.upstream;
    info!(
        version = env!("BUILD_VERSION"),
        aws.region = upstream.region,
        store.url = config.store.url.as_deref().unwrap_or("none"),
        aws.endpoint = upstream.endpoint_url.as_deref().unwrap_or("aws"),
        grpc.listen = address(grpc),
        admin.listen = address(admin),
        results.enabled = config.results.enabled,
        "starting"
    );
    if config.auth.mode == AuthMode::None {
        warn!("auth.mode is none, treating all callers as one");
    }
}
