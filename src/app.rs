//! The composition root: the only file that names every concrete type.
//!
//! It makes the parts from the configuration, ties them together, and sees to the
//! order of starting (bind, serve, warm up, ready) and of leaving.

mod audit;
mod doors;
mod error;
mod key_file;
mod metrics;
mod process;
mod ready;
mod reload;
mod service;
mod token_keys;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{error, field, info, warn};

use self::doors::Doors;
pub use self::error::AppError;
pub use self::key_file::KeyFileError;
use self::metrics::Metrics;
use self::ready::ReadyCollector;
use self::reload::Reload;
use self::service::{open_store, service};
pub use self::token_keys::TokenKeyError;
use crate::admin::{self, Readiness};
use crate::auth::{AuthMode, Authenticator};
use crate::config::{Config, Loaded, Sources};
use crate::grpc::{self, Health, Leaving, Server, Tls};
use crate::result_token::TokenKeys;
use crate::session::Ownership;
use crate::shutdown::ShutdownSettings;
use crate::telemetry::LogFilter;
use crate::upstream::aws::{CredentialsSource, Rekognition};

/// How long to wait before asking for credentials again: at first, and at most.
const WARM_UP_EACH: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// The last tenth of the grace period is for answers alone.
const LAST_PART: u32 = 10;

/// How long those that are cut off may take to be gone.
const CUTTING_OFF: Duration = Duration::from_secs(1);

/// The service, with its ports bound and nothing served yet.
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
    /// Binds the ports that `config` names, and reads the keys.
    ///
    /// # Errors
    /// Where one cannot be had.
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

    /// The same service, which loads `sources` again on SIGHUP and when the file
    /// changes; `loaded` is what came of them the first time. From this call on
    /// SIGHUP does not end the process.
    ///
    /// # Errors
    /// Where the process may not listen to signals.
    pub fn reloading(
        self,
        sources: Sources,
        loaded: Loaded,
        filter: LogFilter,
    ) -> std::io::Result<Self> {
        let reload = Some(Reload::new(sources, loaded, filter)?);
        Ok(Self { reload, ..self })
    }

    /// Where it serves gRPC.
    ///
    /// # Errors
    /// Where the system does not say.
    pub fn grpc_address(&self) -> std::io::Result<SocketAddr> {
        self.grpc.local_addr()
    }

    /// Where it serves its operators.
    ///
    /// # Errors
    /// Where the system does not say.
    pub fn admin_address(&self) -> std::io::Result<SocketAddr> {
        self.admin.local_addr()
    }

    /// Serves until `stop`, then leaves in order. Dropped half way, it ends
    /// everything at once, and the audit may lack the last lines.
    ///
    /// # Errors
    /// Where the audit cannot be had, or the gRPC server fails permanently.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), AppError> {
        let config = &self.config;
        log_start(config, &self.grpc, &self.admin);
        let (registry, metrics) = Metrics::of(config);
        let audit = audit::open(&config.audit, &metrics.audit)?;
        let (readiness, notes, _end_admin) = open_admin(self.admin, registry);

        let api = Rekognition::new(&config.upstream, &self.credentials, &metrics.credentials);
        let api = Arc::new(api.await);
        let health = Health::starting().await;
        let store = open_store(config, &metrics.store).await;
        let doors = Doors::open(config, store.as_ref(), &metrics.attempts);
        let ownership = Ownership::new(self.token_keys, &config.upstream.region);
        let auth = Arc::new(Authenticator::new(&config.auth, metrics.auth.clone()));
        let server = Server {
            service: service(config, &api, &doors, (store, ownership, &audit), &metrics),
            health: health.clone(),
            auth: auth.clone(),
            default_deadline: config.grpc.default_deadline,
            limits: config.grpc.limits,
            tls: self.tls.clone(),
            metrics: metrics.grpc.clone(),
        };
        let leaving = Leaving::default();
        let serving = server.serve(grpc::connections(self.grpc), leaving.clone());
        let state = State::new(health, readiness, leaving);
        let ended = tokio::select! {
            served = serving => served.map_err(AppError::Grpc),
            () = live(&api, &state, &doors, stop, config.shutdown) => Ok(()),
            () = Reload::watch(self.reload, &doors) => Ok(()),
            () = doors.watch(&metrics.admission, &notes) => Err(AppError::AdmissionGone),
            () = Tls::watch(self.tls.as_ref(), &metrics.grpc) => Ok(()),
            () = auth.refresh_jwks() => Ok(()),
        };
        // After the last handler, where there was time: each may leave a line as it ends.
        audit.flush().await;
        info!("gone");
        ended
    }
}

/// Serves the operators until the guard is dropped; what they are told is sent by
/// the other two.
fn open_admin(
    listener: TcpListener,
    mut registry: Registry,
) -> (watch::Sender<Readiness>, watch::Sender<String>, DropGuard) {
    let (readiness, ready) = watch::channel(Readiness::Starting);
    let (notes, noted) = watch::channel(String::new());
    let ended = CancellationToken::new();
    let until_ended = ended.clone().cancelled_owned();
    registry.register_collector(Box::new(ReadyCollector(ready.clone())));
    let registry = Arc::new(registry);
    tokio::spawn(admin::serve(listener, registry, ready, noted, until_ended));
    (readiness, notes, ended.drop_guard())
}

/// What the outside is told of the service's state.
struct State {
    health: Health,
    readiness: watch::Sender<Readiness>,
    leaving: Leaving,
}

impl State {
    fn new(health: Health, readiness: watch::Sender<Readiness>, leaving: Leaving) -> Self {
        Self {
            health,
            readiness,
            leaving,
        }
    }

    async fn ready(&self) {
        self.health.ready().await;
        self.readiness.send_replace(Readiness::Ready);
        info!("ready");
    }

    async fn not_ready(&self) {
        self.health.leaving().await;
        self.readiness.send_replace(Readiness::Draining);
    }
}

/// From warming up to the end of the grace period, and of those whom it cuts off.
async fn live(
    api: &Rekognition,
    state: &State,
    doors: &Doors,
    stop: impl Future<Output = ()>,
    shutdown: ShutdownSettings,
) {
    let serve_on = async {
        warm_up(api).await;
        state.ready().await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = serve_on => {}
        () = stop => {}
    }
    state.not_ready().await;
    tokio::time::sleep(shutdown.lameduck).await;
    state.leaving.closing.cancel();
    // Those who still wait near the end are told while they can be.
    let to_answer = shutdown.grace / LAST_PART;
    tokio::time::sleep(shutdown.grace - to_answer).await;
    doors.close();
    tokio::time::sleep(to_answer).await;
    warn!("the grace period is over: calls under way are cut off");
    state.leaving.cut_off.cancel();
    tokio::time::sleep(CUTTING_OFF).await;
}

/// Returns once there are credentials.
async fn warm_up(api: &Rekognition) {
    let (mut wait, longest) = WARM_UP_EACH;
    while let Err(failure) = api.warm_up().await {
        error!(%failure, "no credentials for aws: not ready");
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(longest);
    }
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
        aws.region = upstream.region,
        store.url = config
            .store
            .url
            .as_deref()
            .unwrap_or("none: the only replica"),
        aws.endpoint = upstream.endpoint_url.as_deref().unwrap_or("aws itself"),
        grpc.listen = address(grpc),
        admin.listen = address(admin),
        results.enabled = config.results.enabled,
        "starting"
    );
    if config.auth.mode == AuthMode::None {
        warn!("auth.mode is none: every caller is one and the same");
    }
}
