//! A running Livegate with authentication, and calls with credentials.

use std::net::SocketAddr;
use std::time::Duration;

use livegate::app::Livegate;
use livegate::audit::AuditOutput;
use livegate::auth::AuthSettings;
use livegate::config::Config;
use livegate::grpc::v1::GetSessionResultRequest;
use livegate::grpc::v1::session_service_client::SessionServiceClient;
use livegate::transport::{TlsSettings, TransportLimits};
use livegate::upstream::aws::CredentialsSource;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

use super::pki::{Authority, Files, Pair};
use crate::admin;

/// The server name in the certificates.
pub(crate) const NAME: &str = "livegate.test";

/// A running Livegate.
pub(crate) struct Stack {
    pub(crate) grpc: SocketAddr,
    admin: SocketAddr,
    _stop: DropGuard,
}

/// The caller as authenticated, or the code and the message of the refusal.
pub(crate) type AuthOutcome = Result<String, (Code, String)>;

impl Stack {
    pub(crate) async fn start(auth: AuthSettings, files: Option<&Files>) -> Self {
        Self::with_limits(auth, files, TransportLimits::default()).await
    }

    pub(crate) async fn with_limits(
        auth: AuthSettings,
        files: Option<&Files>,
        limits: TransportLimits,
    ) -> Self {
        let text = "grpc.listen = \"127.0.0.1:0\"\nadmin.listen = \"127.0.0.1:0\"\n\
            shutdown.lameduck = \"0s\"\nshutdown.grace = \"1s\"\nresults.enabled = true\n\
            callers.default.allow = [\"create\", \"results\"]\n\
            upstream.endpoint_url = \"http://127.0.0.1:9\"";
        let mut config = Config::from_text(text)
            .expect("a valid configuration")
            .config;
        config.auth = auth;
        config.grpc.limits = limits;
        config.audit.output = AuditOutput::Disabled;
        config.grpc.tls = files.map(|files| TlsSettings {
            certificate: files.path("tls.crt"),
            key: files.path("tls.key"),
            client_ca: Some(files.path("ca.crt")),
        });
        let stop = CancellationToken::new();
        let service = Livegate::bind(config, CredentialsSource::Simulator).await;
        let service = service.expect("ports and files");
        let grpc = service.grpc_address().expect("a bound address");
        let admin = service.admin_address().expect("a bound address");
        tokio::spawn(service.run(stop.clone().cancelled_owned()));
        Self {
            grpc,
            admin,
            _stop: stop.drop_guard(),
        }
    }

    pub(crate) async fn metrics(&self) -> String {
        let page = admin::get(self.admin, "/metrics").await;
        page.expect("the metrics")
    }

    pub(crate) async fn is_ready(&self) -> bool {
        let page = admin::get(self.admin, "/readyz").await;
        page.is_ok_and(|page| page.contains("200 OK"))
    }

    /// A connection in plain text.
    pub(crate) fn plain(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.grpc));
        endpoint.expect("a URL").connect_lazy()
    }

    /// A connection over TLS, with a client certificate if `pair` is set.
    pub(crate) fn tls(&self, roots: &Authority, pair: Option<&Pair>) -> Channel {
        let mut tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(roots.pem()))
            .domain_name(NAME);
        if let Some(pair) = pair {
            tls = tls.identity(Identity::from_pem(&pair.certificate, &pair.key));
        }
        let endpoint = Endpoint::from_shared(format!("https://{}", self.grpc));
        let endpoint = endpoint.expect("a URL").tls_config(tls);
        endpoint.expect("certificates").connect_lazy()
    }
}

/// Advances the clock by `span` at once. No other task runs meanwhile, because the runtime
/// has one thread.
pub(crate) async fn advance(span: Duration) {
    tokio::time::pause();
    tokio::time::advance(span).await;
    tokio::time::resume();
}

/// Calls with these values of `authorization`, and returns the authenticated caller.
pub(crate) async fn whoami(channel: Channel, authorizations: &[&str]) -> AuthOutcome {
    let pairs: Vec<_> = authorizations
        .iter()
        .map(|value| ("authorization", *value))
        .collect();
    call(channel, &pairs).await
}

/// Calls with this metadata, and returns the authenticated caller. It reads the result of
/// a session that does not exist: the refusal names the caller.
pub(crate) async fn call(channel: Channel, metadata: &[(&'static str, &str)]) -> AuthOutcome {
    let mut request = Request::new(GetSessionResultRequest {
        session_id: uuid::Uuid::new_v4().to_string(),
        result_token: "forged".to_owned(),
        ..GetSessionResultRequest::default()
    });
    request.set_timeout(Duration::from_secs(10));
    for (key, value) in metadata {
        request
            .metadata_mut()
            .append(*key, value.parse().expect("ASCII"));
    }
    let response = SessionServiceClient::new(channel)
        .get_session_result(request)
        .await;
    outcome_of(&response.expect_err("the result token is forged"))
}

fn outcome_of(status: &Status) -> AuthOutcome {
    let details = status.get_error_details();
    let info = details.error_info();
    let reason = info.map(|info| info.reason.as_str()).unwrap_or_default();
    if reason == "RESULT_TOKEN_INVALID" {
        return Ok(info.expect("a reason").metadata["caller"].clone());
    }
    let is_unauthenticated = status.code() == Code::Unauthenticated;
    assert_eq!(
        is_unauthenticated,
        reason == "CALLER_NOT_AUTHENTICATED",
        "{status:?}"
    );
    Err((status.code(), status.message().to_owned()))
}

/// Whether the health service responds.
pub(crate) async fn health(channel: Channel) -> bool {
    let mut client = HealthClient::new(channel);
    client.check(HealthCheckRequest::default()).await.is_ok()
}

/// Prints one line of the table of cases.
pub(crate) fn print(case: &str, outcome: &AuthOutcome) {
    match outcome {
        Ok(caller) => println!("{case:<44} {caller}"),
        Err((code, message)) => println!("{case:<44} {code:?}: {message}"),
    }
}
