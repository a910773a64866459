//! `livegate create` and `livegate result`: a client for people. The exit code is the
//! number of the gRPC code: 8 is `RESOURCE_EXHAUSTED`.

use std::process::ExitCode;

use livegate_client::{ClientError, ClientResponse, FieldViolation, v1};
use serde_json::{Value, json};
use uuid::Uuid;

use super::out::{print_err, print_out};
use super::target::Target;

/// Create a session.
#[derive(Clone, Debug, clap::Args)]
pub struct CreateArgs {
    #[command(flatten)]
    target: Target,
    /// UUID of an earlier call, to repeat it; without it, a new one is made and printed
    #[arg(long, value_name = "UUID")]
    request_id: Option<String>,
    /// End user of the session: up to 128 characters
    #[arg(long, value_name = "NAME", default_value = "")]
    subject: String,
    /// Settings that the operators named, instead of the options below
    #[arg(long, value_name = "NAME", default_value = "")]
    profile: String,
    /// KMS key that encrypts the images in S3
    #[arg(long, value_name = "KEY", default_value = "")]
    kms_key_id: String,
    /// Bucket for the images; without it, the result has them as bytes
    #[arg(long, value_name = "BUCKET")]
    s3_bucket: Option<String>,
    /// Prefix of the keys in the bucket
    #[arg(
        long,
        value_name = "PREFIX",
        requires = "s3_bucket",
        default_value = ""
    )]
    s3_key_prefix: String,
    /// Number of audit images to keep, 0 to 4
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 0,
        allow_negative_numbers = true
    )]
    audit_images_limit: i32,
}

/// Creates a session and prints it, with the request id by which the call can be repeated.
///
/// # Errors
/// If the endpoint is not a URL, or a file cannot be read or is not valid.
pub async fn create(args: CreateArgs) -> anyhow::Result<ExitCode> {
    let output_config = args.s3_bucket.map(|s3_bucket| v1::OutputConfig {
        s3_bucket,
        s3_key_prefix: args.s3_key_prefix,
    });
    let settings = v1::SessionSettings {
        output_config,
        audit_images_limit: args.audit_images_limit,
        challenge_preferences: Vec::new(),
    };
    // A request with a profile must have no settings, not even empty ones.
    let has_settings = settings != v1::SessionSettings::default();
    let request_id = args.request_id;
    let request_id = request_id.unwrap_or_else(|| Uuid::now_v7().to_string());
    let request = v1::CreateSessionRequest {
        request_id: request_id.clone(),
        subject: args.subject,
        profile: args.profile,
        kms_key_id: args.kms_key_id,
        settings: has_settings.then_some(settings),
    };
    let response = args.target.client()?.create(request).await;
    let session = response.map(|response| describe_session(&response));
    print(&args.target, session, Some(&request_id))
}

fn describe_session(response: &ClientResponse<v1::CreateSessionResponse>) -> Value {
    let session = response.message.session.clone().unwrap_or_default();
    let time_to_live = session.time_to_live.unwrap_or_default();
    json!({
        "session_id": session.session_id,
        "region": session.region,
        "result_token": session.result_token,
        "create_time": session.create_time.map(|time| time.to_string()),
        "expire_time": session.expire_time.map(|time| time.to_string()),
        "time_to_live_seconds": time_to_live.seconds as f64 + f64::from(time_to_live.nanos) / 1e9,
        "replayed": session.replayed,
        "attempts": response.attempts,
        "queue_wait_ms": response.waited.as_millis() as u64,
    })
}

/// Read the result of a session.
#[derive(Clone, Debug, clap::Args)]
pub struct ResultArgs {
    #[command(flatten)]
    target: Target,
    /// Id of the session: a lower-case UUID
    #[arg(long, value_name = "UUID")]
    session_id: String,
    /// Token that CreateSession returned with the session
    #[arg(long, value_name = "TOKEN", default_value = "")]
    result_token: String,
    /// End user of the session, as in the call of CreateSession
    #[arg(long, value_name = "NAME", default_value = "")]
    subject: String,
}

/// Reads a result and prints it, without the images.
///
/// # Errors
/// If the endpoint is not a URL, or a file cannot be read or is not valid.
pub async fn result(args: ResultArgs) -> anyhow::Result<ExitCode> {
    let request = v1::GetSessionResultRequest {
        session_id: args.session_id,
        include_images: false,
        subject: args.subject,
        result_token: args.result_token,
    };
    let response = args.target.client()?.result(request).await;
    let result = response.map(|response| describe_result(&response.message));
    print(&args.target, result, None)
}

fn describe_result(result: &v1::GetSessionResultResponse) -> Value {
    let feedback = |item: &v1::Feedback| format!("{}: {}", item.code, item.message);
    let challenge = result.challenge.as_ref();
    json!({
        "session_id": result.session_id,
        "status": result.status().as_str_name(),
        "confidence": result.confidence,
        "challenge": challenge.map(|c| format!("{} {}", c.r#type().as_str_name(), c.version)),
        "feedback": result.feedback.iter().map(feedback).collect::<Vec<_>>(),
    })
}

/// Prints the result of a call, and its request id if it has one. Returns the number of its
/// gRPC code as the exit code.
fn print(
    target: &Target,
    result: Result<Value, ClientError>,
    request_id: Option<&str>,
) -> anyhow::Result<ExitCode> {
    let with_id = |mut value: Value| {
        if let Some(id) = request_id {
            value["request_id"] = id.into();
        }
        value
    };
    match (result.map(with_id), target.json) {
        (Ok(response), true) => print_out(format_args!("{response}"))?,
        (Ok(response), false) => print_lines(&response)?,
        (Err(error), json) => {
            if json {
                // The exit code reports the error, even if standard output is closed.
                let _ = print_out(format_args!("{}", with_id(describe_error(&error))));
            } else {
                print_error(&error);
                if let Some(id) = request_id {
                    print_err(format_args!("  to repeat this call: --request-id {id}"));
                }
            }
            return Ok(ExitCode::from(error.code as u8));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print_lines(response: &Value) -> anyhow::Result<()> {
    for (key, value) in response.as_object().into_iter().flatten() {
        match value.as_str() {
            Some(text) => print_out(format_args!("{key:<22}{text}"))?,
            None if value.is_null() => {}
            None => print_out(format_args!("{key:<22}{value}"))?,
        }
    }
    Ok(())
}

fn describe_error(error: &ClientError) -> Value {
    let violation =
        |one: &FieldViolation| json!({"field": one.field, "description": one.description});
    json!({
        "code": error.code_name(),
        "reason": error.reason,
        "message": error.message,
        "violations": error.violations.iter().map(violation).collect::<Vec<_>>(),
        "retry_after_ms": error.retry_after.map(|wait| wait.as_millis() as u64),
    })
}

fn print_error(error: &ClientError) {
    print_err(format_args!("{} {}", error.code_name(), error.reason));
    match error.violations.as_slice() {
        [] => print_err(format_args!("  {}", error.message)),
        violations => {
            for FieldViolation { field, description } in violations {
                print_err(format_args!("  {field}: {description}"));
            }
        }
    }
    if let Some(wait) = error.retry_after {
        print_err(format_args!(
            "  retry after {}",
            humantime::format_duration(wait)
        ));
    }
}
