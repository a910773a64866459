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
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::admin::{self, Readiness};
use crate::admission::{Admission, AdmissionSettings, QuotaSettings};
use crate::auth::AuthMode;
use crate::config::Config;
use crate::grpc::{GrpcMetrics, Health, ServeError, Server, SessionService};
use crate::idempotency::Claims;
use crate::retry::Retry;
use crate::session::{Attempts, Creator, Results};
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
    Grpc(#[from] ServeError),
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

    /// Serves until `stop`, then leaves in order. A second `stop` is not waited
    /// for here: whoever drops the future ends everything at once.
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
        let mut registry = Registry::default();
        let metrics = GrpcMetrics::register(&mut registry);
        let (readiness, ready) = watch::channel(Readiness::Starting);
        let closing = CancellationToken::new();
        let last = CancellationToken::new();
        let _end_admin = last.clone().drop_guard();
        tokio::spawn(admin::serve(
            admin,
            Arc::new(registry),
            ready,
            last.cancelled_owned(),
        ));

        let api = Arc::new(Rekognition::new(&config.upstream, &credentials).await);
        log_start(&config);
        let health = Health::starting().await;
        let server = Server {
            service: service(&config, &api),
            health: health.clone(),
            auth: config.auth,
            default_deadline: config.grpc.default_deadline,
            metrics,
        };
        let incoming = TcpListenerStream::new(grpc);
        let serving = server.serve(incoming, closing.clone().cancelled_owned());
        let living = async {
            tokio::select! {
                () = warm_up(&api, &health, &readiness) => {}
                () = stop => {}
            }
            leave(&config, &health, &readiness, &closing).await;
        };
        tokio::select! {
            served = serving => served?,
            () = living => warn!("the grace period is over: calls under way are cut off"),
        }
        info!("gone");
        Ok(())
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

/// Ready once there are credentials; then there is nothing more to do but serve.
async fn warm_up(api: &Rekognition, health: &Health, readiness: &watch::Sender<Readiness>) {
    while let Err(failure) = api.warm_up().await {
        error!(%failure, "no credentials for aws: not ready");
        tokio::time::sleep(WARM_UP_EACH).await;
    }
    health.ready().await;
    readiness.send_replace(Readiness::Ready);
    info!("ready");
    std::future::pending().await
}

async fn leave(
    config: &Config,
    health: &Health,
    readiness: &watch::Sender<Readiness>,
    closing: &CancellationToken,
) {
    health.leaving().await;
    readiness.send_replace(Readiness::Leaving);
    tokio::time::sleep(config.shutdown.lameduck).await;
    closing.cancel();
    tokio::time::sleep(config.shutdown.grace).await;
}
