//! A Livegate that asks who calls, and callers that say so.

use std::net::SocketAddr;
use std::time::Duration;

use livegate::app::Livegate;
use livegate::audit::AuditOutput;
use livegate::auth::AuthSettings;
use livegate::config::Config;
use livegate::grpc::TlsSettings;
use livegate::grpc::v1::GetSessionResultRequest;
use livegate::grpc::v1::session_service_client::SessionServiceClient;
use livegate::upstream::aws::CredentialsSource;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

use super::pki::{Authority, Files, Pair};
use crate::admin;

/// The name in our certificates.
pub(crate) const NAME: &str = "livegate.test";

/// A running Livegate.
pub(crate) struct Stack {
    pub(crate) grpc: SocketAddr,
    admin: SocketAddr,
    _stop: DropGuard,
}

/// Who a call was taken for, or what it was told.
pub(crate) type Told = Result<String, (Code, String)>;

impl Stack {
    pub(crate) async fn up(auth: AuthSettings, files: Option<&Files>) -> Self {
        let text = "grpc.listen = \"127.0.0.1:0\"\nadmin.listen = \"127.0.0.1:0\"\n\
            shutdown.lameduck = \"0s\"\nshutdown.grace = \"1s\"\nresults.enabled = true\n\
            callers.default.allow = [\"create\", \"results\"]\n\
            upstream.endpoint_url = \"http://127.0.0.1:9\"";
        let mut config = Config::from_text(text).expect("right").config;
        config.auth = auth;
        config.audit.output = AuditOutput::Disabled;
        config.grpc.tls = files.map(|files| TlsSettings {
            certificate: files.path("tls.crt"),
            key: files.path("tls.key"),
            client_ca: Some(files.path("ca.crt")),
        });
        let stop = CancellationToken::new();
        let service = Livegate::bind(config, CredentialsSource::Simulator).await;
        let service = service.expect("ports and files");
        let grpc = service.grpc_address().expect("it is bound");
        let admin = service.admin_address().expect("it is bound");
        tokio::spawn(service.run(stop.clone().cancelled_owned()));
        Self {
            grpc,
            admin,
            _stop: stop.drop_guard(),
        }
    }

    /// The metrics.
    pub(crate) async fn metrics(&self) -> String {
        let page = admin::get(self.admin, "/metrics").await;
        page.expect("its metrics")
    }

    /// A connection over plain text.
    pub(crate) fn plain(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.grpc));
        endpoint.expect("a URL").connect_lazy()
    }

    /// A connection over TLS, with a certificate of its own or without.
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

/// Lets `span` go by at once: nothing else runs meanwhile, on the one thread that
/// there is.
pub(crate) async fn skip(span: Duration) {
    tokio::time::pause();
    tokio::time::advance(span).await;
    tokio::time::resume();
}

/// Who a call with these values of `authorization` is taken for.
pub(crate) async fn whoami(channel: Channel, authorizations: &[&str]) -> Told {
    let pairs: Vec<_> = authorizations
        .iter()
        .map(|value| ("authorization", *value))
        .collect();
    call(channel, &pairs).await
}

/// Who a call with this metadata is taken for. It asks for the result of a session
/// that is nobody's: the refusal names the caller, once there is one.
pub(crate) async fn call(channel: Channel, metadata: &[(&'static str, &str)]) -> Told {
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
    let answer = SessionServiceClient::new(channel)
        .get_session_result(request)
        .await;
    of(&answer.expect_err("it is nobody's"))
}

fn of(status: &Status) -> Told {
    let details = status.get_error_details();
    let info = details.error_info();
    let reason = info.map(|info| info.reason.as_str()).unwrap_or_default();
    if reason == "RESULT_TOKEN_INVALID" {
        return Ok(info.expect("a reason").metadata["caller"].clone());
    }
    let is_ours = status.code() == Code::Unauthenticated;
    assert_eq!(is_ours, reason == "CALLER_NOT_AUTHENTICATED", "{status:?}");
    Err((status.code(), status.message().to_owned()))
}

/// Whether health is told to whoever asks.
pub(crate) async fn health(channel: Channel) -> bool {
    let mut client = HealthClient::new(channel);
    client.check(HealthCheckRequest::default()).await.is_ok()
}

/// Prints one line of a table.
pub(crate) fn print(what: &str, told: &Told) {
    match told {
        Ok(caller) => println!("{what:<44} {caller}"),
        Err((code, message)) => println!("{what:<44} {code:?}: {message}"),
    }
}
