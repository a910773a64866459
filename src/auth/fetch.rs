//! The keys of tokens over HTTP: one GET on a connection of its own, without
//! redirects. The roots and our own token are read at each fetch, for both are
//! changed under us.
//!
//! An example: in a pod, `https://kubernetes.default.svc/openid/v1/jwks` with the
//! cluster's `ca.crt` and the pod's own token answers some 600 bytes.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, LengthLimitError, Limited};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::source::{MOST_BYTES, ReadError, read_file};

/// The longest token of ours, in bytes.
const MOST_TOKEN_BYTES: usize = 8 * 1024;

/// What is at `url`, whose certificate leads to a root in `ca_file` (the system's
/// where that is unset), for the bearer of what is in `token_file`. Dropped half
/// way, it closes its connection.
pub(super) async fn fetch(
    url: &Uri,
    ca_file: Option<&Path>,
    token_file: Option<&Path>,
) -> Result<Vec<u8>, ReadError> {
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls(ca_file).await?)
        .https_or_http()
        .enable_http1()
        .build();
    let client = Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .build(connector);
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.uri_mut() = url.clone();
    let headers = request.headers_mut();
    let types = "application/jwk-set+json, application/json";
    headers.insert(ACCEPT, HeaderValue::from_static(types));
    if let Some(path) = token_file {
        headers.insert(AUTHORIZATION, bearer(path).await?);
    }
    let response = client
        .request(request)
        .await
        .map_err(|error| call(&error))?;
    if response.status() != StatusCode::OK {
        return Err(ReadError::Status(response.status().as_u16()));
    }
    let body = Limited::new(response.into_body(), MOST_BYTES)
        .collect()
        .await;
    match body {
        Ok(body) => Ok(body.to_bytes().into()),
        Err(error) if error.is::<LengthLimitError>() => Err(ReadError::TooLarge),
        Err(error) => Err(call(error.as_ref())),
    }
}

async fn tls(ca_file: Option<&Path>) -> Result<ClientConfig, ReadError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| call(&error))?;
    let Some(path) = ca_file else {
        // The system's roots are many files.
        let native = tokio::task::spawn_blocking(move || builder.with_native_roots());
        let native = native.await.map_err(|error| call(&error))?;
        return Ok(native.map_err(|error| call(&error))?.with_no_client_auth());
    };
    let pem = read_file(path, MOST_BYTES).await?;
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(&pem) {
        let added = root.ok().map(|root| roots.add(root));
        if !matches!(added, Some(Ok(()))) {
            return Err(unfit(path, "it holds something else than certificates"));
        }
    }
    if roots.is_empty() {
        return Err(unfit(path, "there is no certificate in it"));
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

async fn bearer(path: &Path) -> Result<HeaderValue, ReadError> {
    let token = read_file(path, MOST_TOKEN_BYTES).await?;
    let token = token.trim_ascii();
    let value = HeaderValue::from_bytes(&[b"Bearer ", token].concat()).ok();
    let value = value.filter(|_| !token.is_empty());
    let mut value = value.ok_or_else(|| unfit(path, "there is no token in it"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn unfit(path: &Path, problem: &'static str) -> ReadError {
    ReadError::Unfit {
        path: PathBuf::from(path),
        problem,
    }
}

/// What failed, down to what the system says.
fn call(error: &dyn Error) -> ReadError {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    ReadError::Call(text)
}
