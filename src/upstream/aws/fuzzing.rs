//! The adapter for fuzz targets: a client whose responses are arbitrary bytes. Compiled
//! only with the feature `fuzzing`.
//!
//! For example, after `responses.next(503, &[], b"<html>")` a call to create a session
//! fails with `Unavailable`, without any network traffic.

use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_rekognition::Client;
use aws_sdk_rekognition::config::http::{HttpRequest, HttpResponse};
use aws_sdk_rekognition::config::retry::RetryConfig;
use aws_sdk_rekognition::config::{Config, Credentials, IdentityCache};

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use parking_lot::Mutex;

use super::{CredentialsMetrics, Rekognition, RenewedCredentials};

/// The response to the next call. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct FakeResponses(Arc<Mutex<Option<HttpResponse>>>);

impl FakeResponses {
    /// Sets the response to the next call. An invalid header is left out; an invalid
    /// status sets no response. Without a response the connection breaks.
    pub fn next(&self, status: u16, headers: &[(&str, &str)], body: &[u8]) {
        let status = status.try_into().ok();
        let response = status.map(|status| {
            let mut response = HttpResponse::new(status, SdkBody::from(body));
            for (name, value) in headers {
                let _ = response
                    .headers_mut()
                    .try_append(name.to_ascii_lowercase(), (*value).to_owned());
            }
            response
        });
        *self.0.lock() = response;
    }

    /// Returns the adapter with this connector instead of a socket.
    #[must_use]
    pub fn rekognition(&self) -> Rekognition {
        let connector = SharedHttpConnector::new(self.clone());
        let credentials = RenewedCredentials::new(
            SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "fuzzing")),
            Duration::from_secs(10),
            CredentialsMetrics::default(),
        );
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(credentials.clone())
            .retry_config(RetryConfig::disabled())
            .identity_cache(IdentityCache::no_cache())
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build();
        Rekognition {
            client: Client::from_conf(config),
            credentials,
        }
    }
}

impl HttpConnector for FakeResponses {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let response = self.0.lock().take();
        let broken = || ConnectorError::io("the connection broke".into());
        HttpConnectorFuture::ready(response.ok_or_else(broken))
    }
}
