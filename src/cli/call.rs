//! `livegate create` and `livegate result`: a client for people. The exit code is the
//! number of the gRPC code: 8 is `RESOURCE_EXHAUSTED`.

mod output;

use std::process::ExitCode;

use livegate_client::{ClientResponse, v1};
use serde_json::{Value, json};
use uuid::Uuid;

use self::output::{Output, words};
use super::duration::{non_negative, seconds};
use super::target::Target;
use crate::model::{ChallengePreference, ChallengeType, Version};

/// Create a session.
#[derive(Clone, Debug, clap::Args)]
pub struct CreateArgs {
    #[command(flatten)]
    target: Target,
    /// UUID of an earlier call, to repeat it; without it, a new one is made and printed
    #[arg(long, value_name = "UUID")]
    request_id: Option<String>,
    /// End user of the session: up to 128 characters
    #[arg(long, value_name = "NAME")]
    subject: Option<String>,
    /// Settings that the operators named, instead of the options below
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// KMS key that encrypts the images in S3
    #[arg(long, value_name = "KEY")]
    kms_key_id: Option<String>,
    /// Bucket for the images; without it, the result has them as bytes
    #[arg(long, value_name = "BUCKET")]
    s3_bucket: Option<String>,
    /// Prefix of the keys in the bucket
    #[arg(long, value_name = "PREFIX", requires = "s3_bucket")]
    s3_key_prefix: Option<String>,
    /// Number of audit images to keep, 0 to 4
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 0,
        allow_negative_numbers = true
    )]
    audit_images_limit: i32,
    /// Challenge to offer, with its versions: FaceMovementChallenge@1.0.0..2.0.0 or
    /// FaceMovementAndLightChallenge; repeat it in the order of preference
    #[arg(long = "challenge", value_name = "NAME[@MIN..MAX]", value_parser = ChallengePreference::parse)]
    challenges: Vec<ChallengePreference>,
}

/// Creates a session and prints it, with the request id by which the call can be repeated.
///
/// # Errors
/// If a file cannot be read or is not valid.
pub async fn create(args: CreateArgs) -> anyhow::Result<ExitCode> {
    let request = args.request();
    let output = Output {
        target: &args.target,
        request_id: Some(request.request_id.clone()),
    };
    let response = args.target.client()?.create(request).await;
    output.print(response, describe_session).await
}

impl CreateArgs {
    fn request(&self) -> v1::CreateSessionRequest {
        let output_config = self.s3_bucket.clone().map(|s3_bucket| v1::OutputConfig {
            s3_bucket,
            s3_key_prefix: self.s3_key_prefix.clone().unwrap_or_default(),
        });
        let settings = v1::SessionSettings {
            output_config,
            audit_images_limit: self.audit_images_limit,
            challenge_preferences: self.challenges.iter().map(challenge_preference).collect(),
        };
        // A request with a profile must have no settings, not even empty ones.
        let has_settings = settings != v1::SessionSettings::default();
        let request_id = self.request_id.clone();
        v1::CreateSessionRequest {
            request_id: request_id.unwrap_or_else(|| Uuid::now_v7().to_string()),
            subject: self.subject.clone().unwrap_or_default(),
            profile: self.profile.clone().unwrap_or_default(),
            kms_key_id: self.kms_key_id.clone().unwrap_or_default(),
            settings: has_settings.then_some(settings),
        }
    }
}

fn challenge_preference(preference: &ChallengePreference) -> v1::ChallengePreference {
    let challenge = match preference.challenge {
        ChallengeType::FaceMovementAndLight => v1::ChallengeType::FaceMovementAndLightChallenge,
        ChallengeType::FaceMovement => v1::ChallengeType::FaceMovementChallenge,
    };
    let bound = |version: Option<Version>| version.map(|one| one.to_string()).unwrap_or_default();
    let versions = v1::ChallengeVersions {
        minimum: bound(preference.versions.minimum()),
        maximum: bound(preference.versions.maximum()),
    };
    v1::ChallengePreference {
        r#type: challenge.into(),
        versions: (versions != v1::ChallengeVersions::default()).then_some(versions),
    }
}

/// Returns the JSON object and the lines for people.
fn describe_session(
    response: &ClientResponse<v1::CreateSessionResponse>,
) -> (Value, Vec<(&'static str, String)>) {
    let session = response.message.session.clone().unwrap_or_default();
    let create_time = session.create_time.map(|time| time.to_string());
    let expire_time = session.expire_time.map(|time| time.to_string());
    let time_to_live = session.time_to_live.unwrap_or_default();
    let time_to_live = non_negative(time_to_live.seconds, time_to_live.nanos);
    let json = json!({
        "session_id": session.session_id,
        "region": session.region,
        "result_token": session.result_token,
        "create_time": create_time,
        "expire_time": expire_time,
        "time_to_live_seconds": time_to_live.as_secs_f64(),
        "replayed": session.replayed,
        "attempts": response.attempts,
        "queue_wait_ms": response.waited.as_millis() as u64,
    });
    let lines = vec![
        ("session_id", session.session_id),
        ("result_token", session.result_token),
        ("region", session.region),
        ("create_time", create_time.unwrap_or_default()),
        ("expire_time", expire_time.unwrap_or_default()),
        ("time_to_live", seconds(time_to_live)),
        ("replayed", session.replayed.to_string()),
        ("attempts", response.attempts.to_string()),
        ("queue_wait", seconds(response.waited)),
    ];
    (json, lines)
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
    #[arg(long, value_name = "TOKEN")]
    result_token: Option<String>,
    /// End user of the session, as in the call of CreateSession
    #[arg(long, value_name = "NAME")]
    subject: Option<String>,
    /// Confidence from which the check passes, 0 to 100
    #[arg(long, value_name = "PERCENT")]
    minimum_confidence: Option<f32>,
    /// Print each state until the check has finished or the session has expired
    #[arg(long)]
    watch: bool,
}

/// Reads a result and prints it, without the images.
///
/// # Errors
/// If a file cannot be read or is not valid.
pub async fn result(args: ResultArgs) -> anyhow::Result<ExitCode> {
    if args.watch {
        return watch(args).await;
    }
    let request = v1::GetSessionResultRequest {
        session_id: args.session_id,
        include_images: false,
        subject: args.subject.unwrap_or_default(),
        result_token: args.result_token.unwrap_or_default(),
        minimum_confidence: args.minimum_confidence,
    };
    let output = Output {
        target: &args.target,
        request_id: None,
    };
    let response = args.target.client()?.result(request).await;
    output
        .print(response, |response| describe_result(&response.message))
        .await
}

/// Prints each state of a session up to its final result.
async fn watch(args: ResultArgs) -> anyhow::Result<ExitCode> {
    let request = v1::WatchSessionRequest {
        session_id: args.session_id,
        include_images: false,
        subject: args.subject.unwrap_or_default(),
        result_token: args.result_token.unwrap_or_default(),
        minimum_confidence: args.minimum_confidence,
    };
    let output = Output {
        target: &args.target,
        request_id: None,
    };
    let mut states = match args.target.client()?.watch(request).await {
        Ok(states) => states,
        Err(error) => return output.print(Err(error), describe_result).await,
    };
    loop {
        let state = match states.next().await {
            Ok(None) => return Ok(ExitCode::SUCCESS),
            Ok(Some(state)) => Ok(state),
            Err(error) => Err(error),
        };
        let is_error = state.is_err();
        let code = output.print(state, describe_result).await?;
        if is_error {
            return Ok(code);
        }
    }
}

fn describe_result(result: &v1::GetSessionResultResponse) -> (Value, Vec<(&'static str, String)>) {
    let feedback = result.feedback.iter();
    let feedback = feedback.map(|item| format!("{}: {}", item.code, item.message));
    let feedback: Vec<String> = feedback.collect();
    let challenge = result.challenge.as_ref();
    let challenge = challenge.map(|one| (one.r#type().as_str_name(), one.version.as_str()));
    let status = result.status().as_str_name();
    let json = json!({
        "session_id": result.session_id,
        "status": status,
        "confidence": result.confidence,
        "verdict": result.verdict().as_str_name(),
        "verdict_reason": result.verdict_reason,
        "challenge": challenge.map(|(name, version)| format!("{name} {version}")),
        "feedback": feedback,
    });
    let challenge = challenge.map(|(name, version)| format!("{} {version}", words(name)));
    let confidence = result
        .confidence
        .map(|confidence| format!("{confidence:.1}"));
    let is_judged = result.verdict() != v1::Verdict::Unspecified;
    let verdict = is_judged.then(|| words(result.verdict().as_str_name()));
    let mut lines = vec![
        ("session_id", result.session_id.clone()),
        ("status", words(status)),
        ("confidence", confidence.unwrap_or_default()),
        ("verdict", verdict.unwrap_or_default()),
        (
            "verdict_reason",
            result.verdict_reason.replace('_', " ").to_lowercase(),
        ),
        ("challenge", challenge.unwrap_or_default()),
    ];
    lines.extend(feedback.into_iter().map(|text| ("feedback", text)));
    (json, lines)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        args: CreateArgs,
    }

    #[test]
    fn the_arguments_set_every_field_of_the_request() {
        let arguments = [
            "create",
            "--request-id=r",
            "--subject=s",
            "--profile=p",
            "--kms-key-id=k",
            "--s3-bucket=b",
            "--s3-key-prefix=live/",
            "--audit-images-limit=2",
            "--challenge=FaceMovementChallenge@1.0.0..",
            "--challenge=FaceMovementAndLightChallenge",
        ];
        let command = Command::try_parse_from(arguments).expect("known arguments");
        let preference = |challenge: v1::ChallengeType, versions| v1::ChallengePreference {
            r#type: challenge.into(),
            versions,
        };
        let versions = v1::ChallengeVersions {
            minimum: "1.0.0".to_owned(),
            maximum: String::new(),
        };
        let settings = v1::SessionSettings {
            output_config: Some(v1::OutputConfig {
                s3_bucket: "b".to_owned(),
                s3_key_prefix: "live/".to_owned(),
            }),
            audit_images_limit: 2,
            challenge_preferences: vec![
                preference(v1::ChallengeType::FaceMovementChallenge, Some(versions)),
                preference(v1::ChallengeType::FaceMovementAndLightChallenge, None),
            ],
        };
        let expected = v1::CreateSessionRequest {
            request_id: "r".to_owned(),
            kms_key_id: "k".to_owned(),
            settings: Some(settings),
            subject: "s".to_owned(),
            profile: "p".to_owned(),
        };
        assert_eq!(command.args.request(), expected);
    }
}
