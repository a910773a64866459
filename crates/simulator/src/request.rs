//! Parses request bodies in AWS JSON and validates them against the service model.
//!
//! A member of the wrong JSON type gives a `SerializationException`. Constraint
//! violations give one `InvalidParameterException` that lists all of them. As at AWS,
//! unknown members are ignored, and `null` means absent. The service model does not say
//! whether patterns are anchored; here they are.
//!
//! For example, `{"Settings": {"AuditImagesLimit": 5}}` fails with "1 validation error
//! detected: Value '5' at 'settings.auditImagesLimit' failed to satisfy constraint:
//! Member must have value less than or equal to 4".

mod constraint;
mod json;

use serde_json::Value;
use uuid::Uuid;

use self::constraint::{BUCKET, CHALLENGES, KEY_PREFIX, KMS_KEY, TOKEN, TextConstraint, VERSION};
pub(super) use self::constraint::{SESSION_ID, Violations};
use self::json::Structure;
use super::aws_error::AwsError;

/// The bounds of `AuditImagesLimit`.
const AUDIT_IMAGES: std::ops::RangeInclusive<i32> = 0..=4;

/// A valid `CreateFaceLivenessSession`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CreateRequest {
    pub(super) token: Option<String>,
    pub(super) parameters: Parameters,
}

/// The parameters that a replay with the same token must repeat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    pub(super) kms_key_id: Option<String>,
    pub(super) audit_images: usize,
    pub(super) output: Option<Output>,
    pub(super) preferences: Vec<Preference>,
}

/// The S3 destination of the images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Output {
    pub(super) bucket: String,
    pub(super) key_prefix: String,
}

/// A preferred challenge and its versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Preference {
    pub(super) challenge: String,
    pub(super) minimum: Option<String>,
    pub(super) maximum: Option<String>,
}

impl CreateRequest {
    /// Parses the body of a `CreateFaceLivenessSession`.
    pub(super) fn parse(body: &[u8]) -> Result<Self, AwsError> {
        let document = parse_json(body)?;
        let root = Structure::root(&document)?;
        let mut violations = Violations::default();
        let token = text(&root, "ClientRequestToken", &TOKEN, &mut violations)?;
        let kms_key_id = text(&root, "KmsKeyId", &KMS_KEY, &mut violations)?;
        let mut parameters = Parameters {
            kms_key_id,
            ..Parameters::default()
        };
        if let Some(settings) = root.structure("Settings")? {
            parse_settings(&settings, &mut parameters, &mut violations)?;
        }
        violations.into_result()?;
        Ok(Self { token, parameters })
    }
}

/// Parses the body of a `GetFaceLivenessSessionResults`.
pub(super) fn parse_session_id(body: &[u8]) -> Result<Uuid, AwsError> {
    let document = parse_json(body)?;
    let root = Structure::root(&document)?;
    let mut violations = Violations::default();
    let id = text(&root, "SessionId", &SESSION_ID, &mut violations)?;
    if id.is_none() {
        violations.required(&root.path("SessionId"));
    }
    violations.into_result()?;
    let id = id.and_then(|id| Uuid::try_parse(&id).ok());
    id.ok_or_else(|| AwsError::invalid_parameter("sessionId is not a UUID"))
}

fn parse_json(body: &[u8]) -> Result<Value, AwsError> {
    serde_json::from_slice(body)
        .map_err(|error| AwsError::new("SerializationException", format!("invalid JSON: {error}")))
}

fn text(
    parent: &Structure<'_>,
    name: &str,
    constraint: &TextConstraint,
    violations: &mut Violations,
) -> Result<Option<String>, AwsError> {
    let value = parent.text(name)?;
    if let Some(value) = value {
        violations.text(&parent.path(name), value, constraint);
    }
    Ok(value.map(str::to_owned))
}

fn parse_settings(
    settings: &Structure<'_>,
    parameters: &mut Parameters,
    violations: &mut Violations,
) -> Result<(), AwsError> {
    if let Some(output) = settings.structure("OutputConfig")? {
        parameters.output = Some(parse_output(&output, violations)?);
    }
    if let Some(limit) = settings.integer("AuditImagesLimit")? {
        violations.range(&settings.path("AuditImagesLimit"), limit, &AUDIT_IMAGES);
        parameters.audit_images = usize::try_from(limit).unwrap_or_default();
    }
    for preference in settings.structures("ChallengePreferences")? {
        parameters
            .preferences
            .push(parse_preference(&preference, violations)?);
    }
    Ok(())
}

fn parse_output(output: &Structure<'_>, violations: &mut Violations) -> Result<Output, AwsError> {
    let bucket = text(output, "S3Bucket", &BUCKET, violations)?;
    if bucket.is_none() {
        violations.required(&output.path("S3Bucket"));
    }
    let key_prefix = text(output, "S3KeyPrefix", &KEY_PREFIX, violations)?;
    let (bucket, key_prefix) = (bucket.unwrap_or_default(), key_prefix.unwrap_or_default());
    Ok(Output { bucket, key_prefix })
}

fn parse_preference(
    preference: &Structure<'_>,
    violations: &mut Violations,
) -> Result<Preference, AwsError> {
    let path = preference.path("Type");
    let challenge = preference.text("Type")?;
    match challenge {
        Some(challenge) => violations.one_of(&path, challenge, &CHALLENGES),
        None => violations.required(&path),
    }
    let challenge = challenge.unwrap_or_default().to_owned();
    let Some(versions) = preference.structure("Versions")? else {
        return Ok(Preference {
            challenge,
            minimum: None,
            maximum: None,
        });
    };
    let minimum = text(&versions, "Minimum", &VERSION, violations)?;
    let maximum = text(&versions, "Maximum", &VERSION, violations)?;
    Ok(Preference {
        challenge,
        minimum,
        maximum,
    })
}

#[cfg(test)]
mod tests;
