//! What a client asks for, read from AWS JSON as strictly as the service model
//! says: members of the wrong JSON type are a `SerializationException`; broken
//! constraints, all of them in one message, an `InvalidParameterException`.
//!
//! Unknown members are ignored and `null` is absent, as AWS does it. The
//! patterns are anchored, which the model leaves open.
//!
//! An example: `{"ClientRequestToken": "", "Settings": {"AuditImagesLimit": 5}}`
//! is refused with "2 validation errors detected: Value '' at
//! 'clientRequestToken' failed to satisfy constraint: Member must have length
//! greater than or equal to 1; Value '5' at 'settings.auditImagesLimit' ...".

mod constraint;
mod json;

use serde_json::Value;
use uuid::Uuid;

use self::constraint::{
    BUCKET, CHALLENGES, CheckedText, KEY_PREFIX, KMS_KEY, SESSION_ID, TOKEN, VERSION, Violations,
};
use self::json::Structure;
use super::refusal::Refusal;

/// The bounds of `AuditImagesLimit`.
const AUDIT_IMAGES: std::ops::RangeInclusive<i32> = 0..=4;

/// A valid `CreateFaceLivenessSession`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CreateRequest {
    pub(super) token: Option<String>,
    pub(super) parameters: Parameters,
}

/// What makes two creates the same but for the token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    pub(super) kms_key_id: Option<String>,
    pub(super) audit_images: usize,
    pub(super) output: Option<Output>,
    pub(super) preferences: Vec<Preference>,
}

/// Where the images go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Output {
    pub(super) bucket: String,
    pub(super) key_prefix: String,
}

/// A challenge that the caller would like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Preference {
    pub(super) challenge: String,
    pub(super) minimum: Option<String>,
    pub(super) maximum: Option<String>,
}

impl CreateRequest {
    /// Reads the body of a create.
    pub(super) fn read(body: &[u8]) -> Result<Self, Refusal> {
        let document = document(body)?;
        let root = Structure::root(&document)?;
        let mut broken = Violations::default();
        let token = text(&root, "ClientRequestToken", &TOKEN, &mut broken)?;
        let kms_key_id = text(&root, "KmsKeyId", &KMS_KEY, &mut broken)?;
        let mut parameters = Parameters {
            kms_key_id,
            ..Parameters::default()
        };
        if let Some(settings) = root.structure("Settings")? {
            read_settings(&settings, &mut parameters, &mut broken)?;
        }
        broken.none()?;
        Ok(Self { token, parameters })
    }
}

/// Reads the body of a `GetFaceLivenessSessionResults`.
pub(super) fn read_session_id(body: &[u8]) -> Result<Uuid, Refusal> {
    let document = document(body)?;
    let root = Structure::root(&document)?;
    let mut broken = Violations::default();
    let id = text(&root, "SessionId", &SESSION_ID, &mut broken)?;
    if id.is_none() {
        broken.required(&root.path("SessionId"));
    }
    broken.none()?;
    let id = id.and_then(|id| Uuid::try_parse(&id).ok());
    id.ok_or_else(|| Refusal::invalid_parameter("sessionId is no UUID"))
}

fn document(body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body)
        .map_err(|error| Refusal::new("SerializationException", format!("not JSON: {error}")))
}

fn text(
    parent: &Structure<'_>,
    name: &str,
    rule: &CheckedText,
    broken: &mut Violations,
) -> Result<Option<String>, Refusal> {
    let found = parent.text(name)?;
    if let Some(value) = found {
        broken.text(&parent.path(name), value, rule);
    }
    Ok(found.map(str::to_owned))
}

fn read_settings(
    settings: &Structure<'_>,
    parameters: &mut Parameters,
    broken: &mut Violations,
) -> Result<(), Refusal> {
    if let Some(output) = settings.structure("OutputConfig")? {
        parameters.output = Some(read_output(&output, broken)?);
    }
    if let Some(limit) = settings.integer("AuditImagesLimit")? {
        broken.range(&settings.path("AuditImagesLimit"), limit, &AUDIT_IMAGES);
        parameters.audit_images = usize::try_from(limit).unwrap_or_default();
    }
    for preference in settings.structures("ChallengePreferences")? {
        parameters
            .preferences
            .push(read_preference(&preference, broken)?);
    }
    Ok(())
}

fn read_output(output: &Structure<'_>, broken: &mut Violations) -> Result<Output, Refusal> {
    let bucket = text(output, "S3Bucket", &BUCKET, broken)?;
    if bucket.is_none() {
        broken.required(&output.path("S3Bucket"));
    }
    let key_prefix = text(output, "S3KeyPrefix", &KEY_PREFIX, broken)?;
    let (bucket, key_prefix) = (bucket.unwrap_or_default(), key_prefix.unwrap_or_default());
    Ok(Output { bucket, key_prefix })
}

fn read_preference(
    preference: &Structure<'_>,
    broken: &mut Violations,
) -> Result<Preference, Refusal> {
    let path = preference.path("Type");
    let challenge = preference.text("Type")?;
    match challenge {
        Some(challenge) => broken.one_of(&path, challenge, &CHALLENGES),
        None => broken.required(&path),
    }
    let challenge = challenge.unwrap_or_default().to_owned();
    let Some(versions) = preference.structure("Versions")? else {
        return Ok(Preference {
            challenge,
            minimum: None,
            maximum: None,
        });
    };
    let minimum = text(&versions, "Minimum", &VERSION, broken)?;
    let maximum = text(&versions, "Maximum", &VERSION, broken)?;
    Ok(Preference {
        challenge,
        minimum,
        maximum,
    })
}

#[cfg(test)]
mod tests;
