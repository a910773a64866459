//! The phases of a running service: credentials and keys are loaded, it is ready, and it
//! drains.

use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::reloadable::Reloadable;
use crate::admin::Readiness;
use crate::auth::Authenticator;
use crate::grpc::Health;
use crate::shutdown::ShutdownSettings;
use crate::transport::DrainSignals;
use crate::upstream::aws::Rekognition;

/// The first and the longest delay between attempts to load the credentials.
const LOAD_DELAYS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Requests that still wait for quota are refused when a tenth of the grace period is
/// left, so that their responses arrive in time.
const REFUSAL_DIVISOR: u32 = 10;

/// The time for aborted calls and connections to end.
const ABORT_TIMEOUT: Duration = Duration::from_secs(1);

/// The state of the service that health checks, probes and connections see.
pub(super) struct ServiceState {
    health: Health,
    readiness: watch::Sender<Readiness>,
    signals: DrainSignals,
}

impl ServiceState {
    pub(super) fn new(
        health: Health,
        readiness: watch::Sender<Readiness>,
        signals: DrainSignals,
    ) -> Self {
        Self {
            health,
            readiness,
            signals,
        }
    }

    fn set_ready(&self) {
        self.health.ready();
        self.readiness.send_replace(Readiness::Ready);
        info!("ready");
    }

    fn set_not_ready(&self) {
        self.health.shutting_down();
        self.readiness.send_replace(Readiness::Draining);
    }
}

/// Warms up and serves until `stop`, then drains: lameduck, grace period, abort of the
/// remaining calls.
pub(super) async fn run_until_stopped(
    (api, auth): (&Rekognition, &Authenticator),
    state: &ServiceState,
    reloadable: &Reloadable,
    stop: impl Future<Output = ()>,
    shutdown: ShutdownSettings,
) {
    let serve = async {
        load_credentials(api, &state.readiness).await;
        let missing = Readiness::Starting("JWKS: not read yet".to_owned());
        state.readiness.send_replace(missing);
        let ready = auth.ready().map(|()| state.set_ready());
        tokio::join!(ready, api.renew_credentials());
    };
    tokio::select! {
        () = serve => {}
        () = stop => {}
    }
    state.set_not_ready();
    tokio::time::sleep(shutdown.lameduck).await;
    state.signals.drain.cancel();
    let after_refusal = shutdown.grace / REFUSAL_DIVISOR;
    tokio::time::sleep(shutdown.grace - after_refusal).await;
    reloadable.close();
    tokio::time::sleep(after_refusal).await;
    warn!("grace period over, aborting calls in progress");
    state.signals.abort.cancel();
    tokio::time::sleep(ABORT_TIMEOUT).await;
}

/// Returns once the credentials are loaded. Until then `readiness` has the cause.
async fn load_credentials(api: &Rekognition, readiness: &watch::Sender<Readiness>) {
    let (mut delay, max_delay) = LOAD_DELAYS;
    while let Err(failure) = api.load_credentials().await {
        error!(%failure, "cannot load AWS credentials, not ready");
        let missing = format!("AWS credentials: {failure}");
        readiness.send_replace(Readiness::Starting(missing));
        tokio::time::sleep(delay).await;
        delay = (delay * 2).min(max_delay);
    }
}
