//! Calls by a client that has a trace of its own.

use livegate::grpc::v1;
use livegate::grpc::v1::session_service_client::SessionServiceClient;
use tonic::transport::Channel;
use tonic::{Request, Response};

use crate::process::Process;

/// The trace id of the caller, and the id of its span.
pub(crate) const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
pub(crate) const PARENT: &str = "00f067aa0ba902b7";

/// The subject of the sessions.
pub(crate) const SUBJECT: &str = "jane-of-the-subject";

/// Calls the service; clones share the connection.
#[derive(Clone)]
pub(crate) struct Caller(SessionServiceClient<Channel>);

impl Caller {
    pub(crate) async fn of(service: &Process) -> Self {
        let client = SessionServiceClient::connect(service.endpoint()).await;
        Self(client.expect("a connection"))
    }

    /// Creates a session, with this `traceparent` if any. Returns it with the call id.
    pub(crate) async fn create(&self, traceparent: Option<&str>) -> (v1::Session, String) {
        let message = v1::CreateSessionRequest {
            subject: SUBJECT.to_owned(),
            ..Default::default()
        };
        let mut request = Request::new(message);
        if let Some(text) = traceparent {
            let value = text.parse().expect("a header value");
            request.metadata_mut().insert("traceparent", value);
        }
        let response = self.0.clone().create_session(request).await;
        let response = response.expect("a session");
        let call_id = call_id(&response);
        let session = response.into_inner().session.expect("always set");
        (session, call_id)
    }

    /// Reads the result of a session.
    pub(crate) async fn read(&self, session: &v1::Session) {
        let message = v1::GetSessionResultRequest {
            session_id: session.session_id.clone(),
            result_token: session.result_token.clone(),
            subject: SUBJECT.to_owned(),
            ..Default::default()
        };
        let read = self.0.clone().get_session_result(message).await;
        read.expect("a result");
    }
}

/// The header `traceparent` of the caller's trace, sampled (`01`) or not (`00`).
pub(crate) fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{PARENT}-{flags}")
}

fn call_id<T>(response: &Response<T>) -> String {
    let id = response.metadata().get("livegate-call-id");
    let id = id.expect("every response has a call id").to_str();
    id.expect("ASCII").to_owned()
}
