//! `StartFaceLivenessSession`, the streaming operation that the devices of end users call,
//! apart from its socket: the request, the challenge, and the events of the client.
//!
//! ```text
//! client                                          simulator
//! GET ...-websocket?session-id=... (presigned) ->
//!                                              <- 101 Switching Protocols
//!                                              <- ChallengeEvent
//!                                              <- ServerSessionInformationEvent
//! VideoEvent, about once a second              ->
//! ClientSessionInformationEvent: initial face  ->
//! ClientSessionInformationEvent: color 0 to 7  ->
//! ClientSessionInformationEvent: target face   ->
//! VideoEvent without video                     ->
//!                                              <- DisconnectionEvent, close 1000
//! ```

mod challenge;
mod check;
mod client_event;
mod client_stream;
mod message;
mod request;

pub(super) use self::challenge::{Challenge, ChallengeDocument};
pub(super) use self::check::Step;
#[cfg(feature = "fuzzing")]
pub(super) use self::client_event::ClientEvent;
pub(super) use self::client_stream::ClientStream;
pub(super) use self::message::{StreamException, StreamMessage};
pub(super) use self::request::StartRequest;

/// The path of the operation.
pub(super) const PATH: &str = "/start-face-liveness-session-websocket";

#[cfg(test)]
mod tests;
