//! The result of a session in the form of AWS. All images are 8 by 8 gray pixels.

use serde_json::{Value, json};

use super::Session;
use super::status::Status;
use crate::request::{Output, Preference};

/// A valid JPEG, in base64.
const IMAGE: &str = "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9V\
    XVtqeJmBanGQc1tdhbWGkJ6jq62rZ4C8ybqmx5moq6T/wAALCAAIAAgBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAABP/E\
    ABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8Ae//Z";

/// Returns the response body of `GetFaceLivenessSessionResults`.
pub(super) fn document(session: &Session, status: Status) -> Value {
    let mut document = json!({"SessionId": session.id.to_string(), "Status": status.aws_name()});
    if matches!(
        status,
        Status::InProgress | Status::Succeeded { .. } | Status::Failed
    ) {
        document["Challenge"] = challenge(session);
        document["Metadata"] = json!({"SDKType": "Livegate simulator"});
    }
    if status == Status::Failed {
        document["Feedback"] = json!([{
            "Code": "FACE_NOT_ALIGNED",
            "Message": "The face left the oval before the end of the check.",
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

/// Returns the challenge that was played, or the first preferred one in a version within
/// its bounds, or the default challenge of AWS.
fn challenge(session: &Session) -> Value {
    if let Some(challenge) = session.check.challenge() {
        return challenge.summary();
    }
    let Some(preference) = session.parameters.preferences.first() else {
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

/// Every second audit image has a bounding box that exceeds the image.
fn audit_image(session: &Session, number: usize) -> Value {
    let inside = [0.31, 0.44, 0.33, 0.25];
    let outside = [0.87, 1.0625, 0.4375, -0.125];
    let name = format!("audit-{number}.jpg");
    image(
        session,
        &name,
        if number.is_multiple_of(2) {
            outside
        } else {
            inside
        },
    )
}

fn image(session: &Session, name: &str, [width, height, left, top]: [f64; 4]) -> Value {
    let bounding_box = json!({"Width": width, "Height": height, "Left": left, "Top": top});
    match &session.parameters.output {
        None => json!({"Bytes": IMAGE, "BoundingBox": bounding_box}),
        Some(output) => {
            json!({"S3Object": s3_object(output, session, name), "BoundingBox": bounding_box})
        }
    }
}

fn s3_object(output: &Output, session: &Session, name: &str) -> Value {
    let prefix = output.key_prefix.trim_end_matches('/');
    let slash = if prefix.is_empty() { "" } else { "/" };
    json!({"Bucket": output.bucket, "Name": format!("{prefix}{slash}{}/{name}", session.id)})
}
