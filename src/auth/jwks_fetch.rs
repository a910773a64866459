//! Fetches a JWKS over HTTP: one GET on a new connection, without redirects. The root
//! certificates and the bearer token are read at each fetch, because both rotate. It obeys
//! the proxy that the environment sets.
//!
//! For example, in a Kubernetes pod, `https://kubernetes.default.svc/openid/v1/jwks`
//! with the cluster's `ca.crt` and the pod's service account token returns about 600
//! bytes.

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

use super::jwks_source::{JwksError, MAX_JWKS_BYTES, read_file};
use crate::egress::EgressConnector;

/// The size limit of the bearer token that is sent, in bytes.
const MAX_BEARER_BYTES: usize = 8 * 1024;

/// Returns the body at `url`. The server's certificate must chain to a root in `ca_file`
/// (if unset, to one of the system's); the content of `token_file` is sent as a bearer
/// token. Dropping it closes the connection.
pub(super) async fn fetch(
    url: &Uri,
    ca_file: Option<&Path>,
    token_file: Option<&Path>,
) -> Result<Vec<u8>, JwksError> {
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls(ca_file).await?)
        .https_or_http()
        .enable_http1()
        .wrap_connector(EgressConnector::from_env());
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
        .map_err(|error| request_failed(&error))?;
    if response.status() != StatusCode::OK {
        return Err(JwksError::Status(response.status().as_u16()));
    }
    let body = Limited::new(response.into_body(), MAX_JWKS_BYTES)
        .collect()
        .await;
    match body {
        Ok(body) => Ok(body.to_bytes().into()),
        Err(error) if error.is::<LengthLimitError>() => Err(JwksError::TooLarge),
        Err(error) => Err(request_failed(error.as_ref())),
    }
}

async fn tls(ca_file: Option<&Path>) -> Result<ClientConfig, JwksError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| request_failed(&error))?;
    let Some(path) = ca_file else {
        // Blocking: the system's roots are many files.
        let native = tokio::task::spawn_blocking(move || builder.with_native_roots());
        let native = native.await.map_err(|error| request_failed(&error))?;
        let native = native.map_err(|error| request_failed(&error))?;
        return Ok(native.with_no_client_auth());
    };
    let pem = read_file(path, MAX_JWKS_BYTES).await?;
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(&pem) {
        let added = root.ok().map(|root| roots.add(root));
        if !matches!(added, Some(Ok(()))) {
            return Err(invalid(path, "must hold only PEM certificates"));
        }
    }
    if roots.is_empty() {
        return Err(invalid(path, "must hold at least one PEM certificate"));
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

async fn bearer(path: &Path) -> Result<HeaderValue, JwksError> {
    let token = read_file(path, MAX_BEARER_BYTES).await?;
    let token = token.trim_ascii();
    let value = HeaderValue::from_bytes(&[b"Bearer ", token].concat()).ok();
    let value = value.filter(|_| !token.is_empty());
    let mut value = value.ok_or_else(|| invalid(path, "must hold a bearer token"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn invalid(path: &Path, problem: &'static str) -> JwksError {
    JwksError::InvalidFile {
        path: PathBuf::from(path),
        problem,
    }
}

/// Joins the texts of the error and all of its causes.
fn request_failed(error: &dyn Error) -> JwksError {
    let errors = std::iter::successors(Some(error), |&error| error.source());
    let texts: Vec<String> = errors.map(ToString::to_string).collect();
    JwksError::Request(texts.join(": "))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn an_endless_response_is_cut_off() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            assert!(socket.read(&mut [0; 4096]).await.unwrap() > 0);
            let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
            socket.write_all(head).await.unwrap();
            while socket.write_all(&[b' '; 16 * 1024]).await.is_ok() {}
        });
        let fetched = fetch(&url.parse().unwrap(), None, None).await;
        assert!(matches!(fetched, Err(JwksError::TooLarge)), "{fetched:?}");
        // The connection is closed, so the server ends.
        server.await.unwrap();
    }
}
