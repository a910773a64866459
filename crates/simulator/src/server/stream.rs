//! One stream over its WebSocket.
//!
//! Limits: 1 MiB for a message, 10 MiB for the video, 30 s between two messages of the client,
//! 3 minutes for a stream. The client may take longer for its first message: a page opens the
//! stream before its user starts the check.
//!
//! A close of the client is answered with 1000, whatever its code: a browser whose own code
//! is echoed reports a second error. AWS's answer is not known.

use std::ops::ControlFlow::{self, Break, Continue};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::connection::Disconnect;
use super::upgrade::{CheckGuard, Opening};
use crate::aws_error::AwsError;
use crate::fault::{Effect, FaultAction, Moment};
use crate::model::CheckPlan;
use crate::stream::{ClientStream, Step, StreamException, StreamMessage};

const MAX_MESSAGE: usize = 1024 * 1024;
const READ_BUFFER: usize = 16 * 1024;
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
const STREAM_TIMEOUT: Duration = Duration::from_secs(180);
/// The time for a client to confirm a close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// A close frame of the server with code 1000.
const CLOSE_1000: [u8; 4] = [0x88, 0x02, 0x03, 0xe8];

type Socket<'a> = WebSocketStream<&'a mut TcpStream>;

/// The end of a stream.
enum StreamEnd {
    Exception(StreamException),
    Close(u16),
    /// The client closed the stream.
    ClosedByClient,
    Disconnect(Disconnect),
}

impl From<AwsError> for StreamEnd {
    fn from(error: AwsError) -> Self {
        Self::Exception(error.into())
    }
}

/// Serves a stream, and returns how to end its connection. If the future is dropped, a check
/// that is not complete breaks off.
pub(super) async fn serve(
    connection: &mut TcpStream,
    read: Bytes,
    opening: Opening<'_>,
) -> Disconnect {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let mut socket =
        WebSocketStream::from_partially_read(connection, read.into(), Role::Server, Some(config))
            .await;
    let end = match opening {
        Opening::Refused(exception) => StreamEnd::Exception(exception),
        Opening::Check(plan, guard) => {
            let check = Check::new(&mut socket, *plan).run(guard);
            timeout(STREAM_TIMEOUT, check).await.unwrap_or_else(|_| {
                let limit = STREAM_TIMEOUT.as_secs();
                AwsError::validation(format!("the stream took longer than {limit} s")).into()
            })
        }
    };
    timeout(CLOSE_TIMEOUT, finish(socket, end))
        .await
        .unwrap_or(Disconnect::Close)
}

/// Sends the end of the stream, and waits for the client to confirm it.
async fn finish(mut socket: Socket<'_>, end: StreamEnd) -> Disconnect {
    // Writing fails if the client has closed the connection, which needs no handling.
    let connection = match end {
        StreamEnd::Disconnect(disconnect) => return disconnect,
        StreamEnd::ClosedByClient => {
            // The socket has an echo of the client's code queued, which is dropped.
            let connection = socket.into_inner();
            let _ = connection.write_all(&CLOSE_1000).await;
            connection
        }
        StreamEnd::Exception(exception) => {
            let message = StreamMessage::exception(&exception);
            let _ = socket.send(Message::binary(message.0)).await;
            close(socket, 1000).await
        }
        StreamEnd::Close(code) => close(socket, code).await,
    };
    // Without this, bytes that were not read would reset the connection, and the client could
    // lose the last message.
    let _ = connection.shutdown().await;
    let _ = tokio::io::copy(connection, &mut tokio::io::sink()).await;
    Disconnect::Close
}

/// Sends a close frame, and waits for the one of the client.
async fn close<'a>(mut socket: Socket<'a>, code: u16) -> &'a mut TcpStream {
    let frame = CloseFrame {
        code: CloseCode::from(code),
        reason: "".into(),
    };
    let _ = socket.close(Some(frame)).await;
    while let Some(Ok(_)) = socket.next().await {}
    socket.into_inner()
}

/// Returns the end of a stream whose next frame cannot be read.
fn frame_error(error: &Error) -> StreamEnd {
    match error {
        Error::Capacity(_) => StreamEnd::Close(1009),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) | Error::Io(_) => {
            StreamEnd::Disconnect(Disconnect::Close)
        }
        _ => StreamEnd::Close(1002),
    }
}

/// A check under way on its socket.
struct Check<'a, 'b> {
    socket: &'a mut Socket<'b>,
    plan: CheckPlan,
    client: ClientStream,
}

impl<'a, 'b> Check<'a, 'b> {
    fn new(socket: &'a mut Socket<'b>, plan: CheckPlan) -> Self {
        let kind = plan.document.challenge.kind;
        let client = ClientStream::new(kind, plan.verifier.clone());
        Self {
            socket,
            plan,
            client,
        }
    }

    async fn run(mut self, guard: CheckGuard<'_>) -> StreamEnd {
        match self.converse(guard).await {
            Break(end) => end,
            Continue(()) => StreamEnd::Close(1000),
        }
    }

    async fn converse(&mut self, guard: CheckGuard<'_>) -> ControlFlow<StreamEnd> {
        self.play_fault(Moment::AfterPieces(0)).await?;
        let challenge = self.plan.document.challenge.summary();
        self.send(StreamMessage::event("ChallengeEvent", &challenge))
            .await?;
        let information = self.session_information();
        self.send(StreamMessage::event(
            "ServerSessionInformationEvent",
            &information,
        ))
        .await?;
        let mut idle = STREAM_TIMEOUT;
        loop {
            let message = self.receive(idle).await?;
            idle = IDLE_TIMEOUT;
            match self.client.receive(&message) {
                Err(error) => return Break(error.into()),
                Ok(Step::Continue) => {}
                Ok(Step::Piece(number)) => self.play_fault(Moment::AfterPieces(number)).await?,
                Ok(Step::EndOfStream) => return Break(StreamEnd::Close(1000)),
                Ok(Step::Complete) => break,
            }
        }
        // The client reads the result when it receives the next event.
        guard.complete();
        self.play_fault(Moment::End).await?;
        self.send(disconnection()).await
    }

    /// Returns the document of the session information, with its fault, if any.
    fn session_information(&self) -> Value {
        let mut document = self.plan.document.to_json();
        let challenge = &mut document["SessionInformation"]["Challenge"];
        match self.plan.fault.as_ref().map(|effect| &effect.action) {
            Some(FaultAction::UnknownChallenge) => *challenge = json!({"HeadTurnChallenge": {}}),
            Some(FaultAction::NoConfig) => {
                let name = self.plan.document.challenge.kind.aws_name();
                if let Some(members) = challenge[name].as_object_mut() {
                    members.remove("ChallengeConfig");
                }
            }
            _ => {}
        }
        document
    }

    /// Plays the scripted fault, if this is its moment.
    async fn play_fault(&mut self, moment: Moment) -> ControlFlow<StreamEnd> {
        let is_now = |effect: &Effect| effect.stream_moment() == Some(moment);
        let Some(effect) = self.plan.fault.clone().filter(is_now) else {
            return Continue(());
        };
        tokio::time::sleep(effect.delay).await;
        Break(match effect.action {
            FaultAction::Error(error) => {
                StreamEnd::Exception(StreamException::scripted(&error.code))
            }
            FaultAction::Close(code) => StreamEnd::Close(code),
            FaultAction::Reset => StreamEnd::Disconnect(Disconnect::Reset),
            FaultAction::LostAnswer => StreamEnd::Disconnect(Disconnect::Close),
            FaultAction::Hang => return self.hang().await,
            FaultAction::WrongChecksum => {
                self.send(disconnection().with_wrong_checksum()).await?;
                return self.hang().await;
            }
            // A delay, or a fault of `session_information`.
            _ => return Continue(()),
        })
    }

    /// Reads without an answer until the client closes the stream.
    async fn hang(&mut self) -> ControlFlow<StreamEnd> {
        loop {
            self.receive(STREAM_TIMEOUT).await?;
        }
    }

    async fn send(&mut self, message: StreamMessage) -> ControlFlow<StreamEnd> {
        match self.socket.send(Message::binary(message.0)).await {
            Ok(()) => Continue(()),
            Err(_) => Break(StreamEnd::Disconnect(Disconnect::Close)),
        }
    }

    /// Returns the next binary message, which must arrive within `limit`.
    async fn receive(&mut self, limit: Duration) -> ControlFlow<StreamEnd, Bytes> {
        let message = timeout(limit, async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    message => break message,
                }
            }
        });
        match message.await {
            Ok(Some(Ok(Message::Binary(bytes)))) => Continue(bytes),
            Ok(Some(Ok(Message::Close(_)))) => Break(StreamEnd::ClosedByClient),
            Ok(Some(Ok(_))) => Break(AwsError::validation("messages must be binary").into()),
            Ok(Some(Err(error))) => Break(frame_error(&error)),
            Ok(None) => Break(StreamEnd::Disconnect(Disconnect::Close)),
            Err(_) => {
                let limit = limit.as_secs();
                let message = format!("no message received within {limit} s");
                Break(AwsError::validation(message).into())
            }
        }
    }
}

fn disconnection() -> StreamMessage {
    let now = OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000;
    StreamMessage::disconnection(i64::try_from(now).unwrap_or_default())
}
