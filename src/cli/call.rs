//! `livegate create` and `livegate result`: a client for people. The exit code is
//! the number of the gRPC code, so 8 is `RESOURCE_EXHAUSTED`.

use std::process::ExitCode;

use livegate_client::{ClientError, ClientResponse, FieldViolation, v1};
use serde_json::{Value, json};

use super::out::{complain, say};
use super::target::Target;

/// Ask a Livegate for a session.
#[derive(Clone, Debug, clap::Args)]
pub struct CreateArgs {
    #[command(flatten)]
    target: Target,
    /// A UUID that makes a repeat of this call safe; best a version 7
    #[arg(long, value_name = "UUID", default_value = "")]
    request_id: String,
    /// The end user whom the session is for: up to 128 characters
    #[arg(long, value_name = "NAME", default_value = "")]
    subject: String,
    /// Settings of the operators', in the place of those below
    #[arg(long, value_name = "NAME", default_value = "")]
    profile: String,
    /// The KMS key that encrypts the images in S3
    #[arg(long, value_name = "KEY", default_value = "")]
    kms_key_id: String,
    /// The bucket for the images; unset: they come back as bytes
    #[arg(long, value_name = "BUCKET")]
    s3_bucket: Option<String>,
    /// What the keys in the bucket begin with
    #[arg(
        long,
        value_name = "PREFIX",
        requires = "s3_bucket",
        default_value = ""
    )]
    s3_key_prefix: String,
    /// How many audit images to keep, 0 to 4
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 0,
        allow_negative_numbers = true
    )]
    audit_images_limit: i32,
}

/// Asks for a session and prints it.
///
/// # Errors
/// Where the endpoint is no URL, or a file is not what it should be.
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
    // Settings that say nothing would still stand beside a profile.
    let is_said = settings != v1::SessionSettings::default();
    let request = v1::CreateSessionRequest {
        request_id: args.request_id,
        subject: args.subject,
        profile: args.profile,
        kms_key_id: args.kms_key_id,
        settings: is_said.then_some(settings),
    };
    let answer = args.target.client()?.create(request).await;
    print(&args.target, answer.map(|answer| describe_session(&answer)))
}

fn describe_session(answer: &ClientResponse<v1::CreateSessionResponse>) -> Value {
    let session = answer.message.session.clone().unwrap_or_default();
    let left = session.time_to_live.unwrap_or_default();
    json!({
        "session_id": session.session_id,
        "region": session.region,
        "result_token": session.result_token,
        "create_time": session.create_time.map(|time| time.to_string()),
        "expire_time": session.expire_time.map(|time| time.to_string()),
        "time_to_live_seconds": left.seconds as f64 + f64::from(left.nanos) / 1e9,
        "replayed": session.replayed,
        "attempts": answer.attempts,
        "queue_wait_ms": answer.waited.as_millis() as u64,
    })
}

/// Ask a Livegate what came of a session.
#[derive(Clone, Debug, clap::Args)]
pub struct ResultArgs {
    #[command(flatten)]
    target: Target,
    /// The session: a lower-case UUID
    #[arg(long, value_name = "UUID")]
    session_id: String,
    /// What CreateSession gave with the session
    #[arg(long, value_name = "TOKEN", default_value = "")]
    result_token: String,
    /// The end user whom the session is for, as CreateSession was told
    #[arg(long, value_name = "NAME", default_value = "")]
    subject: String,
}

/// Asks for a result and prints it, without the images.
///
/// # Errors
/// Where the endpoint is no URL, or a file is not what it should be.
pub async fn result(args: ResultArgs) -> anyhow::Result<ExitCode> {
    let request = v1::GetSessionResultRequest {
        session_id: args.session_id,
        include_images: false,
        subject: args.subject,
        result_token: args.result_token,
    };
    let answer = args.target.client()?.result(request).await;
    print(
        &args.target,
        answer.map(|answer| describe_result(&answer.message)),
    )
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

/// Prints an answer or a failure; the exit code is the number of its gRPC code.
fn print(target: &Target, outcome: Result<Value, ClientError>) -> anyhow::Result<ExitCode> {
    match (outcome, target.json) {
        (Ok(answer), true) => say(format_args!("{answer}"))?,
        (Ok(answer), false) => print_lines(&answer)?,
        (Err(failure), json) => {
            if json {
                // The code tells of the failure, whether or not that is read.
                let _ = say(format_args!("{}", describe_failure(&failure)));
            } else {
                print_failure(&failure);
            }
            return Ok(ExitCode::from(failure.code as u8));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print_lines(answer: &Value) -> anyhow::Result<()> {
    for (key, value) in answer.as_object().into_iter().flatten() {
        match value.as_str() {
            Some(text) => say(format_args!("{key:<22}{text}"))?,
            None if value.is_null() => {}
            None => say(format_args!("{key:<22}{value}"))?,
        }
    }
    Ok(())
}

fn describe_failure(failure: &ClientError) -> Value {
    let violation =
        |one: &FieldViolation| json!({"field": one.field, "description": one.description});
    json!({
        "code": failure.code_name(),
        "reason": failure.reason,
        "message": failure.message,
        "violations": failure.violations.iter().map(violation).collect::<Vec<_>>(),
        "retry_after_ms": failure.retry_after.map(|wait| wait.as_millis() as u64),
    })
}

fn print_failure(failure: &ClientError) {
    complain(format_args!("{} {}", failure.code_name(), failure.reason));
    match failure.violations.as_slice() {
        [] => complain(format_args!("  {}", failure.message)),
        violations => {
            for FieldViolation { field, description } in violations {
                complain(format_args!("  {field}: {description}"));
            }
        }
    }
    if let Some(wait) = failure.retry_after {
        complain(format_args!(
            "  come back in {}",
            humantime::format_duration(wait)
        ));
    }
}
