//! Connections to other servers: directly, or through the proxy that `HTTPS_PROXY`,
//! `HTTP_PROXY` and `NO_PROXY` name, as the calls to AWS do.
//!
//! For example, with `HTTPS_PROXY=http://proxy:3128` and `NO_PROXY=.internal`, a connection
//! to `https://issuer.example.com` is a tunnel through the proxy (CONNECT), and one to
//! `https://collector.internal:4317` is direct.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::Uri;
use http::uri::Scheme;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

type ConnectError = Box<dyn std::error::Error + Send + Sync>;

/// Opens TCP connections. Clones share the settings.
#[derive(Clone, Debug)]
pub struct EgressConnector {
    proxies: Arc<Matcher>,
    direct: HttpConnector,
}

impl EgressConnector {
    /// Returns a connector that obeys the environment variables.
    #[must_use]
    pub fn from_env() -> Self {
        Self::new(Matcher::from_env())
    }

    fn new(proxies: Matcher) -> Self {
        let mut direct = HttpConnector::new();
        // TLS is a layer above this connection.
        direct.enforce_http(false);
        Self {
            proxies: Arc::new(proxies),
            direct,
        }
    }
}

impl Service<Uri> for EgressConnector {
    type Response = TokioIo<TcpStream>;
    type Error = ConnectError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let Some(proxy) = self.proxies.intercept(&target) else {
            return self.direct.call(target).map(|io| Ok(io?)).boxed();
        };
        // This connector rejects a proxy that requires TLS.
        let mut tunnel = Tunnel::new(proxy.uri().clone(), HttpConnector::new());
        if let Some(login) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(login.clone());
        }
        let connected = async move { Ok(tunnel.call(with_port(target)?).await?) };
        connected.boxed()
    }
}

/// Adds the default port of `http`: a tunnel leads to port 443 by default.
fn with_port(target: Uri) -> Result<Uri, http::Error> {
    if target.scheme() != Some(&Scheme::HTTP) || target.port().is_some() {
        return Ok(target);
    }
    let authority = format!("{}:80", target.host().unwrap_or_default());
    let target = Uri::builder().scheme(Scheme::HTTP).authority(authority);
    target.path_and_query("/").build()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Connects to `target`; `exempt` is reached without the proxy. Returns the requests that
    /// the proxy received.
    async fn connect(target: &str, exempt: &str) -> (bool, String) {
        let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://me:word@{}", proxy.local_addr().unwrap());
        let proxies = Matcher::builder().all(url).no(exempt).build();
        let serving = tokio::spawn(async move {
            let (mut socket, _) = proxy.accept().await.unwrap();
            let mut request = [0; 1024];
            let length = socket.read(&mut request).await.unwrap();
            socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let mut connector = EgressConnector::new(proxies);
        let connected = connector.call(target.parse().unwrap()).await.is_ok();
        let request = if serving.is_finished() || exempt.is_empty() {
            serving.await.unwrap()
        } else {
            serving.abort();
            String::new()
        };
        (connected, request)
    }

    #[tokio::test]
    async fn a_connection_is_a_tunnel_through_the_proxy() {
        for (target, expected) in [
            ("https://issuer.test/keys", "CONNECT issuer.test:443 "),
            ("http://issuer.test/keys", "CONNECT issuer.test:80 "),
            ("http://collector.test:4317", "CONNECT collector.test:4317 "),
        ] {
            let (connected, request) = connect(target, "").await;
            assert!(connected, "{target}");
            assert!(request.starts_with(expected), "{request}");
            // "me:word" in base64.
            assert!(request.contains("Basic bWU6d29yZA=="), "{request}");
        }
    }

    #[tokio::test]
    async fn an_exempt_host_is_reached_directly() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = format!("https://{}", server.local_addr().unwrap());
        let (connected, request) = connect(&target, "127.0.0.1").await;
        assert_eq!((connected, &*request), (true, ""));
    }
}
