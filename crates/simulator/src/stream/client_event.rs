//! The events of a client, and the shapes of their documents. Unknown members are ignored.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::challenge::ChallengeKind;
use crate::aws_error::AwsError;
use crate::event_stream::EventMessage;

/// An event of a client.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ClientEvent {
    /// A piece of video, with its length in bytes.
    Video(usize),
    /// The video began, and a face was found.
    InitialFace(ChallengeKind),
    /// A color of the light challenge was displayed.
    Color(ChallengeKind, u64),
    /// The face was in the oval, and the video ended.
    TargetFace(ChallengeKind),
}

impl ClientEvent {
    /// Parses an event from the message inside a signed one.
    pub(crate) fn parse(message: &EventMessage<'_>) -> Result<Self, AwsError> {
        for (name, expected) in [
            (":message-type", "event"),
            (":content-type", "application/json"),
        ] {
            if message.text(name) != Some(expected) {
                return Err(AwsError::validation(format!(
                    "header {name} must be {expected}"
                )));
            }
        }
        let name = message.text(":event-type").unwrap_or_default();
        let document = serde_json::from_slice(message.payload)
            .map_err(|error| AwsError::validation(format!("{name}: {error}")))?;
        match name {
            "VideoEvent" => parse_video(&document),
            "ClientSessionInformationEvent" => parse_information(&document["Challenge"]),
            _ => Err(AwsError::validation(format!(
                "event {name:?} must be VideoEvent or ClientSessionInformationEvent"
            ))),
        }
    }
}

fn parse_video(document: &Value) -> Result<ClientEvent, AwsError> {
    require(document, "/VideoChunk", Value::is_string, "a string")?;
    require_times(document, &["/TimestampMillis"])?;
    let chunk = document["VideoChunk"].as_str().unwrap_or_default();
    match BASE64_STANDARD.decode(chunk) {
        Ok(video) => Ok(ClientEvent::Video(video.len())),
        Err(error) => Err(AwsError::validation(format!(
            "/VideoChunk must be base64: {error}"
        ))),
    }
}

fn parse_information(challenges: &Value) -> Result<ClientEvent, AwsError> {
    let challenge = ChallengeKind::ALL.into_iter().find_map(|kind| {
        let document = challenges.get(kind.aws_name())?;
        Some((kind, document))
    });
    let Some((kind, document)) = challenge else {
        let names = ChallengeKind::ALL.map(ChallengeKind::aws_name).join(" or ");
        return Err(AwsError::validation(format!(
            "/Challenge must have {names}"
        )));
    };
    require(document, "/ChallengeId", Value::is_string, "a string")?;
    if let Some(color) = document.get("ColorDisplayed") {
        let rgb = "/ColorDisplayed/CurrentColor/RGB";
        require(document, rgb, is_color, "three numbers from 0 to 255")?;
        require_times(document, &["/ColorDisplayed/CurrentColorStartTimestamp"])?;
        let number = "/ColorDisplayed/SequenceNumber";
        require(document, number, Value::is_u64, "a number from 0")?;
        let number = color["SequenceNumber"].as_u64().unwrap_or_default();
        return Ok(ClientEvent::Color(kind, number));
    }
    if document.get("TargetFace").is_some() {
        let position = "/TargetFace/FaceDetectedInTargetPosition";
        let [start, end] = ["Start", "End"].map(|edge| format!("{position}{edge}Timestamp"));
        require_times(document, &["/VideoEndTimestamp", &start, &end])?;
        require_box(document, "/TargetFace")?;
        return Ok(ClientEvent::TargetFace(kind));
    }
    let detected = "/InitialFace/InitialFaceDetectedTimestamp";
    require_times(document, &["/VideoStartTimestamp", detected])?;
    require_box(document, "/InitialFace")?;
    Ok(ClientEvent::InitialFace(kind))
}

fn require_times(document: &Value, pointers: &[&str]) -> Result<(), AwsError> {
    let mut pointers = pointers.iter();
    pointers.try_for_each(|time| require(document, time, Value::is_u64, "a time in milliseconds"))
}

/// Requires the box of a face, in fractions of the picture, which it may exceed.
fn require_box(document: &Value, face: &str) -> Result<(), AwsError> {
    for size in ["Width", "Height"] {
        let pointer = format!("{face}/BoundingBox/{size}");
        require(document, &pointer, is_size, "a number above 0")?;
    }
    for position in ["Left", "Top"] {
        let pointer = format!("{face}/BoundingBox/{position}");
        require(document, &pointer, Value::is_number, "a number")?;
    }
    Ok(())
}

/// Requires a member, by its JSON pointer.
fn require(
    document: &Value,
    pointer: &str,
    is_valid: fn(&Value) -> bool,
    meaning: &str,
) -> Result<(), AwsError> {
    if document.pointer(pointer).is_some_and(is_valid) {
        return Ok(());
    }
    Err(AwsError::validation(format!("{pointer} must be {meaning}")))
}

fn is_size(value: &Value) -> bool {
    value.as_f64() > Some(0.0)
}

fn is_color(value: &Value) -> bool {
    let channels = value.as_array().map_or(&[][..], Vec::as_slice);
    channels.len() == 3
        && channels
            .iter()
            .all(|one| one.as_u64().is_some_and(|one| one < 256))
}
