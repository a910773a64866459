//! Loads the credentials by the way that a call goes, and stops short of sending.
//!
//! The cache that calls read from is inside the SDK: only a call fills it.

use std::time::Duration;

use aws_sdk_rekognition::Client;
use aws_sdk_rekognition::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_rekognition::config::timeout::TimeoutConfig;
use aws_sdk_rekognition::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_rekognition::error::BoxError;

use super::error::causes;

/// Asks for a signed call that is not sent; says why there is none.
pub(super) async fn load_credentials(client: &Client, within: Duration) -> Result<(), String> {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(within)
        .build();
    let signed = client
        .get_face_liveness_session_results()
        .session_id("never-sent")
        .customize()
        .config_override(aws_sdk_rekognition::Config::builder().timeout_config(timeouts))
        .interceptor(StopShort)
        .send()
        .await;
    match signed {
        Err(error) if causes(&error).any(|cause| cause.is::<Signed>()) => Ok(()),
        Err(error) => Err(causes(&error)
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(": ")),
        Ok(_) => Err("the call was sent after all".to_owned()),
    }
}

/// A call that is signed goes no further.
#[derive(Debug)]
struct StopShort;

#[derive(Debug, thiserror::Error)]
#[error("signed, and not sent")]
struct Signed;

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for StopShort {
    fn name(&self) -> &'static str {
        "StopShort"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        Err(Signed.into())
    }
}
