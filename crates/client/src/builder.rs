//! The settings of a client, and the connection that they describe.

use std::path::PathBuf;
use std::time::Duration;

use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::client::Client;
use crate::token::BearerToken;

/// The deadline of a call where the settings name none.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(15);

/// The longest deadline of a call.
const MAX_TIMEOUT: Duration = Duration::from_secs(3600);

/// The settings of a [`Client`].
#[derive(Clone)]
#[must_use]
pub struct ClientBuilder {
    endpoint: String,
    tls: Option<ClientTls>,
    pub(crate) caller: Option<String>,
    pub(crate) token: Option<BearerToken>,
    pub(crate) timeout: Duration,
    pub(crate) max_retries: u32,
}

/// How a client authenticates the service, and itself, over TLS.
///
/// The files are not read again: to use a rotated certificate, build another client.
#[derive(Clone, Default)]
#[must_use]
pub struct ClientTls {
    roots: Option<Certificate>,
    identity: Option<Identity>,
}

/// The settings describe no client.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The endpoint is not an `http://` or `https://` URL.
    #[error("endpoint {0:?} must start with http:// or https://")]
    Scheme(String),
    /// TLS is configured for an `http://` endpoint.
    #[error("endpoint {0:?} must start with https:// to use TLS")]
    TlsWithoutHttps(String),
    /// The endpoint is not a URL, or a certificate or key is not valid PEM.
    #[error(transparent)]
    Transport(#[from] tonic::transport::Error),
}

impl ClientBuilder {
    pub(crate) fn new(endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            tls: None,
            caller: None,
            token: None,
            timeout: DEFAULT_TIMEOUT,
            max_retries: 0,
        }
    }

    /// Sets the roots and the client certificate. Without it, an `https://` endpoint
    /// is verified with the system's roots.
    pub fn tls(mut self, tls: ClientTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Sets the caller's name in the metadata key `livegate-caller`, for a service
    /// that trusts this key.
    pub fn caller(mut self, name: impl Into<String>) -> Self {
        self.caller = Some(name.into());
        self
    }

    /// Sends the bearer token in this file. The file is read again for each attempt, so
    /// the token may be rotated.
    pub fn token_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.token = Some(BearerToken::File(path.into()));
        self
    }

    /// Sends this bearer token, instead of one in a file.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(BearerToken::Fixed(token.into()));
        self
    }

    /// Sets the deadline of each call, which includes its retries: 15 s by default,
    /// at most an hour.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.min(MAX_TIMEOUT);
        self
    }

    /// Sets how often a call may be retried after `RetryInfo`: 0 by default.
    pub fn max_retries(mut self, max_retries: u32) -> Self {
        self.max_retries = max_retries;
        self
    }

    /// Builds the client. It connects with the first call.
    ///
    /// # Errors
    /// If the endpoint is not a URL, a certificate or key is not valid PEM, or TLS is
    /// configured for an `http://` endpoint.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn build(mut self) -> Result<Client, BuildError> {
        let endpoint = Endpoint::from_shared(self.endpoint.clone())?;
        let endpoint = match (endpoint.uri().scheme_str(), self.tls.take()) {
            (Some("https"), tls) => endpoint.tls_config(tls.unwrap_or_default().into_config())?,
            (Some("http"), None) => endpoint,
            (Some("http"), Some(_)) => return Err(BuildError::TlsWithoutHttps(self.endpoint)),
            _ => return Err(BuildError::Scheme(self.endpoint)),
        };
        Ok(Client::new_on(endpoint.connect_lazy(), self))
    }
}

impl ClientTls {
    /// Trusts these roots, in PEM, instead of the system's.
    pub fn roots(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.roots = Some(Certificate::from_pem(pem));
        self
    }

    /// Presents this client certificate and its key, both in PEM.
    pub fn identity(mut self, certificate: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Self {
        self.identity = Some(Identity::from_pem(certificate, key));
        self
    }

    fn into_config(self) -> ClientTlsConfig {
        let config = match self.roots {
            Some(roots) => ClientTlsConfig::new().ca_certificate(roots),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        match self.identity {
            Some(identity) => config.identity(identity),
            None => config,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_endpoint_without_http_or_https_is_refused() {
        for endpoint in [
            "localhost",
            "livegate:50051",
            "ftp://livegate",
            "/tmp/socket",
        ] {
            let error = ClientBuilder::new(endpoint).build().expect_err("no scheme");
            assert!(
                matches!(error, BuildError::Scheme(_)),
                "{endpoint}: {error}"
            );
        }
        for endpoint in ["", "http://", "http://a b"] {
            let error = ClientBuilder::new(endpoint).build().expect_err("no URL");
            assert!(matches!(error, BuildError::Transport(_)), "{error}");
        }
        for endpoint in ["http://livegate:50051", "https://livegate"] {
            ClientBuilder::new(endpoint).build().expect("a URL");
        }
    }

    #[tokio::test]
    async fn tls_settings_are_never_dropped_silently() {
        let plain = ClientBuilder::new("http://livegate:50051").tls(ClientTls::default());
        let error = plain.build().expect_err("TLS without https");
        assert!(matches!(error, BuildError::TlsWithoutHttps(_)), "{error}");
        let tls = ClientTls::default().identity("no certificate", "no key");
        let secure = ClientBuilder::new("https://livegate:50051").tls(tls);
        let error = secure.build().expect_err("no PEM");
        assert!(matches!(error, BuildError::Transport(_)), "{error}");
    }

    #[test]
    fn a_timeout_is_bounded_so_that_a_deadline_can_be_computed() {
        let builder = ClientBuilder::new("http://livegate").timeout(Duration::MAX);
        assert_eq!(builder.timeout, MAX_TIMEOUT);
    }
}
