//! The HTTP client of the SDK, for Rekognition and for the providers of credentials: the
//! SDK's own, with a bound on the size of a response.
//!
//! It obeys `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, as the SDK's default client does.
//!
//! For example, an endpoint sends a body without an end. The attempt fails when 2 MiB have
//! arrived, and not when memory is exhausted.

use aws_sdk_rekognition::config::http::HttpRequest;
use aws_sdk_rekognition::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;

/// The largest response, in bytes. A result with five images of 204,800 bytes each, AWS's
/// limit, has 1.3 MiB in base64.
const MAX_RESPONSE_BYTES: usize = 2 * 1024 * 1024;

/// Returns the client.
pub(super) fn client() -> SharedHttpClient {
    let client = Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector = Connector::builder().proxy_config(ProxyConfig::from_env());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .build()
    });
    SharedHttpClient::new(BoundedClient(client))
}

#[derive(Debug)]
struct BoundedClient(SharedHttpClient);

#[derive(Debug)]
struct BoundedConnector(SharedHttpConnector);

impl HttpClient for BoundedClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let connector = self.0.http_connector(settings, components);
        SharedHttpConnector::new(BoundedConnector(connector))
    }
}

impl HttpConnector for BoundedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let response = self.0.call(request);
        HttpConnectorFuture::new(async move {
            let bounded = |body| SdkBody::from_body_1_x(Limited::new(body, MAX_RESPONSE_BYTES));
            Ok(response.await?.map(bounded))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::MAX_RESPONSE_BYTES;
    use crate::model::{Clock, SessionId};
    use crate::upstream::aws::{AwsSettings, CredentialsMetrics, CredentialsSource, Rekognition};
    use crate::upstream::{LivenessApi as _, UpstreamErrorKind};

    /// Answers one request with a body without an end, and counts the bytes that were sent.
    async fn endless(listener: TcpListener, sent: Arc<AtomicUsize>) {
        let (mut socket, _) = listener.accept().await.unwrap();
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1\r\n\r\n\"";
        let mut request = [0; 4096];
        assert!(socket.read(&mut request).await.unwrap() > 0);
        socket.write_all(head).await.unwrap();
        while socket.write_all(&[b'a'; 16 * 1024]).await.is_ok() {
            sent.fetch_add(16 * 1024, Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn an_endless_response_is_cut_off() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let sent = Arc::new(AtomicUsize::new(0));
        let serving = tokio::spawn(endless(listener, Arc::clone(&sent)));
        let settings = AwsSettings {
            region: "us-east-1".to_owned(),
            endpoint_url: Some(format!("http://{address}")),
            use_fips: false,
            use_dual_stack: false,
            role_arn: None,
            attempt_timeout: Duration::from_secs(60),
        };
        let metrics = CredentialsMetrics::default();
        let credentials = CredentialsSource::Simulator;
        let api = Rekognition::new(&settings, &credentials, &metrics, Clock::default()).await;
        let session = SessionId::parse("0b5e3a4c-7d57-4f0e-9a51-6b5c1f7f3a10").unwrap();
        let error = api.result(&session).await.unwrap_err();
        assert_eq!(error.kind, UpstreamErrorKind::InvalidResponse, "{error:?}");
        serving.await.unwrap();
        // The socket's buffers hold a few megabytes that the client did not read.
        let sent = sent.load(Ordering::Relaxed);
        assert!(
            (MAX_RESPONSE_BYTES..16 * MAX_RESPONSE_BYTES).contains(&sent),
            "{sent}"
        );
    }
}
