//! A session's result as AWS writes it. The image is 8 by 8 pixels of grey.

use serde_json::{Value, json};

use super::Session;
use super::outcome::Status;
use crate::request::{Output, Parameters, Preference};

/// A valid JPEG, in base64 as the wire has it.
const IMAGE: &str = "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9V\
    XVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8ybqmx5moq6T/wAALCAAIAAgBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAABP/E\
    ABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8Ae//Z";

/// The answer of GetFaceLivenessSessionResults.
pub(super) fn document(session: &Session, status: Status) -> Value {
    let mut document = json!({"SessionId": session.id.to_string(), "Status": status.aws_name()});
    if matches!(
        status,
        Status::InProgress | Status::Succeeded { .. } | Status::Failed
    ) {
        document["Challenge"] = challenge(&session.parameters);
        document["Metadata"] = json!({"SDKType": "Livegate simulator"});
    }
    if status == Status::Failed {
        document["Feedback"] = json!([{
            "Code": "FACE_NOT_ALIGNED",
            "Message": "The face left the oval before the check was over.",
        }]);
    }
    if let Status::Succeeded { confidence } = status {
        let audit = (0..session.parameters.audit_images).map(|n| audit_image(session, n));
        document["Confidence"] = json!(confidence);
        document["ReferenceImage"] = image(session, "reference.jpg", [0.43, 0.61, 0.28, 0.17]);
        document["AuditImages"] = audit.collect();
    }
    document
}

/// The caller's first preference, or what AWS takes where there is none, in a
/// version within the caller's bounds.
fn challenge(parameters: &Parameters) -> Value {
    let Some(preference) = parameters.preferences.first() else {
        return json!({"Type": "FaceMovementAndLightChallenge", "Version": "2.0.0"});
    };
    json!({"Type": preference.challenge, "Version": version(preference)})
}

fn version(preference: &Preference) -> &str {
    let light = preference.challenge == "FaceMovementAndLightChallenge";
    let mut version = if light { "2.0.0" } else { "1.0.0" };
    for (bound, outside) in [
        (&preference.minimum, std::cmp::Ordering::Less),
        (&preference.maximum, std::cmp::Ordering::Greater),
    ] {
        if let Some(bound) = bound
            && numbers(version).cmp(numbers(bound)) == outside
        {
            version = bound;
        }
    }
    version
}

fn numbers(version: &str) -> impl Iterator<Item = u16> {
    version.split('.').filter_map(|part| part.parse().ok())
}

/// Every second audit image shows a face that reaches out of the picture.
fn audit_image(session: &Session, number: usize) -> Value {
    let within = [0.31, 0.44, 0.33, 0.25];
    let outside = [0.87, 1.0625, 0.4375, -0.125];
    let name = format!("audit-{number}.jpg");
    image(
        session,
        &name,
        if number.is_multiple_of(2) {
            outside
        } else {
            within
        },
    )
}

fn image(session: &Session, name: &str, [width, height, left, top]: [f64; 4]) -> Value {
    let frame = json!({"Width": width, "Height": height, "Left": left, "Top": top});
    match &session.parameters.output {
        None => json!({"Bytes": IMAGE, "BoundingBox": frame}),
        Some(output) => {
            json!({"S3Object": s3_object(output, session, name), "BoundingBox": frame})
        }
    }
}

fn s3_object(output: &Output, session: &Session, name: &str) -> Value {
    let prefix = output.key_prefix.trim_end_matches('/');
    let slash = if prefix.is_empty() { "" } else { "/" };
    json!({"Bucket": output.bucket, "Name": format!("{prefix}{slash}{}/{name}", session.id)})
}
