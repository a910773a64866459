//! The events of a device for one challenge, as the Amplify client for browsers sends them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

/// The first bytes of a WebM file.
const WEBM: [u8; 4] = [0x1a, 0x45, 0xdf, 0xa3];

/// Returns a `VideoEvent` with `length` bytes that are no film; 0 is the end of the video.
pub(super) fn video(length: usize) -> Value {
    let chunk: Vec<u8> = WEBM.into_iter().cycle().take(length).collect();
    json!({"VideoChunk": BASE64_STANDARD.encode(chunk), "TimestampMillis": now()})
}

/// The challenge of one check.
pub(super) struct Script {
    name: String,
    challenge: Map<String, Value>,
    id: String,
    start: i64,
}

impl Script {
    /// Reads the document of `ServerSessionInformationEvent`.
    pub(super) fn new(information: &Value) -> Option<Self> {
        let challenges = information["SessionInformation"]["Challenge"].as_object()?;
        let (name, challenge) = challenges.iter().next()?;
        let is_known =
            ["FaceMovementAndLightChallenge", "FaceMovementChallenge"].contains(&name.as_str());
        let challenge = challenge
            .as_object()
            .filter(|one| one.contains_key("ChallengeConfig"))?;
        is_known.then(|| Self {
            name: name.clone(),
            challenge: challenge.clone(),
            id: Uuid::new_v4().to_string(),
            start: now(),
        })
    }

    pub(super) fn initial_face(&self) -> Value {
        self.information(json!({
            "VideoStartTimestamp": self.start,
            "InitialFace": self.first_face(),
        }))
    }

    /// Returns one event for each color of the light challenge.
    pub(super) fn colors(&self) -> Vec<Value> {
        let sequences = self
            .challenge
            .get("ColorSequences")
            .and_then(Value::as_array);
        let colors: Vec<_> = sequences
            .into_iter()
            .flatten()
            .map(|sequence| &sequence["FreshnessColor"])
            .collect();
        let event = |(number, color): (usize, &&Value)| {
            let previous = colors[number.saturating_sub(1)];
            self.information(json!({"ColorDisplayed": {
                "CurrentColor": color,
                "PreviousColor": previous,
                "SequenceNumber": number,
                "CurrentColorStartTimestamp": now(),
            }}))
        };
        colors.iter().enumerate().map(event).collect()
    }

    pub(super) fn target_face(&self) -> Value {
        self.information(json!({
            "VideoEndTimestamp": now(),
            "InitialFace": self.first_face(),
            "TargetFace": {
                "FaceDetectedInTargetPositionStartTimestamp": self.start,
                "FaceDetectedInTargetPositionEndTimestamp": now(),
                "BoundingBox": {"Width": 0.45, "Height": 0.9708, "Left": 0.275, "Top": 0.0146},
            },
        }))
    }

    fn first_face(&self) -> Value {
        json!({
            "InitialFaceDetectedTimestamp": self.start,
            "BoundingBox": {"Width": 0.194, "Height": 0.374, "Left": 0.409, "Top": 0.312},
        })
    }

    fn information(&self, mut members: Value) -> Value {
        members["ChallengeId"] = json!(self.id);
        json!({"Challenge": {&self.name: members}})
    }
}

fn now() -> i64 {
    let millis = OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000;
    i64::try_from(millis).expect("the time in milliseconds fits until the year 292 million")
}
