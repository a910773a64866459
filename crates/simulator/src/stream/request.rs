//! The parameters of `StartFaceLivenessSession`, which are in the query of the handshake.

use uuid::Uuid;

use super::Challenge;
use crate::aws_error::AwsError;
use crate::request::{SESSION_ID, Violations};
use crate::sigv4::query_parameters;

/// The bounds of a side of the picture, in pixels. AWS publishes none.
const SIDE: std::ops::RangeInclusive<i32> = 1..=8192;

/// A valid request of `StartFaceLivenessSession`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StartRequest {
    pub(crate) session: Uuid,
    /// Width and height of the picture, in pixels.
    pub(crate) picture: (i32, i32),
    /// The challenges that the client supports, in its order.
    pub(crate) offered: Vec<Challenge>,
}

impl StartRequest {
    /// Parses a query. Unknown parameters and challenges are ignored.
    pub(crate) fn parse(query: &str) -> Result<Self, AwsError> {
        let parameters = query_parameters(query);
        let value = |name: &str| {
            let parameter = parameters.iter().find(|(key, _)| key == name);
            parameter.map(|(_, value)| value.as_str())
        };
        let mut violations = Violations::default();
        match value("session-id") {
            Some(id) => violations.text("sessionId", id, &SESSION_ID),
            None => violations.required("sessionId"),
        }
        let width = side(value("video-width"), "videoWidth", &mut violations);
        let height = side(value("video-height"), "videoHeight", &mut violations);
        let offered = value("challenge-versions").unwrap_or_default();
        let offered: Vec<_> = offered.split(',').filter_map(Challenge::parse).collect();
        if offered.is_empty() {
            violations.required("challengeVersions");
        }
        if let Some(error) = violations.into_error("ValidationException") {
            return Err(error);
        }
        let session = Uuid::try_parse(value("session-id").unwrap_or_default())
            .map_err(|_| AwsError::validation("sessionId is not a UUID"))?;
        Ok(Self {
            session,
            picture: (width, height),
            offered,
        })
    }
}

fn side(value: Option<&str>, path: &str, violations: &mut Violations) -> i32 {
    let number = value.and_then(|value| value.trim().parse().ok());
    match number {
        Some(number) => violations.range(path, number, &SIDE),
        None => violations.required(path),
    }
    number.unwrap_or_default()
}
