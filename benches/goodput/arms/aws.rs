//! Calls of Rekognition by its SDK, as every arm but Livegate makes them.

use aws_sdk_rekognition::Client;
use aws_sdk_rekognition::config::retry::RetryConfig;
use aws_sdk_rekognition::config::{BehaviorVersion, Builder, Config, Credentials, Region};
use aws_sdk_rekognition::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_rekognition::operation::create_face_liveness_session::CreateFaceLivenessSessionError;

pub(crate) type CreateError = SdkError<CreateFaceLivenessSessionError>;

/// The configuration of a client of the simulator at `url`.
pub(crate) fn config(url: &str, retries: RetryConfig) -> Builder {
    Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "benchmark"))
        .endpoint_url(url)
        .retry_config(retries)
}

/// Creates a session. `token` is the same in all attempts for one request.
pub(crate) async fn create(client: &Client, token: &str) -> Result<String, CreateError> {
    let request = client
        .create_face_liveness_session()
        .client_request_token(token);
    Ok(request.send().await?.session_id)
}

/// Returns whether another attempt may succeed.
pub(crate) fn is_transient(error: &CreateError) -> bool {
    match error {
        SdkError::ServiceError(context) => {
            is_throttle(error) || context.raw().status().is_server_error()
        }
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => {
            true
        }
        _ => false,
    }
}

/// Returns whether AWS throttled the call.
pub(crate) fn is_throttle(error: &CreateError) -> bool {
    matches!(
        error.code(),
        Some("ThrottlingException" | "ProvisionedThroughputExceededException")
    )
}

/// Returns the name of the failure in the outcome of a request.
pub(crate) fn name(error: &CreateError) -> &str {
    match error {
        SdkError::TimeoutError(_) => "timeout",
        SdkError::DispatchFailure(_) => "connection failed",
        SdkError::ResponseError(_) => "response unreadable",
        _ => error.code().unwrap_or("unknown"),
    }
}
