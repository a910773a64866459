//! The challenge of a check: its choice, and the document in which the client receives it.
//!
//! The oval has 0.8 of the width of a portrait picture that fits the height, is 1.618 times
//! as high, and is centered: 288 by 466 pixels for a picture of 640 by 480. AWS varies it.

use serde_json::{Value, json};

use crate::settings::Thresholds;

/// The colors of the light challenge. The first one is the state before it.
const COLORS: [[u8; 3]; 8] = [
    [0, 0, 0],
    [0, 255, 255],
    [255, 0, 0],
    [0, 255, 0],
    [0, 0, 255],
    [255, 255, 0],
    [0, 255, 0],
    [255, 0, 0],
];
const OVAL_HEIGHT_WIDTH_RATIO: f64 = 1.618;

/// A type of challenge and its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Challenge {
    pub(crate) kind: ChallengeKind,
    pub(crate) version: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChallengeKind {
    MovementAndLight,
    Movement,
}

impl ChallengeKind {
    pub(crate) const ALL: [Self; 2] = [Self::MovementAndLight, Self::Movement];

    pub(crate) fn aws_name(self) -> &'static str {
        match self {
            Self::MovementAndLight => "FaceMovementAndLightChallenge",
            Self::Movement => "FaceMovementChallenge",
        }
    }

    /// Returns the number of colors, which the client reports one by one.
    pub(crate) fn colors(self) -> u64 {
        match self {
            Self::MovementAndLight => COLORS.len() as u64,
            Self::Movement => 0,
        }
    }
}

impl Challenge {
    /// Parses an item of `challenge-versions`, such as `FaceMovementChallenge_1.0.0`.
    pub(crate) fn parse(item: &str) -> Option<Self> {
        let (name, version) = item.trim().split_once('_')?;
        let kind = ChallengeKind::ALL
            .into_iter()
            .find(|kind| kind.aws_name() == name)?;
        let version = version.to_owned();
        Some(Self { kind, version })
    }

    /// Returns the challenge as `ChallengeEvent` and the result have it.
    pub(crate) fn summary(&self) -> Value {
        json!({"Type": self.kind.aws_name(), "Version": self.version})
    }
}

/// The parts of `ServerSessionInformationEvent`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ChallengeDocument {
    pub(crate) challenge: Challenge,
    pub(crate) picture: (i32, i32),
    pub(crate) thresholds: Thresholds,
}

impl ChallengeDocument {
    pub(crate) fn to_json(&self) -> Value {
        let mut body = json!({
            "OvalParameters": oval(self.picture),
            "ChallengeConfig": config(self.thresholds),
        });
        if self.challenge.kind == ChallengeKind::MovementAndLight {
            body["LightChallengeType"] = json!("SEQUENTIAL");
            body["ColorSequences"] = COLORS.iter().enumerate().map(color).collect();
        }
        json!({"SessionInformation": {"Challenge": {self.challenge.kind.aws_name(): body}}})
    }
}

fn oval((width, height): (i32, i32)) -> Value {
    let (width, height) = (f64::from(width), f64::from(height));
    let portrait = if width >= height {
        0.75 * height
    } else {
        width
    };
    let oval = 0.8 * portrait;
    json!({
        "Width": oval,
        "Height": OVAL_HEIGHT_WIDTH_RATIO * oval,
        "CenterX": width / 2.0,
        "CenterY": height / 2.0,
    })
}

/// Returns the thresholds that the client applies. It rejects zeros in most of them.
fn config(thresholds: Thresholds) -> Value {
    let (distance, iou) = match thresholds {
        Thresholds::Strict => (0.4, 0.7),
        Thresholds::Lenient => (10.0, 0.01),
    };
    json!({
        "BlazeFaceDetectionThreshold": 0.75,
        "FaceDistanceThresholdMin": distance,
        "FaceDistanceThreshold": distance,
        "FaceDistanceThresholdMax": 0.0,
        "OvalIouThreshold": iou,
        "OvalHeightWidthRatio": OVAL_HEIGHT_WIDTH_RATIO,
        "OvalIouWidthThreshold": 0.25,
        "OvalIouHeightThreshold": 0.25,
        "FaceIouWidthThreshold": 0.15,
        "FaceIouHeightThreshold": 0.15,
        "OvalFitTimeout": 7000,
    })
}

/// Durations are in milliseconds.
fn color((number, rgb): (usize, &[u8; 3])) -> Value {
    let (scroll, flat) = if number == 0 {
        (0.0, 100.0)
    } else {
        (300.0, 0.0)
    };
    json!({
        "FreshnessColor": {"RGB": rgb},
        "DownscrollDuration": scroll,
        "FlatDisplayDuration": flat,
    })
}
