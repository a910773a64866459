//! Loads the credentials by a call that is signed but not sent.
//!
//! The credentials cache is inside the SDK, and only a call fills it.

use std::time::Duration;

use aws_sdk_rekognition::Client;
use aws_sdk_rekognition::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_rekognition::config::timeout::TimeoutConfig;
use aws_sdk_rekognition::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_rekognition::error::BoxError;

use super::error::causes;

/// Signs a call without sending it, which loads the credentials.
///
/// # Errors
/// The texts of the error and its causes, if the credentials cannot be loaded.
pub(super) async fn load_credentials(client: &Client, within: Duration) -> Result<(), String> {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(within)
        .build();
    let signed = client
        .get_face_liveness_session_results()
        .session_id("never-sent")
        .customize()
        .config_override(aws_sdk_rekognition::Config::builder().timeout_config(timeouts))
        .interceptor(AbortBeforeSend)
        .send()
        .await;
    match signed {
        Err(error) if causes(&error).any(|cause| cause.is::<Signed>()) => Ok(()),
        Err(error) => Err(causes(&error)
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(": ")),
        Ok(_) => Err("the warm-up call was sent".to_owned()),
    }
}

/// Aborts a call after it is signed.
#[derive(Debug)]
struct AbortBeforeSend;

#[derive(Debug, thiserror::Error)]
#[error("signed but not sent")]
struct Signed;

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for AbortBeforeSend {
    fn name(&self) -> &'static str {
        "AbortBeforeSend"
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
