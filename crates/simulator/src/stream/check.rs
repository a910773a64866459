//! The progress of one check: which event of the client may come next.
//!
//! The initial face comes before the colors, the colors come in order and once each, the
//! target face comes after them, and a `VideoEvent` without video ends the check. Pieces of
//! video may come anywhere before that, and at least one must. Times are not compared: under
//! load, the web client reports the same start time for two colors.

use super::challenge::ChallengeKind;
use super::client_event::ClientEvent;
use crate::aws_error::AwsError;

/// AWS's limit of a video.
const MAX_VIDEO_BYTES: usize = 10 * 1024 * 1024;

/// The effect of a message on the check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Continue,
    /// A piece of video arrived, the n-th.
    Piece(u32),
    /// The video and all information are complete.
    Complete,
    /// The client ended its event stream before the check was complete.
    EndOfStream,
}

/// The progress of one check.
#[derive(Clone, Debug)]
pub(super) struct CheckProgress {
    kind: ChallengeKind,
    next: Expected,
    pieces: u32,
    video_bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    InitialFace,
    Color(u64),
    TargetFace,
    EndOfVideo,
}

impl CheckProgress {
    pub(super) fn new(kind: ChallengeKind) -> Self {
        Self {
            kind,
            next: Expected::InitialFace,
            pieces: 0,
            video_bytes: 0,
        }
    }

    /// Applies the next event of the client.
    pub(super) fn apply(&mut self, event: &ClientEvent) -> Result<Step, AwsError> {
        let (kind, next) = match (event, self.next) {
            (ClientEvent::Video(0), Expected::EndOfVideo) if self.pieces > 0 => {
                return Ok(Step::Complete);
            }
            (ClientEvent::Video(bytes), _) if *bytes > 0 => return self.add_piece(*bytes),
            (ClientEvent::InitialFace(kind), Expected::InitialFace) => (kind, self.after_colors(0)),
            (ClientEvent::Color(kind, number), Expected::Color(expected))
                if *number == expected =>
            {
                (kind, self.after_colors(expected + 1))
            }
            (ClientEvent::TargetFace(kind), Expected::TargetFace) => (kind, Expected::EndOfVideo),
            _ => return Err(self.unexpected(event)),
        };
        if *kind != self.kind {
            return Err(AwsError::validation(format!(
                "the challenge of the client is {}, but must be {}",
                kind.aws_name(),
                self.kind.aws_name()
            )));
        }
        self.next = next;
        Ok(Step::Continue)
    }

    /// Returns what follows when the client has displayed `count` colors.
    fn after_colors(&self, count: u64) -> Expected {
        if count < self.kind.colors() {
            Expected::Color(count)
        } else {
            Expected::TargetFace
        }
    }

    fn add_piece(&mut self, bytes: usize) -> Result<Step, AwsError> {
        self.video_bytes += bytes;
        if self.video_bytes > MAX_VIDEO_BYTES {
            return Err(AwsError::validation(format!(
                "the video exceeds {MAX_VIDEO_BYTES} bytes"
            )));
        }
        self.pieces += 1;
        Ok(Step::Piece(self.pieces))
    }

    fn unexpected(&self, event: &ClientEvent) -> AwsError {
        let received = match event {
            ClientEvent::Video(_) => "the end of the video",
            ClientEvent::InitialFace(_) => "the initial face",
            ClientEvent::Color(_, number) => &format!("color {number}"),
            ClientEvent::TargetFace(_) => "the target face",
        };
        let expected = match self.next {
            Expected::InitialFace => "the initial face",
            Expected::Color(number) => &format!("color {number}"),
            Expected::TargetFace => "the target face",
            Expected::EndOfVideo if self.pieces == 0 => "a piece of video",
            Expected::EndOfVideo => "the end of the video",
        };
        AwsError::validation(format!("received {received}, expected {expected}"))
    }
}
