//! Validates requests: converts a protobuf request to the domain's, or returns all its
//! violations at once.
//!
//! The bounds are those of the domain's types, which cannot hold an invalid value. This
//! module adds the path of the field and the value, truncated.

use tonic_types::FieldViolation;

use super::call::Call;
use super::v1;
use crate::model::{
    AuditImagesLimit, ChallengePreference, ChallengeType, ChallengeVersions, KmsKeyId,
    MinimumConfidence, OutputConfig, ProfileName, RequestId, RequestedSettings, S3Bucket,
    S3KeyPrefix, SessionId, SessionSettings, Subject, Version,
};
use crate::result_token::ResultToken;
use crate::session::{
    CreateRequest, ImageBytes, RequestIdRequirement, ResultRequest, TokenRequirement,
};

/// The most challenge preferences: AWS has two challenges.
const MAX_CHALLENGES: usize = 2;

/// How much of an invalid value a violation shows, in characters.
const MAX_SHOWN: usize = 40;

/// The violations found so far.
#[derive(Default)]
struct Violations(Vec<FieldViolation>);

impl Violations {
    fn add(&mut self, field: &str, problem: impl Into<String>) {
        self.0.push(FieldViolation::new(field, problem));
    }

    /// Returns a valid value, or adds a violation.
    fn check<T, E: ToString>(
        &mut self,
        field: &str,
        value: &str,
        parsed: Result<T, E>,
    ) -> Option<T> {
        parsed
            .map_err(|error| self.add(field, format!("{}, not {}", error.to_string(), show(value))))
            .ok()
    }

    /// Like [`check`](Self::check), for a field whose empty value means unset.
    fn optional<T, E: ToString>(
        &mut self,
        field: &str,
        value: &str,
        parse: fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        if value.is_empty() {
            None
        } else {
            self.check(field, value, parse(value))
        }
    }

    /// Like [`optional`](Self::optional), for a value that no message may repeat.
    fn secret<T, E: ToString>(
        &mut self,
        field: &str,
        value: &str,
        parse: fn(&str) -> Result<T, E>,
    ) -> Option<T> {
        if value.is_empty() {
            return None;
        }
        parse(value)
            .map_err(|error| self.add(field, error.to_string()))
            .ok()
    }
}

/// Returns a value in ASCII and truncated, because details are sent as headers.
fn show(value: &str) -> String {
    let shown: String = value.chars().take(MAX_SHOWN).collect();
    let shown = shown.escape_default();
    match value.chars().count() {
        length if length > MAX_SHOWN => format!("\"{shown}...\" ({length} characters)"),
        _ => format!("\"{shown}\""),
    }
}

/// Validates a `CreateSessionRequest` of `call`. `id_requirement` says whether it must have
/// a request id.
pub(super) fn create(
    request: &v1::CreateSessionRequest,
    id_requirement: RequestIdRequirement,
    call: &Call,
) -> Result<CreateRequest, Vec<FieldViolation>> {
    let mut violations = Violations::default();
    let request_id = violations.secret("request_id", &request.request_id, RequestId::parse);
    if request.request_id.is_empty() && id_requirement == RequestIdRequirement::Required {
        violations.add("request_id", "must be set to a new UUID for each session");
    }
    let subject = violations.secret("subject", &request.subject, Subject::parse);
    let wanted = requested_settings(&mut violations, request);
    if !violations.0.is_empty() {
        return Err(violations.0);
    }
    Ok(CreateRequest {
        caller: call.caller.clone(),
        subject,
        request_id,
        requested: wanted,
        permissions: call.permissions.clone(),
        deadline: call.deadline,
    })
}

/// Returns the profile, or the explicit settings; both together are a violation.
fn requested_settings(
    violations: &mut Violations,
    request: &v1::CreateSessionRequest,
) -> RequestedSettings {
    let kms_key_id = violations.optional("kms_key_id", &request.kms_key_id, KmsKeyId::parse);
    let settings = match &request.settings {
        Some(settings) => session_settings(violations, settings),
        None => SessionSettings::default(),
    };
    if !request.profile.is_empty() {
        let explicit = [
            ("kms_key_id", !request.kms_key_id.is_empty()),
            ("settings", request.settings.is_some()),
        ];
        for (field, _) in explicit.iter().filter(|(_, is_set)| *is_set) {
            violations.add(field, "must be unset when profile is set");
        }
    }
    match violations.optional("profile", &request.profile, ProfileName::parse) {
        Some(profile) => RequestedSettings::Profile(profile),
        None => RequestedSettings::Settings(SessionSettings {
            kms_key_id,
            ..settings
        }),
    }
}

fn session_settings(
    violations: &mut Violations,
    settings: &v1::SessionSettings,
) -> SessionSettings {
    let limit = settings.audit_images_limit;
    let audit_images_limit = violations.check(
        "settings.audit_images_limit",
        &limit.to_string(),
        AuditImagesLimit::new(limit),
    );
    let output = settings
        .output_config
        .as_ref()
        .and_then(|output| output_config(violations, output));
    let sent = settings.challenge_preferences.len();
    if sent > MAX_CHALLENGES {
        let problem = format!("must be at most {MAX_CHALLENGES}, not {sent}");
        violations.add("settings.challenge_preferences", problem);
    }
    let preferences = settings.challenge_preferences.iter().take(MAX_CHALLENGES);
    let preferences = preferences.enumerate();
    let challenges = preferences
        .filter_map(|(index, preference)| challenge(violations, index, preference))
        .collect();
    SessionSettings {
        output,
        audit_images_limit: audit_images_limit.unwrap_or_default(),
        challenges,
        kms_key_id: None,
    }
}

fn output_config(violations: &mut Violations, output: &v1::OutputConfig) -> Option<OutputConfig> {
    let field = "settings.output_config.s3_key_prefix";
    let key_prefix = violations.optional(field, &output.s3_key_prefix, S3KeyPrefix::parse);
    let bucket = S3Bucket::parse(&output.s3_bucket);
    let bucket = violations.check(
        "settings.output_config.s3_bucket",
        &output.s3_bucket,
        bucket,
    )?;
    Some(OutputConfig { bucket, key_prefix })
}

fn challenge(
    violations: &mut Violations,
    index: usize,
    preference: &v1::ChallengePreference,
) -> Option<ChallengePreference> {
    let path = format!("settings.challenge_preferences[{index}]");
    let versions = match &preference.versions {
        Some(versions) => challenge_versions(violations, &path, versions),
        None => ChallengeVersions::default(),
    };
    let challenge = match v1::ChallengeType::try_from(preference.r#type) {
        Ok(v1::ChallengeType::FaceMovementAndLightChallenge) => ChallengeType::FaceMovementAndLight,
        Ok(v1::ChallengeType::FaceMovementChallenge) => ChallengeType::FaceMovement,
        Ok(v1::ChallengeType::Unspecified) => {
            violations.add(&format!("{path}.type"), "must be set");
            return None;
        }
        Err(_) => {
            let problem = format!("must be a known challenge type, not {}", preference.r#type);
            violations.add(&format!("{path}.type"), problem);
            return None;
        }
    };
    Some(ChallengePreference {
        challenge,
        versions,
    })
}

fn challenge_versions(
    violations: &mut Violations,
    path: &str,
    versions: &v1::ChallengeVersions,
) -> ChallengeVersions {
    let v1::ChallengeVersions { minimum, maximum } = versions;
    let low = violations.optional(&format!("{path}.versions.minimum"), minimum, Version::parse);
    let high = violations.optional(&format!("{path}.versions.maximum"), maximum, Version::parse);
    let range = ChallengeVersions::new(low, high);
    let shown = format!("{minimum}..{maximum}");
    violations
        .check(&format!("{path}.versions"), &shown, range)
        .unwrap_or_default()
}

/// Validates a `GetSessionResultRequest` of `call`. `token_requirement` says whether it
/// must have a result token.
pub(super) fn result(
    request: &v1::GetSessionResultRequest,
    token_requirement: TokenRequirement,
    call: &Call,
) -> Result<ResultRequest, Vec<FieldViolation>> {
    let mut violations = Violations::default();
    let session = SessionId::parse(&request.session_id)
        .map_err(|_| violations.add("session_id", "must be a lower-case UUID of 36 characters"));
    let subject = violations.secret("subject", &request.subject, Subject::parse);
    let token = match request.result_token.as_str() {
        "" => None,
        token => Some(ResultToken::presented(token)),
    };
    if token.is_none() && token_requirement == TokenRequirement::Required {
        let problem = "must be set to the session's result_token, as returned by CreateSession";
        violations.add("result_token", problem);
    }
    let minimum = request.minimum_confidence.and_then(|percent| {
        let minimum = MinimumConfidence::new(percent);
        violations.check("minimum_confidence", &percent.to_string(), minimum)
    });
    let image_bytes = if request.include_images {
        ImageBytes::Included
    } else {
        ImageBytes::Omitted
    };
    match session {
        Ok(session) if violations.0.is_empty() => Ok(ResultRequest {
            caller: call.caller.clone(),
            subject,
            session,
            token,
            image_bytes,
            minimum_confidence: minimum,
            deadline: call.deadline,
            permissions: call.permissions.clone(),
        }),
        _ => Err(violations.0),
    }
}
