//! A server that sends control characters and extreme values.

use std::process::Stdio;
use std::time::Duration;

use livegate::grpc::v1::session_service_server::{SessionService, SessionServiceServer};
use livegate::grpc::v1::{
    CreateSessionRequest, CreateSessionResponse, Feedback, GetSessionResultRequest,
    GetSessionResultResponse, Session, WatchSessionRequest, WatchSessionResponse,
};
use prost_types::Timestamp;
use tokio::net::TcpListener;
use tokio::process::Command;
use tonic::codegen::tokio_stream::{Empty, empty};
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status, async_trait};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::golden::livegate;

/// Clears the screen, sets the title, begins a line, hides text and reverses its direction.
const HOSTILE: &str = "x\u{1b}[2J\u{1b}]0;owned\u{7}\r\nsession_id  fake\u{9b}8m\u{202e}\u{2066}";

/// The text above without the characters that a terminal acts on.
const PRINTED: &str = "x[2J]0;ownedsession_id  fake8m";

/// Creates a session that lives for this time, or fails.
#[derive(Clone, Copy)]
enum Reply {
    Session { seconds: i64, nanos: i32 },
    Error,
    Violation,
}

#[async_trait]
impl SessionService for Reply {
    async fn create_session(
        &self,
        _: Request<CreateSessionRequest>,
    ) -> Result<Response<CreateSessionResponse>, Status> {
        let Self::Session { seconds, nanos } = *self else {
            return Err(self.error());
        };
        let time = Some(Timestamp { seconds, nanos });
        let session = Session {
            session_id: HOSTILE.to_owned(),
            region: HOSTILE.to_owned(),
            result_token: HOSTILE.to_owned(),
            create_time: time,
            expire_time: time,
            time_to_live: Some(prost_types::Duration { seconds, nanos }),
            ..Session::default()
        };
        Ok(Response::new(CreateSessionResponse {
            session: Some(session),
        }))
    }

    async fn get_session_result(
        &self,
        _: Request<GetSessionResultRequest>,
    ) -> Result<Response<GetSessionResultResponse>, Status> {
        let feedback = Feedback {
            code: HOSTILE.to_owned(),
            message: HOSTILE.to_owned(),
        };
        Ok(Response::new(GetSessionResultResponse {
            session_id: HOSTILE.to_owned(),
            verdict_reason: HOSTILE.to_owned(),
            feedback: vec![feedback],
            ..GetSessionResultResponse::default()
        }))
    }

    type WatchSessionStream = Empty<Result<WatchSessionResponse, Status>>;

    async fn watch_session(
        &self,
        _: Request<WatchSessionRequest>,
    ) -> Result<Response<Self::WatchSessionStream>, Status> {
        Ok(Response::new(empty()))
    }
}

impl Reply {
    fn error(self) -> Status {
        let mut details = ErrorDetails::with_error_info(HOSTILE, "livegate", []);
        details.set_request_info(HOSTILE, "");
        details.set_retry_info(Some(Duration::MAX));
        if let Self::Violation = self {
            details.add_bad_request_violation(HOSTILE, HOSTILE);
        }
        Status::with_error_details(Code::InvalidArgument, HOSTILE, details)
    }

    /// Serves forever, and returns the endpoint.
    async fn serve(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let service = SessionServiceServer::new(self);
        let server = tonic::transport::Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        format!("http://{address}")
    }

    /// Runs a command against the server, and returns its exit code and all output.
    async fn run(self, arguments: &[&str]) -> (Option<i32>, String) {
        let endpoint = self.serve().await;
        let mut command = Command::from(livegate(arguments));
        let command = command.args(["--endpoint", &endpoint]).stdin(Stdio::null());
        let output = command.output().await.expect("the binary starts");
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8(printed).expect("the output is UTF-8");
        (output.status.code(), printed)
    }
}

/// Checks that `printed` has no character of the server that a terminal acts on, and no line
/// that the server began.
fn assert_printable(printed: &str) {
    let acts = |one: char| one != '\n' && (one.is_control() || "\u{202e}\u{2066}".contains(one));
    assert!(!printed.contains(acts), "{printed:?}");
    let is_forged = |line: &str| line.starts_with("session_id  fake");
    assert!(!printed.lines().any(is_forged), "{printed:?}");
}

#[tokio::test]
async fn no_text_of_a_server_acts_on_the_terminal() {
    let session = Reply::Session {
        seconds: 180,
        nanos: 0,
    };
    let result = ["result", "--session-id", "x"];
    for (reply, arguments, code) in [
        (session, &["create"][..], 0),
        (session, &result, 0),
        (Reply::Error, &["create"], 3),
        (Reply::Violation, &["create"], 3),
    ] {
        let (exit_code, printed) = reply.run(arguments).await;
        assert_eq!(exit_code, Some(code), "{printed}");
        assert!(printed.contains(PRINTED), "{printed}");
        assert_printable(&printed);
        let (exit_code, printed) = reply.run(&[arguments, &["--json"]].concat()).await;
        assert_eq!(exit_code, Some(code), "{printed}");
        assert!(printed.contains("\\u009b8m\\u202e"), "{printed}");
        assert_printable(&printed);
    }
}

#[tokio::test]
async fn an_extreme_time_to_live_is_printed() {
    for (seconds, nanos) in [
        (i64::MIN, 0),
        (i64::MIN, i32::MIN),
        (i64::MAX, i32::MAX),
        (-1, 0),
    ] {
        let reply = Reply::Session { seconds, nanos };
        let (exit_code, printed) = reply.run(&["create"]).await;
        assert_eq!(exit_code, Some(0), "{seconds} {nanos}: {printed}");
        assert!(printed.contains("time_to_live"), "{printed}");
    }
}
