//! The events of a client, and the shapes of their documents. Unknown members are ignored.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::challenge::ChallengeKind;
use crate::aws_error::AwsError;
use crate::event_stream::EventMessage;

/// An event of a client.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ClientEvent {
    /// A piece of video, with its length in bytes.
    Video(usize),
    /// The video began, and a face was found.
    InitialFace(ChallengeKind),
    /// A color of the light challenge was displayed.
    Color(ChallengeKind, usize),
    /// The face was in the oval, and the video ended.
    TargetFace(ChallengeKind),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct VideoEvent {
    video_chunk: String,
    #[serde(rename = "TimestampMillis")]
    _timestamp: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ClientSessionInformationEvent {
    challenge: ClientChallenge,
}

#[derive(Deserialize)]
enum ClientChallenge {
    FaceMovementAndLightChallenge(ClientInformation),
    FaceMovementChallenge(ClientInformation),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ClientInformation {
    #[serde(rename = "ChallengeId")]
    _challenge_id: String,
    video_start_timestamp: Option<u64>,
    initial_face: Option<InitialFace>,
    color_displayed: Option<ColorDisplayed>,
    video_end_timestamp: Option<u64>,
    target_face: Option<TargetFace>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InitialFace {
    #[serde(rename = "InitialFaceDetectedTimestamp")]
    _detected: u64,
    bounding_box: FaceBox,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TargetFace {
    #[serde(rename = "FaceDetectedInTargetPositionStartTimestamp")]
    _start: u64,
    #[serde(rename = "FaceDetectedInTargetPositionEndTimestamp")]
    _end: u64,
    bounding_box: FaceBox,
}

/// Fractions of the picture; the box may exceed it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FaceBox {
    width: f64,
    height: f64,
    #[serde(rename = "Left")]
    _left: f64,
    #[serde(rename = "Top")]
    _top: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ColorDisplayed {
    #[serde(rename = "CurrentColor")]
    _current: FreshnessColor,
    sequence_number: usize,
    #[serde(rename = "CurrentColorStartTimestamp")]
    _start: u64,
}

#[derive(Deserialize)]
struct FreshnessColor {
    #[serde(rename = "RGB")]
    _rgb: [u8; 3],
}

impl ClientEvent {
    /// Parses an event from the message inside a signed one.
    pub(super) fn parse(message: &EventMessage<'_>) -> Result<Self, AwsError> {
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
        match message.text(":event-type") {
            Some(name @ "VideoEvent") => parse_video(&document(name, message.payload)?),
            Some(name @ "ClientSessionInformationEvent") => {
                parse_information(document(name, message.payload)?)
            }
            name => Err(AwsError::validation(format!(
                "header :event-type {name:?} must be VideoEvent or ClientSessionInformationEvent"
            ))),
        }
    }
}

fn document<T: DeserializeOwned>(name: &str, payload: &[u8]) -> Result<T, AwsError> {
    serde_json::from_slice(payload)
        .map_err(|error| AwsError::validation(format!("{name}: {error}")))
}

fn parse_video(event: &VideoEvent) -> Result<ClientEvent, AwsError> {
    match BASE64_STANDARD.decode(&event.video_chunk) {
        Ok(video) => Ok(ClientEvent::Video(video.len())),
        Err(error) => Err(AwsError::validation(format!(
            "VideoEvent: VideoChunk must be base64: {error}"
        ))),
    }
}

fn parse_information(event: ClientSessionInformationEvent) -> Result<ClientEvent, AwsError> {
    let (kind, information) = match event.challenge {
        ClientChallenge::FaceMovementAndLightChallenge(information) => {
            (ChallengeKind::MovementAndLight, information)
        }
        ClientChallenge::FaceMovementChallenge(information) => {
            (ChallengeKind::Movement, information)
        }
    };
    let boxes = [
        information
            .initial_face
            .as_ref()
            .map(|face| &face.bounding_box),
        information
            .target_face
            .as_ref()
            .map(|face| &face.bounding_box),
    ];
    if boxes
        .into_iter()
        .flatten()
        .any(|face| face.width <= 0.0 || face.height <= 0.0)
    {
        return Err(AwsError::validation(
            "BoundingBox must have a Width and Height above 0",
        ));
    }
    let is_start =
        information.video_start_timestamp.is_some() && information.initial_face.is_some();
    let is_end = information.video_end_timestamp.is_some() && information.target_face.is_some();
    match information.color_displayed {
        Some(color) => Ok(ClientEvent::Color(kind, color.sequence_number)),
        None if is_end => Ok(ClientEvent::TargetFace(kind)),
        None if is_start => Ok(ClientEvent::InitialFace(kind)),
        None => Err(AwsError::validation(
            "ClientSessionInformationEvent must have VideoStartTimestamp and InitialFace, \
             ColorDisplayed, or VideoEndTimestamp and TargetFace",
        )),
    }
}
