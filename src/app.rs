//! The composition root: the only file that names every concrete type.
//!
//! It makes the parts from the configuration, ties them together, and sees to the
//! order of starting (bind, serve, warm up, ready) and of leaving.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{error, info, warn};

use crate::admin::{self, Readiness};
use crate::admission::{Admission, AdmissionSettings, QuotaSettings};
use crate::auth::AuthMode;
use crate::config::Config;
use crate::grpc::{GrpcMetrics, Health, Server, SessionService};
use crate::idempotency::Claims;
use crate::retry::Retry;
use crate::session::{Attempts, Creator, Results};
use crate::shutdown::ShutdownSettings;
use crate::upstream::aws::{Credentials, Rekognition};

/// How long to wait before asking for credentials again.
const WARM_UP_EACH: Duration = Duration::from_secs(2);

/// Why the service did not start, or did not go on.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A port cannot be had.
    #[error("{key} = \"{address}\": cannot listen there: {source}")]
    Bind {
        /// The key that names the address.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The gRPC server failed.
    #[error("the grpc server failed: {0}")]
    Grpc(#[from] tonic::transport::Error),
}

/// The service, with its ports bound and nothing served yet.
pub struct Livegate {
    config: Config,
    credentials: Credentials,
    grpc: TcpListener,
    admin: TcpListener,
}

impl Livegate {
    /// Binds the ports that `config` names.
    ///
    /// # Errors
    /// Where one cannot be had.
    pub async fn bind(config: Config, credentials: Credentials) -> Result<Self, AppError> {
        let grpc = bind("grpc.listen", config.grpc.listen).await?;
        let admin = bind("admin.listen", config.admin.listen).await?;
        Ok(Self {
            config,
            credentials,
            grpc,
            admin,
        })
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
    /// everything at once.
    ///
    /// # Errors
    /// Where the gRPC server fails for good.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), AppError> {
        let Self {
            config,
            credentials,
            grpc,
            admin,
        } = self;
        log_start(&config);
        let mut registry = Registry::default();
        let metrics = GrpcMetrics::register(&mut registry);
        let (readiness, _end_admin) = open_admin(admin, registry);

        let api = Arc::new(Rekognition::new(&config.upstream, &credentials).await);
        let health = Health::starting().await;
        let server = Server {
            service: service(&config, &api),
            health: health.clone(),
            auth: config.auth,
            default_deadline: config.grpc.default_deadline,
            metrics,
        };
        let closing = CancellationToken::new();
        let until_closing = closing.clone().cancelled_owned();
        let serving = server.serve(TcpListenerStream::new(grpc), until_closing);
        let state = State {
            health,
            readiness,
            closing,
        };
        tokio::select! {
            served = serving => served?,
            () = live(&api, &state, stop, config.shutdown) => {
                warn!("the grace period is over: calls under way are cut off");
            }
        }
        info!("gone");
        Ok(())
    }
}

/// Serves the operators until the guard is dropped.
fn open_admin(listener: TcpListener, registry: Registry) -> (watch::Sender<Readiness>, DropGuard) {
    let (readiness, ready) = watch::channel(Readiness::Starting);
    let ended = CancellationToken::new();
    let until_ended = ended.clone().cancelled_owned();
    tokio::spawn(admin::serve(
        listener,
        Arc::new(registry),
        ready,
        until_ended,
    ));
    (readiness, ended.drop_guard())
}

/// What the outside is told of the service's state.
struct State {
    health: Health,
    readiness: watch::Sender<Readiness>,
    closing: CancellationToken,
}

impl State {
    async fn ready(&self) {
        self.health.ready().await;
        self.readiness.send_replace(Readiness::Ready);
        info!("ready");
    }

    async fn leaving(&self) {
        self.health.leaving().await;
        self.readiness.send_replace(Readiness::Leaving);
    }
}

/// From warming up to the end of the grace period.
async fn live(
    api: &Rekognition,
    state: &State,
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
    state.leaving().await;
    tokio::time::sleep(shutdown.lameduck).await;
    state.closing.cancel();
    tokio::time::sleep(shutdown.grace).await;
}

/// Returns once there are credentials.
async fn warm_up(api: &Rekognition) {
    while let Err(failure) = api.warm_up().await {
        error!(%failure, "no credentials for aws: not ready");
        tokio::time::sleep(WARM_UP_EACH).await;
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

fn service(config: &Config, api: &Arc<Rekognition>) -> SessionService<Rekognition> {
    let retry = Arc::new(Retry::new(&config.retry));
    let attempts = |quota: &QuotaSettings| {
        let admission = Admission::open(AdmissionSettings {
            quota: quota.clone(),
            callers: config.callers.clone(),
            adaptive: config.adaptive.enabled,
        });
        Attempts::new(admission, retry.clone())
    };
    let region = &config.upstream.region;
    let claims = Claims::default();
    let creator = Creator::new(api.clone(), attempts(&config.create_quota), claims, region);
    let results = config.results.enabled;
    let results = results.then(|| Results::new(api.clone(), attempts(&config.results_quota)));
    SessionService::new(creator, results)
}

fn log_start(config: &Config) {
    let upstream = &config.upstream;
    info!(
        aws.region = upstream.region,
        aws.endpoint = upstream.endpoint_url.as_deref().unwrap_or("aws itself"),
        grpc.listen = %config.grpc.listen,
        admin.listen = %config.admin.listen,
        results.enabled = config.results.enabled,
        "starting"
    );
    if config.auth == AuthMode::None {
        warn!("auth.mode is none: every caller is one and the same");
    }
}
