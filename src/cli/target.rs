//! The arguments that name the endpoint to call and the credentials for it.
//!
//! For example, `--endpoint https://livegate.shop:50051 --tls-ca ca.crt --token-file
//! /var/run/secrets/tokens/livegate` trusts the roots in `ca.crt` and sends the token.
//! Without `--tls-ca` it trusts the system's roots.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use livegate_client::{Client, ClientTls};

/// An endpoint and the credentials for it.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Target {
    /// URL of the gRPC endpoint
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:50051", value_parser = endpoint)]
    endpoint: String,
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
fn endpoint(text: &str) -> Result<String, String> {
    let url: http::Uri = text.parse().map_err(|error| format!("{error}"))?;
    let is_bare = url.path() == "/" && url.query().is_none();
    match (url.scheme_str(), url.host()) {
        (Some("http" | "https"), Some(_)) if is_bare => Ok(text.to_owned()),
        _ => {
            Err("must be a URL such as http://127.0.0.1:50051 or https://livegate:50051".to_owned())
        }
    }
}

impl Target {
    /// Returns a client of the endpoint.
    pub(super) fn client(&self) -> anyhow::Result<Client> {
        let mut client = Client::builder(&self.endpoint).timeout(self.timeout);
        if let Some(tls) = self.tls()? {
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
        client.with_context(|| format!("--endpoint {:?} cannot be used", self.endpoint))
    }

    fn tls(&self) -> anyhow::Result<Option<ClientTls>> {
        let files = [&self.tls_ca, &self.tls_cert, &self.tls_key];
        if files.iter().all(|file| file.is_none()) {
            return Ok(None);
        }
        anyhow::ensure!(
            self.endpoint.starts_with("https:"),
            "--tls-ca, --tls-cert and --tls-key need an https:// endpoint"
        );
        let mut tls = ClientTls::default();
        if let Some(path) = &self.tls_ca {
            tls = tls.roots(read("--tls-ca", path)?);
        }
        if let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) {
            tls = tls.identity(read("--tls-cert", certificate)?, read("--tls-key", key)?);
        }
        Ok(Some(tls))
    }
}

fn read(flag: &str, path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("{flag} {path:?} cannot be read"))
}
