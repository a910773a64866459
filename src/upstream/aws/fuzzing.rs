//! What the fuzz targets reach of the adapter: a client to which any bytes may be
//! the answer. It is compiled with the feature `fuzzing` alone.
//!
//! An example: after `answers.next(503, &[], b"<html>")` a call for a session is
//! `Unavailable`, and nothing has been sent anywhere.

use std::sync::{Arc, Mutex, PoisonError};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_rekognition::Client;
use aws_sdk_rekognition::config::http::{HttpRequest, HttpResponse};
use aws_sdk_rekognition::config::retry::RetryConfig;
use aws_sdk_rekognition::config::{Config, Credentials};

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;

use super::{CREDENTIALS_TIMEOUT, CredentialsMetrics, RefreshableIdentityCache, Rekognition};

/// What the next call is answered. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Answers(Arc<Mutex<Option<HttpResponse>>>);

impl Answers {
    /// Answers the next call so. Without an answer the connection breaks. A status
    /// or header that HTTP does not know is left out.
    pub fn next(&self, status: u16, headers: &[(&str, &str)], body: &[u8]) {
        let status = status.try_into().ok();
        let answer = status.map(|status| {
            let mut answer = HttpResponse::new(status, SdkBody::from(body));
            for (name, value) in headers {
                let _ = answer
                    .headers_mut()
                    .try_append(name.to_ascii_lowercase(), (*value).to_owned());
            }
            answer
        });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }

    /// The adapter as it is, but for the socket.
    #[must_use]
    pub fn rekognition(&self) -> Rekognition {
        let connector = SharedHttpConnector::new(self.clone());
        let identities =
            RefreshableIdentityCache::new(CREDENTIALS_TIMEOUT, CredentialsMetrics::default());
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "fuzzing"))
            .retry_config(RetryConfig::disabled())
            .identity_cache(identities.clone())
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build();
        Rekognition {
            client: Client::from_conf(config),
            identities,
        }
    }
}

impl HttpConnector for Answers {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let answer = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let broken = || ConnectorError::io("the connection broke".into());
        HttpConnectorFuture::ready(answer.ok_or_else(broken))
    }
}
