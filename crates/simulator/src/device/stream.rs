//! The stream of a device: signed messages out, events in. Tests use it to break the rules.

use aws_credential_types::Credentials;
use aws_sigv4::event_stream::sign_message;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_eventstream::frame::{read_message_from, write_message_to};
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use futures_util::{SinkExt as _, StreamExt as _};
use http::Request;
use serde_json::Value;
use time::OffsetDateTime;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, Message as Frame};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::DeviceError;
use crate::stream::PATH;
use crate::{ACCESS_KEY, SECRET_KEY};

const EXPIRES: std::time::Duration = std::time::Duration::from_secs(299);

/// An open stream of a device.
#[derive(Debug)]
pub struct DeviceStream {
    socket: WebSocketStream<TcpStream>,
    region: String,
    identity: Identity,
    /// The signature before, which the next one covers.
    signature: String,
}

/// An event of the server.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerEvent {
    /// The name, such as `DisconnectionEvent`.
    pub name: String,
    /// The document.
    pub document: Value,
}

impl DeviceStream {
    pub(super) async fn open(
        authority: &str,
        region: &str,
        session_id: &str,
    ) -> Result<Self, DeviceError> {
        let identity: Identity =
            Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "device").into();
        let query = format!(
            "challenge-versions=FaceMovementAndLightChallenge_2.0.0%2CFaceMovementChallenge_1.0.0\
             &session-id={session_id}&video-height=480&video-width=640"
        );
        let url = format!("http://{authority}{PATH}?{query}");
        let (request, signature) = presign(&url, region, &identity)?;
        let connected = TcpStream::connect(authority).await;
        let connection = connected.map_err(|source| {
            let authority = authority.to_owned();
            DeviceError::Connect { authority, source }
        })?;
        let (socket, _) = client_async(request, connection).await.map_err(broken)?;
        Ok(Self {
            socket,
            region: region.to_owned(),
            identity,
            signature,
        })
    }

    /// Signs and sends an event.
    ///
    /// # Errors
    /// Returns an error if the connection is closed.
    pub async fn send(&mut self, name: &'static str, document: &Value) -> Result<(), DeviceError> {
        let message = self.sign(name, document)?;
        self.send_bytes(message).await
    }

    /// Signs and encodes an event, without sending it.
    ///
    /// # Errors
    /// Returns an error if the event cannot be signed.
    pub fn sign(&mut self, name: &'static str, document: &Value) -> Result<Vec<u8>, DeviceError> {
        let header =
            |name, value| Header::new(name, HeaderValue::String(str::to_owned(value).into()));
        let event = Message::new(document.to_string())
            .add_header(header(":event-type", name))
            .add_header(header(":message-type", "event"))
            .add_header(header(":content-type", "application/json"));
        let params = v4::SigningParams::builder()
            .identity(&self.identity)
            .region(&self.region)
            .name("rekognition")
            .time(OffsetDateTime::now_utc().into())
            .settings(())
            .build()
            .map_err(signing)?;
        let signed = sign_message(&event, &self.signature, &params).map_err(signing)?;
        let (message, signature) = signed.into_parts();
        let mut bytes = Vec::new();
        write_message_to(&message, &mut bytes).map_err(signing)?;
        self.signature = signature;
        Ok(bytes)
    }

    /// Sends bytes as one binary WebSocket message.
    ///
    /// # Errors
    /// Returns an error if the connection is closed.
    pub async fn send_bytes(&mut self, bytes: Vec<u8>) -> Result<(), DeviceError> {
        self.socket.send(Frame::binary(bytes)).await.map_err(broken)
    }

    /// Returns the connection below the frames, for bytes that are no frame.
    pub fn get_mut(&mut self) -> &mut TcpStream {
        self.socket.get_mut()
    }

    /// Returns the next event.
    ///
    /// # Errors
    /// Returns an error if the server sends an exception or closes the stream.
    pub async fn receive(&mut self) -> Result<ServerEvent, DeviceError> {
        loop {
            match self.socket.next().await {
                Some(Ok(Frame::Binary(bytes))) => return parse(&bytes),
                Some(Ok(Frame::Close(frame))) => {
                    let code = frame.map_or(1005, |frame| frame.code.into());
                    return Err(DeviceError::Closed(code));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(broken(error)),
                None => return Err(DeviceError::Closed(1006)),
            }
        }
    }

    /// Waits for the event `name` and returns its document.
    pub(super) async fn expect(&mut self, name: &str) -> Result<Value, DeviceError> {
        loop {
            let event = self.receive().await?;
            if event.name == name {
                return Ok(event.document);
            }
        }
    }

    /// Reads until `end`, so that an exception is noticed.
    pub(super) async fn idle_until(&mut self, end: Instant) -> Result<(), DeviceError> {
        while let Ok(received) = timeout_at(end, self.receive()).await {
            received?;
        }
        Ok(())
    }

    /// Closes the stream with a code, and waits for the server to confirm it. Returns the
    /// code of the server.
    ///
    /// # Errors
    /// Returns an error if the connection breaks.
    pub async fn close(&mut self, code: u16) -> Result<u16, DeviceError> {
        let frame = CloseFrame {
            code: code.into(),
            reason: "".into(),
        };
        self.socket.close(Some(frame)).await.map_err(broken)?;
        loop {
            match self.receive().await {
                Ok(_) => {}
                Err(DeviceError::Closed(code)) => return Ok(code),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Returns the handshake with a presigned URL, and its signature.
fn presign(
    url: &str,
    region: &str,
    identity: &Identity,
) -> Result<(Request<()>, String), DeviceError> {
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(EXPIRES);
    let params = v4::SigningParams::builder()
        .identity(identity)
        .region(region)
        .name("rekognition")
        .time(OffsetDateTime::now_utc().into())
        .settings(settings)
        .build()
        .map_err(signing)?;
    let body = SignableBody::Bytes(&[]);
    let request = SignableRequest::new("GET", url, std::iter::empty(), body).map_err(signing)?;
    let (instructions, signature) = sign(request, &params.into()).map_err(signing)?.into_parts();
    let mut signed = Request::get(url).body(()).map_err(signing)?;
    instructions.apply_to_request_http1x(&mut signed);
    let url = signed.uri().to_string().replacen("http:", "ws:", 1);
    Ok((url.into_client_request().map_err(signing)?, signature))
}

fn parse(bytes: &[u8]) -> Result<ServerEvent, DeviceError> {
    let invalid = |error: String| DeviceError::InvalidMessage(error);
    let message = read_message_from(bytes).map_err(|error| invalid(error.to_string()))?;
    let text = |name: &str| {
        let header = message
            .headers()
            .iter()
            .find(|header| header.name().as_str() == name)?;
        Some(header.value().as_string().ok()?.as_str().to_owned())
    };
    let document: Value =
        serde_json::from_slice(message.payload()).map_err(|error| invalid(error.to_string()))?;
    if let Some(code) = text(":exception-type") {
        let message = document["Message"].as_str().unwrap_or_default().to_owned();
        return Err(DeviceError::Exception { code, message });
    }
    let name = text(":event-type").ok_or_else(|| invalid("it has no :event-type".to_owned()))?;
    Ok(ServerEvent { name, document })
}

fn signing(error: impl std::error::Error) -> DeviceError {
    DeviceError::Signing(error.to_string())
}

fn broken(error: tungstenite::Error) -> DeviceError {
    match error {
        tungstenite::Error::Http(response) => DeviceError::Handshake(response.status().as_u16()),
        tungstenite::Error::ConnectionClosed => DeviceError::Closed(1006),
        error => DeviceError::Broken(Box::new(error)),
    }
}
