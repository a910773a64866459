//! A Livegate behind in-memory pipes. It starts with one minute of uptime, so its quota and
//! its retry budget are full.

use std::io;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use livegate::admission::{Admission, AdmissionSettings, QueueSettings, QuotaSettings};
use livegate::audit::Audit;
use livegate::auth::policy::{Authorizer, DefaultPermission, Policy};
use livegate::auth::{AuthMetrics, AuthMode, Authenticator};
use livegate::grpc::{GrpcMetrics, Health, Server, SessionService};
use livegate::idempotency::Idempotency;
use livegate::model::{Clock, Operation};
use livegate::result_token::TokenKeys;
use livegate::retry::{RetryPolicy, RetrySettings};
use livegate::session::{
    AttemptPolicy, Creator, Ownership, RequestIdRequirement, ResultReader, TokenRequirement,
    WatchSettings,
};
use livegate::transport::{DrainSignals, TransportLimits, TransportMetrics};
use prometheus_client::registry::Registry;
use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::Endpoint;

use super::aws::Aws;
use super::caller::Caller;
use super::{logs, tokens};

pub(crate) const REGION: &str = "eu-west-1";

/// The uptime at the start of a test.
const UPTIME: Duration = Duration::from_secs(60);

/// The capacity of a pipe, in bytes.
const PIPE_CAPACITY: usize = 64 * 1024;

/// The settings of a Livegate. The default quota is too large to matter.
pub(crate) struct Setup {
    pub(crate) quota: QuotaSettings,
    pub(crate) callers: QueueSettings,
    pub(crate) retry: RetrySettings,
    pub(crate) auth: AuthMode,
    pub(crate) default_deadline: Duration,
    pub(crate) request_id_requirement: RequestIdRequirement,
    pub(crate) results: bool,
    pub(crate) token_requirement: TokenRequirement,
    pub(crate) token_keys: TokenKeys,
    pub(crate) policy: Policy,
    pub(crate) default_permission: DefaultPermission,
    pub(crate) audit: Audit,
    /// The AWS to call; another Livegate may have called it before.
    pub(crate) aws: Arc<Aws>,
    pub(crate) clock: Clock,
    pub(crate) watches: WatchSettings,
    pub(crate) signals: DrainSignals,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            quota: quota(1000.0, 1000),
            callers: QueueSettings::default(),
            retry: RetrySettings {
                max_attempts: count(4),
                base_delay: Duration::from_millis(100),
                max_delay: Duration::from_secs(2),
                budget_ratio: 0.1,
                budget_floor_per_second: 1.0,
            },
            auth: AuthMode::None,
            default_deadline: Duration::from_secs(15),
            request_id_requirement: RequestIdRequirement::Optional,
            results: true,
            token_requirement: TokenRequirement::Required,
            token_keys: tokens::keys(),
            policy: Policy::default(),
            default_permission: DefaultPermission::Allow,
            audit: Audit::disabled(),
            aws: Arc::default(),
            clock: Clock::default(),
            watches: WatchSettings::default(),
            signals: DrainSignals::default(),
        }
    }
}

pub(crate) fn quota(rate_per_second: f64, burst: u32) -> QuotaSettings {
    QuotaSettings {
        rate_per_second,
        burst: count(burst),
        target_utilization: 1.0,
        max_wait: Duration::from_secs(10),
    }
}

pub(crate) fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("a count of at least one")
}

/// A Livegate that serves until it is dropped.
pub(crate) struct Livegate {
    pub(crate) aws: Arc<Aws>,
    pub(crate) authorizer: Authorizer,
    pipes: mpsc::UnboundedSender<DuplexStream>,
    _serving: AbortOnDropHandle<()>,
}

impl Livegate {
    /// Starts a Livegate with the default settings.
    pub(crate) async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    /// Starts a Livegate with this quota.
    pub(crate) async fn with_quota(quota: QuotaSettings) -> Self {
        Self::with(Setup {
            quota,
            ..Setup::default()
        })
        .await
    }

    /// Starts a Livegate.
    pub(crate) async fn with(setup: Setup) -> Self {
        logs::install();
        let aws = setup.aws.clone();
        let authorizer = Authorizer::new(setup.policy.clone(), setup.default_permission);
        let server = Server {
            service: service(&aws, &setup).audited(setup.audit.clone()),
            health: Health::starting(),
            auth: Arc::new(Authenticator::new(
                &setup.auth.into(),
                AuthMetrics::default(),
            )),
            authorizer: authorizer.clone(),
            default_deadline: setup.default_deadline,
            limits: TransportLimits::default(),
            tls: None,
            metrics: GrpcMetrics::register(&mut Registry::default()),
            transport_metrics: TransportMetrics::default(),
        };
        let (pipes, incoming) = mpsc::unbounded_channel();
        let incoming = UnboundedReceiverStream::new(incoming).map(Ok::<_, io::Error>);
        let signals = setup.signals.clone();
        let serving = tokio::spawn(async move {
            let served = server.serve(incoming, signals).await;
            served.expect("pipes do not fail");
        });
        tokio::time::advance(UPTIME).await;
        Self {
            aws,
            authorizer,
            pipes,
            _serving: AbortOnDropHandle::new(serving),
        }
    }

    /// Opens a connection and returns the client's end.
    pub(crate) fn pipe(&self) -> DuplexStream {
        let (ours, theirs) = duplex(PIPE_CAPACITY);
        self.pipes.send(theirs).expect("the server runs");
        ours
    }

    /// Returns a caller with a new connection.
    pub(crate) fn caller(&self) -> Caller {
        let pipes = self.pipes.clone();
        let connector = tower::service_fn(move |_| {
            let (ours, theirs) = duplex(PIPE_CAPACITY);
            let sent = pipes.send(theirs).map_err(io::Error::other);
            async move { sent.map(|()| TokioIo::new(ours)) }
        });
        let endpoint = Endpoint::from_static("http://livegate.test");
        Caller::on(endpoint.connect_with_connector_lazy(connector))
    }
}

fn service(aws: &Arc<Aws>, setup: &Setup) -> SessionService<Aws> {
    let retry = Arc::new(RetryPolicy::new(&setup.retry));
    let creator = Creator::new(
        aws.clone(),
        attempts(Operation::Create, setup, &retry),
        Idempotency::default(),
        ownership(setup),
    )
    .with_request_id_requirement(setup.request_id_requirement);
    let results = setup.results.then(|| reader(aws, setup, &retry));
    SessionService::new(creator, results)
}

/// Returns a reader of results from `aws`.
pub(crate) fn reader(aws: &Arc<Aws>, setup: &Setup, retry: &Arc<RetryPolicy>) -> ResultReader<Aws> {
    ResultReader::new(
        aws.clone(),
        attempts(Operation::Results, setup, retry),
        ownership(setup),
        setup.token_requirement,
        &setup.watches,
    )
    .until(setup.signals.drain.clone())
}

fn attempts(operation: Operation, setup: &Setup, retry: &Arc<RetryPolicy>) -> AttemptPolicy {
    let admission = Admission::open(AdmissionSettings {
        quota: setup.quota.clone(),
        callers: setup.callers.clone(),
        adaptive: false,
        check_limit: None,
    });
    AttemptPolicy::new(operation, admission, retry.clone())
}

fn ownership(setup: &Setup) -> Ownership {
    let ownership = Ownership::new(setup.token_keys.clone(), REGION);
    ownership.with_clock(setup.clock.clone())
}
