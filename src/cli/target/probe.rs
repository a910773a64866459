//! Finds the step at which a connection to an endpoint fails.
//!
//! The gRPC client reports a failed connection without its cause, as in `operation was
//! canceled`. The probe repeats the steps: DNS lookup, TCP connection, TLS handshake. For
//! example, a call of `http://localhost:50051` fails, and the port replies to a TLS
//! handshake: the endpoint must be `https://localhost:50051`.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{AlertDescription, CertificateError, ClientConfig, Error};
use url::Url;

use crate::cli::out::printable;

/// The time limit of a step.
const STEP_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the server may take to reject the client certificate after the handshake.
const REJECTION_TIMEOUT: Duration = Duration::from_millis(500);

/// The cause of a failed connection, and what to check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct ConnectionProblem {
    pub(in crate::cli) cause: String,
    pub(in crate::cli) check: String,
}

/// How the user named a port: the argument of the command, and the setting of the service.
pub(in crate::cli) struct PortNames {
    pub(in crate::cli) argument: &'static str,
    pub(in crate::cli) setting: &'static str,
}

const GRPC_PORT: PortNames = PortNames {
    argument: "--endpoint",
    setting: "grpc.listen",
};

pub(in crate::cli) fn problem(
    cause: impl fmt::Display,
    check: impl fmt::Display,
) -> ConnectionProblem {
    ConnectionProblem {
        cause: printable(&cause.to_string()),
        check: check.to_string(),
    }
}

/// Connects to `url` and returns the problem, if there is one.
pub(super) async fn probe(url: &Url, tls: ClientConfig) -> Option<ConnectionProblem> {
    let host = url.host_str()?.trim_matches(['[', ']']);
    let port = url.port_or_known_default()?;
    let stream = match connect(host, port, &GRPC_PORT).await {
        Ok(stream) => stream,
        Err(problem) => return Some(problem),
    };
    let name = ServerName::try_from(host.to_owned()).ok()?;
    let handshake = timeout(STEP_TIMEOUT, handshake(stream, name, tls)).await;
    let handshake = handshake.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let is_http = url.scheme() == "http";
    let Err(error) = handshake else {
        return is_http.then(|| plaintext_to_tls(url));
    };
    match tls_error(&error) {
        None if is_http => None,
        None => Some(problem(
            format_args!("the port does not reply to a TLS handshake: {error}"),
            "check that the service has grpc.tls.certificate, or use an http:// endpoint",
        )),
        Some(_) if is_http => Some(plaintext_to_tls(url)),
        Some(error) => Some(tls_problem(error, host)),
    }
}

/// Opens a TCP connection to a port, which problems name by `names`.
pub(in crate::cli) async fn connect(
    host: &str,
    port: u16,
    names: &PortNames,
) -> Result<TcpStream, ConnectionProblem> {
    let PortNames { argument, setting } = names;
    let addresses = timeout(STEP_TIMEOUT, lookup_host((host, port))).await;
    let addresses = addresses.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let addresses: Vec<_> = addresses
        .map_err(|error| {
            let cause = format!("cannot resolve the name {host}: {error}");
            problem(
                cause,
                format_args!("check the name in {argument}, and the DNS of this host"),
            )
        })?
        .collect();
    match timeout(STEP_TIMEOUT, TcpStream::connect(&*addresses)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Err(problem(
            "connection refused: no process listens on the port",
            format_args!(
                "check that the service runs, and that its {setting} has this address and port"
            ),
        )),
        Ok(Err(error)) => Err(problem(
            format_args!("cannot connect: {error}"),
            format_args!("check the address in {argument}, and the routes to it"),
        )),
        Err(_) => Err(problem(
            format_args!("no reply to a TCP connection within {STEP_TIMEOUT:?}"),
            format_args!(
                "check the address in {argument}, and the firewalls and network policies on the way"
            ),
        )),
    }
}

/// Performs the handshake. In TLS 1.3 the server rejects a client certificate only after
/// it, so this also waits for the first byte.
async fn handshake(
    stream: TcpStream,
    name: ServerName<'static>,
    tls: ClientConfig,
) -> io::Result<()> {
    let connector = TlsConnector::from(Arc::new(tls));
    let mut stream = connector.connect(name, stream).await?;
    match timeout(REJECTION_TIMEOUT, stream.read(&mut [0])).await {
        Ok(Err(error)) => Err(error),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

/// Returns the error of a peer that speaks TLS.
fn tls_error(error: &io::Error) -> Option<&Error> {
    let error = error.get_ref()?.downcast_ref::<Error>()?;
    let is_other_protocol = matches!(error, Error::InvalidMessage(_));
    (!is_other_protocol).then_some(error)
}

fn plaintext_to_tls(url: &Url) -> ConnectionProblem {
    let https = url.as_str().replacen("http:", "https:", 1);
    let check = format!("use --endpoint {}", https.trim_end_matches('/'));
    problem("the port requires TLS", check)
}

fn tls_problem(error: &Error, host: &str) -> ConnectionProblem {
    match error {
        Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => problem(
            "the certificate of the service is not issued by a trusted authority",
            "name the file with the certificate of its authority in --tls-ca; without it, the \
             system's authorities are trusted",
        ),
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => problem(
            format_args!("the certificate of the service is not valid for the name {host}"),
            "use a name of the certificate in --endpoint",
        ),
        Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => problem(
            "the certificate of the service has expired",
            "check grpc.tls.certificate of the service, and the clock of this host",
        ),
        Error::AlertReceived(AlertDescription::CertificateRequired) => problem(
            "the service requires a client certificate",
            "name the certificate and its key in --tls-cert and --tls-key",
        ),
        Error::AlertReceived(alert) => problem(
            format_args!("the service rejected the TLS handshake: {alert:?}"),
            "check that an authority in grpc.tls.client_ca of the service issued the --tls-cert",
        ),
        error => problem(
            format_args!("the TLS handshake failed: {error}"),
            "check grpc.tls.certificate of the service",
        ),
    }
}
