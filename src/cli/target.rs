//! The arguments that name the endpoint to call and the credentials for it.
//!
//! For example, `--endpoint https://livegate.shop:50051 --tls-ca ca.crt --token-file
//! /var/run/secrets/tokens/livegate` trusts the roots in `ca.crt` and sends the token.
//! Without `--tls-ca` it trusts the system's roots.

pub(super) mod probe;
mod tls;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use livegate_client::Client;
use url::Url;

use self::probe::ConnectionProblem;
use self::tls::TlsFiles;
use crate::config::parse_url;

/// An endpoint and the credentials for it.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Target {
    /// URL of the gRPC endpoint
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:50051", value_parser = endpoint)]
    endpoint: Url,
    /// Name of the caller, for a service that trusts the metadata key livegate-caller
    #[arg(long, value_name = "NAME")]
    caller: Option<String>,
    /// File with the bearer token of the caller
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Roots of the service's certificate in PEM; without it, the system's
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// Client certificate in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Key of the client certificate in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Deadline of the call
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = super::duration::duration)]
    timeout: Duration,
    /// Print one JSON object instead of lines
    #[arg(long)]
    pub(super) json: bool,
}

/// Accepts a URL with a scheme, a host and a port: nothing else is used.
fn endpoint(text: &str) -> Result<Url, String> {
    let is_bare = |url: &Url| {
        let is_http = ["http", "https"].contains(&url.scheme());
        is_http && url.path() == "/" && url.query().is_none()
    };
    let url = parse_url(text).filter(is_bare);
    url.ok_or("must be a URL such as http://127.0.0.1:50051 or https://livegate:50051".to_owned())
}

impl Target {
    /// Returns a client of the endpoint.
    pub(super) fn client(&self) -> anyhow::Result<Client> {
        let mut client = Client::builder(self.url()).timeout(self.timeout);
        let tls = self.tls()?;
        // Reports invalid files before the client does, whose error has no cause.
        tls.config()?;
        if let Some(tls) = tls.for_client() {
            client = client.tls(tls);
        }
        if let Some(caller) = &self.caller {
            client = client.caller(caller);
        }
        if let Some(path) = &self.token_file {
            let token = String::from_utf8(read("--token-file", path)?);
            let token = token.with_context(|| format!("--token-file {path:?} is not text"))?;
            client = client.token(token);
        }
        let client = client.build();
        client.with_context(|| format!("--endpoint {} cannot be used", self.url()))
    }

    #[cfg(feature = "simulator")]
    pub(super) fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// Returns the endpoint without a slash at its end.
    pub(super) fn url(&self) -> &str {
        self.endpoint.as_str().trim_end_matches('/')
    }

    /// Returns why the connection fails, or `None` if it succeeds.
    pub(super) async fn probe(&self) -> Option<ConnectionProblem> {
        let tls = self.tls().and_then(|tls| tls.config()).ok()?;
        probe::probe(&self.endpoint, tls).await
    }

    fn tls(&self) -> anyhow::Result<TlsFiles> {
        let paths = [&self.tls_ca, &self.tls_cert, &self.tls_key];
        let is_https = self.endpoint.scheme() == "https";
        anyhow::ensure!(
            is_https || paths.iter().all(|path| path.is_none()),
            "--tls-ca, --tls-cert and --tls-key need an https:// endpoint"
        );
        TlsFiles::read(paths.map(Option::as_deref), is_https)
    }
}

fn read(flag: &str, path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("{flag} {path:?} cannot be read"))
}
