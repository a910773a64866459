//! The events of a client, in their shapes and their order.

use serde_json::{Value, json};

use super::challenge::ChallengeKind;
use super::check::{CheckProgress, Step};
use super::client_event::ClientEvent;
use super::*;
use crate::event_stream::{EventMessage, encode};
use crate::settings::Thresholds;

const LIGHT: ChallengeKind = ChallengeKind::MovementAndLight;
const MOVEMENT: ChallengeKind = ChallengeKind::Movement;

fn parse(name: &str, payload: &[u8]) -> Result<ClientEvent, String> {
    let headers = [
        (":event-type", name),
        (":message-type", "event"),
        (":content-type", "application/json"),
    ];
    let bytes = encode(&headers, payload);
    let message = EventMessage::decode(&bytes).unwrap();
    ClientEvent::parse(&message).map_err(|error| format!("{}: {}", error.code, error.message))
}

fn information(members: &Value) -> Value {
    let mut members = members.clone();
    members["ChallengeId"] = json!("id");
    json!({"Challenge": {"FaceMovementAndLightChallenge": members}})
}

fn parse_information(document: &Value) -> Result<ClientEvent, String> {
    parse(
        "ClientSessionInformationEvent",
        document.to_string().as_bytes(),
    )
}

fn initial_face() -> Value {
    let bounding_box = json!({"Width": 0.194, "Height": 0.374, "Left": 0.409, "Top": 0.312});
    json!({"InitialFaceDetectedTimestamp": 1_795_694_803_616_u64, "BoundingBox": bounding_box})
}

fn target_face() -> Value {
    let bounding_box = json!({"Width": 0.45, "Height": 0.9708, "Left": 0.275, "Top": 0.0146});
    json!({
        "FaceDetectedInTargetPositionStartTimestamp": 1_795_694_807_595_u64,
        "FaceDetectedInTargetPositionEndTimestamp": 1_795_694_807_595_u64,
        "BoundingBox": bounding_box,
    })
}

#[test]
fn the_events_of_the_web_client_are_parsed() {
    let video = json!({"VideoChunk": "AAEC", "TimestampMillis": 1_795_694_804_514_u64});
    assert_eq!(
        parse("VideoEvent", video.to_string().as_bytes()),
        Ok(ClientEvent::Video(3))
    );
    let start = json!({"VideoStartTimestamp": 1, "InitialFace": initial_face()});
    assert_eq!(
        parse_information(&information(&start)),
        Ok(ClientEvent::InitialFace(LIGHT))
    );
    let color = json!({"ColorDisplayed": {
        "CurrentColor": {"RGB": [0, 255, 255]}, "PreviousColor": {"RGB": [0, 0, 0]},
        "SequenceNumber": 1, "CurrentColorStartTimestamp": 1_795_694_808_615_u64,
    }});
    assert_eq!(
        parse_information(&information(&color)),
        Ok(ClientEvent::Color(LIGHT, 1))
    );
    let end = json!({
        "VideoEndTimestamp": 2, "InitialFace": initial_face(), "TargetFace": target_face(),
        "Unknown": true,
    });
    assert_eq!(
        parse_information(&information(&end)),
        Ok(ClientEvent::TargetFace(LIGHT))
    );
    let movement = json!({"Challenge": {"FaceMovementChallenge": {
        "ChallengeId": "id", "VideoEndTimestamp": 2, "TargetFace": target_face(),
    }}});
    assert_eq!(
        parse_information(&movement),
        Ok(ClientEvent::TargetFace(MOVEMENT))
    );
}

/// Events of the wrong shape, and the beginning of the error.
#[rustfmt::skip]
fn wrong_shapes() -> Vec<(Value, &'static str)> {
    let mut flat = initial_face();
    flat["BoundingBox"]["Height"] = json!(0.0);
    let color = |rgb: [u64; 3]| {
        information(&json!({"ColorDisplayed": {
            "CurrentColor": {"RGB": rgb}, "SequenceNumber": -1, "CurrentColorStartTimestamp": 1,
        }}))
    };
    vec![
        (json!({}), "/Challenge must have FaceMovementAndLightChallenge or FaceMovementChallenge"),
        (json!({"Challenge": {"HeadTurnChallenge": {}}}), "/Challenge must have"),
        (json!({"Challenge": {"FaceMovementChallenge": []}}), "/ChallengeId must be a string"),
        (information(&json!({})), "/VideoStartTimestamp must be a time"),
        (information(&json!({"VideoStartTimestamp": -1})), "/VideoStartTimestamp must be a time in milliseconds"),
        (information(&json!({"VideoStartTimestamp": 1, "InitialFace": {}})), "/InitialFace/InitialFaceDetectedTimestamp must be"),
        (information(&json!({"VideoStartTimestamp": 1, "InitialFace": flat})), "/InitialFace/BoundingBox/Height must be a number above 0"),
        (information(&json!({"TargetFace": {}})), "/VideoEndTimestamp must be"),
        (color([0, 256, 0]), "/ColorDisplayed/CurrentColor/RGB must be three numbers"),
        (color([0, 255, 0]), "/ColorDisplayed/SequenceNumber must be a number from 0"),
    ]
}

#[test]
fn an_event_of_the_wrong_shape_names_the_member() {
    for (document, expected) in wrong_shapes() {
        let error = parse_information(&document).unwrap_err();
        assert!(error.starts_with("ValidationException: "), "{error}");
        assert!(error.contains(expected), "{error}");
    }
    let error = parse(
        "VideoEvent",
        br#"{"VideoChunk": "A", "TimestampMillis": 1}"#,
    )
    .unwrap_err();
    assert!(error.contains("/VideoChunk must be base64"), "{error}");
    let error = parse("VideoEvent", b"{").unwrap_err();
    assert!(error.contains("VideoEvent: EOF"), "{error}");
    let error = parse("AudioEvent", b"{}").unwrap_err();
    assert!(
        error.contains("event \"AudioEvent\" must be VideoEvent"),
        "{error}"
    );
}

fn play(kind: ChallengeKind, events: &[ClientEvent]) -> Result<Step, String> {
    let mut progress = CheckProgress::new(kind);
    let mut last = Step::Continue;
    for event in events {
        last = progress.apply(event).map_err(|error| error.message)?;
    }
    Ok(last)
}

fn all(kind: ChallengeKind) -> Vec<ClientEvent> {
    let mut events = vec![ClientEvent::Video(9), ClientEvent::InitialFace(kind)];
    events.extend((0..kind.colors()).map(|number| ClientEvent::Color(kind, number)));
    events.extend([ClientEvent::TargetFace(kind), ClientEvent::Video(0)]);
    events
}

#[test]
fn a_check_is_complete_after_all_its_events_with_video_anywhere() {
    for kind in [LIGHT, MOVEMENT] {
        let events = all(kind);
        assert_eq!(play(kind, &events), Ok(Step::Complete));
        let mut late = events[1..].to_vec();
        late.insert(1, ClientEvent::Video(1));
        late.insert(3, ClientEvent::Video(1));
        assert_eq!(play(kind, &late), Ok(Step::Complete));
        assert_eq!(play(kind, &late[..4]), Ok(Step::Piece(2)));
    }
}

#[test]
fn leaving_out_any_event_is_an_error() {
    for kind in [LIGHT, MOVEMENT] {
        let events = all(kind);
        for missing in 0..events.len() - 1 {
            let mut rest = events.clone();
            let left_out = rest.remove(missing);
            assert!(play(kind, &rest).is_err(), "{kind:?} without {left_out:?}");
        }
    }
}

#[test]
fn repeated_swapped_and_foreign_events_are_errors_that_name_both() {
    let initial = ClientEvent::InitialFace(LIGHT);
    for (events, expected) in [
        (
            vec![initial.clone(), initial.clone()],
            "received the initial face, expected color 0",
        ),
        (
            vec![initial.clone(), ClientEvent::Color(LIGHT, 1)],
            "received color 1, expected color 0",
        ),
        (
            vec![initial.clone(), ClientEvent::TargetFace(LIGHT)],
            "received the target face, expected color 0",
        ),
        (
            vec![ClientEvent::Video(1), ClientEvent::Video(0)],
            "received the end of the video, expected the initial face",
        ),
        (
            vec![ClientEvent::InitialFace(MOVEMENT)],
            "the challenge of the client is FaceMovementChallenge, but must be \
             FaceMovementAndLightChallenge",
        ),
    ] {
        assert_eq!(play(LIGHT, &events), Err(expected.to_owned()));
    }
    let without_video = &all(MOVEMENT)[1..];
    let expected = "received the end of the video, expected a piece of video";
    assert_eq!(play(MOVEMENT, without_video), Err(expected.to_owned()));
}

#[test]
fn a_start_lists_all_violations() {
    let error = StartRequest::parse("session-id=x&video-width=0").unwrap_err();
    assert_eq!(error.code, "ValidationException");
    for part in [
        "5 validation errors detected",
        "'sessionId' failed to satisfy constraint: Member must have length greater",
        "'videoWidth' failed to satisfy constraint: Member must have value greater",
        "Value null at 'videoHeight'",
        "Value null at 'challengeVersions'",
    ] {
        assert!(error.message.contains(part), "{part}: {}", error.message);
    }
}

#[test]
fn unknown_challenges_and_parameters_of_a_start_are_ignored() {
    let query = "session-id=11111111-2222-4333-8444-555555555555&video-width=480&video-height=640\
                 &attempt-count=1&challenge-versions=HeadTurn_1.0.0,FaceMovementChallenge_1.2.0";
    let request = StartRequest::parse(query).unwrap();
    assert_eq!(request.picture, (480, 640));
    let movement = Challenge {
        kind: MOVEMENT,
        version: "1.2.0".to_owned(),
    };
    assert_eq!(request.offered, [movement]);
}

#[test]
fn the_oval_is_in_the_middle_of_the_picture_and_no_number_is_zero() {
    let challenge = Challenge::parse("FaceMovementAndLightChallenge_2.0.0").unwrap();
    for (picture, width, center) in [((640, 480), 288.0, 320.0), ((480, 640), 384.0, 240.0)] {
        let thresholds = Thresholds::Strict;
        let document = ChallengeDocument {
            challenge: challenge.clone(),
            picture,
            thresholds,
        };
        let document = document.to_json();
        let light = &document["SessionInformation"]["Challenge"]["FaceMovementAndLightChallenge"];
        assert_eq!(light["OvalParameters"]["Width"], width);
        assert_eq!(light["OvalParameters"]["CenterX"], center);
        for (name, value) in light["ChallengeConfig"].as_object().unwrap() {
            let is_used = name != "FaceDistanceThresholdMax";
            assert_eq!(value.as_f64() > Some(0.0), is_used, "{name}");
        }
        assert_eq!(light["ColorSequences"].as_array().unwrap().len(), 8);
    }
}
