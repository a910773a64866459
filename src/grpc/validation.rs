//! From the wire's request to the domain's, or to all that is wrong with it.
//!
//! The bounds are the domain's own: a word there is right by construction. Here
//! they get the path of the field, and the value, cut short.

use tonic_types::FieldViolation;

use super::call::Call;
use super::v1;
use crate::model::{
    AuditImagesLimit, ChallengePreference, ChallengeType, ChallengeVersions, KmsKeyId,
    OutputConfig, ProfileName, RequestId, RequestedSettings, S3Bucket, S3KeyPrefix, SessionId,
    SessionSettings, Subject, Version,
};
use crate::result_token::ResultToken;
use crate::session::{CreateRequest, Progress, ResultRequest, TokenRequirement};

/// How much of a wrong value is shown, in characters.
const SHOWN: usize = 40;

/// Everything that is wrong so far.
#[derive(Default)]
struct Violations(Vec<FieldViolation>);

impl Violations {
    fn add(&mut self, field: &str, problem: impl Into<String>) {
        self.0.push(FieldViolation::new(field, problem));
    }

    /// Keeps what is right, notes what is wrong.
    fn check<T, E: ToString>(&mut self, field: &str, value: &str, read: Result<T, E>) -> Option<T> {
        read.map_err(|error| self.add(field, format!("{}, not {}", error.to_string(), show(value))))
            .ok()
    }

    /// As [`check`](Self::check), for a field whose empty value means unset.
    fn optional<T, E: ToString>(
        &mut self,
        field: &str,
        value: &str,
        read: fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        if value.is_empty() {
            None
        } else {
            self.check(field, value, read(value))
        }
    }

    /// As [`optional`](Self::optional), for a value that is nobody's to see.
    fn hidden<T, E: ToString>(
        &mut self,
        field: &str,
        value: &str,
        read: fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        if value.is_empty() {
            return None;
        }
        read(value)
            .map_err(|error| self.add(field, error.to_string()))
            .ok()
    }
}

/// A value in ASCII, cut short: it leaves as a header.
fn show(value: &str) -> String {
    let shown: String = value.chars().take(SHOWN).collect();
    let shown = shown.escape_default();
    match value.chars().count() {
        length if length > SHOWN => format!("\"{shown}...\" ({length} characters)"),
        _ => format!("\"{shown}\""),
    }
}

/// What a `CreateSessionRequest` of `call` asks for; `witness` is told what comes of
/// it.
pub(super) fn create(
    request: &v1::CreateSessionRequest,
    call: &Call,
    witness: Progress,
) -> Result<CreateRequest, Vec<FieldViolation>> {
    let mut wrong = Violations::default();
    let request_id = wrong.hidden("request_id", &request.request_id, RequestId::parse);
    let subject = wrong.hidden("subject", &request.subject, Subject::parse);
    let wanted = wanted(&mut wrong, request);
    if !wrong.0.is_empty() {
        return Err(wrong.0);
    }
    Ok(CreateRequest {
        caller: call.caller.clone(),
        subject,
        request_id,
        requested: wanted,
        deadline: call.deadline,
        progress: witness,
    })
}

/// A profile, or what stands in its place: not both.
fn wanted(wrong: &mut Violations, request: &v1::CreateSessionRequest) -> RequestedSettings {
    let kms_key_id = wrong.optional("kms_key_id", &request.kms_key_id, KmsKeyId::parse);
    let settings = match &request.settings {
        Some(settings) => session_settings(wrong, settings),
        None => SessionSettings::default(),
    };
    if !request.profile.is_empty() {
        let beside = [
            ("kms_key_id", !request.kms_key_id.is_empty()),
            ("settings", request.settings.is_some()),
        ];
        for (field, _) in beside.iter().filter(|(_, is_set)| *is_set) {
            wrong.add(
                field,
                "must be unset where a profile is named, which has its own",
            );
        }
    }
    match wrong.optional("profile", &request.profile, ProfileName::parse) {
        Some(profile) => RequestedSettings::Profile(profile),
        None => RequestedSettings::Settings(SessionSettings {
            kms_key_id,
            ..settings
        }),
    }
}

fn session_settings(wrong: &mut Violations, settings: &v1::SessionSettings) -> SessionSettings {
    let limit = settings.audit_images_limit;
    let audit_images_limit = wrong.check(
        "settings.audit_images_limit",
        &limit.to_string(),
        AuditImagesLimit::new(limit),
    );
    let output = settings
        .output_config
        .as_ref()
        .and_then(|output| output_config(wrong, output));
    let preferences = settings.challenge_preferences.iter().enumerate();
    let challenges = preferences
        .filter_map(|(at, wanted)| preference(wrong, at, wanted))
        .collect();
    SessionSettings {
        output,
        audit_images_limit: audit_images_limit.unwrap_or_default(),
        challenges,
        kms_key_id: None,
    }
}

fn output_config(wrong: &mut Violations, output: &v1::OutputConfig) -> Option<OutputConfig> {
    let field = "settings.output_config.s3_key_prefix";
    let key_prefix = wrong.optional(field, &output.s3_key_prefix, S3KeyPrefix::parse);
    let bucket = S3Bucket::parse(&output.s3_bucket);
    let bucket = wrong.check(
        "settings.output_config.s3_bucket",
        &output.s3_bucket,
        bucket,
    )?;
    Some(OutputConfig { bucket, key_prefix })
}

fn preference(
    wrong: &mut Violations,
    at: usize,
    wanted: &v1::ChallengePreference,
) -> Option<ChallengePreference> {
    let path = format!("settings.challenge_preferences[{at}]");
    let versions = match &wanted.versions {
        Some(versions) => challenge_versions(wrong, &path, versions),
        None => ChallengeVersions::default(),
    };
    let challenge = match v1::ChallengeType::try_from(wanted.r#type) {
        Ok(v1::ChallengeType::FaceMovementAndLightChallenge) => ChallengeType::FaceMovementAndLight,
        Ok(v1::ChallengeType::FaceMovementChallenge) => ChallengeType::FaceMovement,
        Ok(v1::ChallengeType::Unspecified) => {
            wrong.add(&format!("{path}.type"), "must be set");
            return None;
        }
        Err(_) => {
            let problem = format!("must be a known challenge type, not {}", wanted.r#type);
            wrong.add(&format!("{path}.type"), problem);
            return None;
        }
    };
    Some(ChallengePreference {
        challenge,
        versions,
    })
}

fn challenge_versions(
    wrong: &mut Violations,
    path: &str,
    versions: &v1::ChallengeVersions,
) -> ChallengeVersions {
    let v1::ChallengeVersions { minimum, maximum } = versions;
    let low = wrong.optional(&format!("{path}.versions.minimum"), minimum, Version::parse);
    let high = wrong.optional(&format!("{path}.versions.maximum"), maximum, Version::parse);
    let range = ChallengeVersions::new(low, high);
    let shown = format!("{minimum}..{maximum}");
    wrong
        .check(&format!("{path}.versions"), &shown, range)
        .unwrap_or_default()
}

/// Which result a `GetSessionResultRequest` of `call` asks for, where `proof` must
/// be shown; `witness` is told what comes of it.
pub(super) fn result(
    request: &v1::GetSessionResultRequest,
    proof: TokenRequirement,
    call: &Call,
    witness: Progress,
) -> Result<ResultRequest, Vec<FieldViolation>> {
    let mut wrong = Violations::default();
    let session = SessionId::parse(&request.session_id)
        .map_err(|_| wrong.add("session_id", "must be a lower-case UUID of 36 characters"));
    let subject = wrong.hidden("subject", &request.subject, Subject::parse);
    let token = match request.result_token.as_str() {
        "" => None,
        token => Some(ResultToken::presented(token)),
    };
    if token.is_none() && proof == TokenRequirement::Required {
        let problem = "must be set: to the session's result_token, as CreateSession gave it";
        wrong.add("result_token", problem);
    }
    match session {
        Ok(session) if wrong.0.is_empty() => Ok(ResultRequest {
            caller: call.caller.clone(),
            subject,
            session,
            token,
            deadline: call.deadline,
            progress: witness,
        }),
        _ => Err(wrong.0),
    }
}
