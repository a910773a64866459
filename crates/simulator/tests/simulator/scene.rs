//! A simulator on a free port, with the AWS SDK as its client.

use std::net::SocketAddr;
use std::time::Duration;

use aws_sdk_rekognition::Client;
use aws_sdk_rekognition::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_rekognition::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use livegate_simulator::{Fault, Lifetimes, Settings, Simulator, SimulatorHandle};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// A running simulator and its client.
pub(crate) struct Scene {
    pub(crate) aws: Client,
    pub(crate) simulator: SimulatorHandle,
    pub(crate) stop: CancellationToken,
    pub(crate) running: AbortOnDropHandle<()>,
}

pub(crate) async fn scene(settings: Settings) -> Scene {
    let simulator = Simulator::bind("127.0.0.1:0", settings).await;
    let simulator = simulator.expect("a port is free");
    let (handle, stop) = (simulator.handle(), CancellationToken::new());
    let aws = client(handle.local_addr(), "test", "test");
    let running = AbortOnDropHandle::new(tokio::spawn(simulator.run(stop.clone())));
    Scene {
        aws,
        simulator: handle,
        stop,
        running,
    }
}

pub(crate) fn client(address: SocketAddr, key: &str, secret: &str) -> Client {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(3));
    Client::from_conf(
        Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(format!("http://{address}"))
            .credentials_provider(Credentials::new(key, secret, None, None, "tests"))
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts.build())
            .build(),
    )
}

/// No latency, and sessions that are finished on creation.
pub(crate) fn immediate() -> Settings {
    Settings {
        latency: Some(Duration::ZERO..=Duration::ZERO),
        lifetimes: Lifetimes {
            in_progress: Duration::ZERO,
            finished: Duration::ZERO,
            ..Lifetimes::default()
        },
        ..Settings::default()
    }
}

pub(crate) fn with_faults(specs: &[&str]) -> Settings {
    Settings {
        faults: specs.iter().map(|spec| fault(spec)).collect(),
        ..immediate()
    }
}

pub(crate) fn fault(spec: &str) -> Fault {
    spec.parse().expect("the fault is valid")
}

impl Scene {
    pub(crate) async fn create(&self, token: &str) -> Result<String, String> {
        create(&self.aws, Some(token)).await
    }

    /// Returns the status of a session.
    pub(crate) async fn status(&self, id: &str) -> String {
        let call = self.aws.get_face_liveness_session_results().session_id(id);
        let result = call.send().await.expect("the session exists");
        result.status().as_str().to_owned()
    }

    pub(crate) async fn confidence(&self, id: &str) -> Option<f32> {
        let call = self.aws.get_face_liveness_session_results().session_id(id);
        call.send().await.expect("the session exists").confidence()
    }

    /// Waits until all checks have ended.
    pub(crate) async fn await_no_checks(&self) {
        while self.simulator.stats().checks_under_way > 0 {
            tokio::task::yield_now().await;
        }
    }

    /// Sends a control request, and returns the status line and body.
    pub(crate) async fn control(&self, request: &str, body: &str) -> (String, String) {
        let length = body.len();
        let head = format!("{request} HTTP/1.1\r\nhost: simulator\r\nconnection: close\r\n");
        let bytes = format!("{head}content-length: {length}\r\n\r\n{body}");
        let response = exchange(self.simulator.local_addr(), &bytes).await;
        let response = response.expect("the simulator responds");
        let (head, body) = response
            .split_once("\r\n\r\n")
            .expect("a response has headers");
        let status = head.lines().next().unwrap_or_default();
        (status.to_owned(), body.to_owned())
    }
}

async fn exchange(address: SocketAddr, bytes: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(bytes.as_bytes()).await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    Ok(response)
}

/// Creates a session, and returns its id, or code and status of the error.
pub(crate) async fn create(aws: &Client, token: Option<&str>) -> Result<String, String> {
    let call = aws
        .create_face_liveness_session()
        .set_client_request_token(token.map(str::to_owned));
    let created = call.send().await;
    created.map(|created| created.session_id).map_err(summary)
}

/// Returns code and status of an error, or its kind if there was no valid response.
pub(crate) fn summary<E: ProvideErrorMetadata>(error: SdkError<E>) -> String {
    match error {
        SdkError::ServiceError(error) => {
            let status = error.raw().status().as_u16();
            format!("{} {status}", error.err().code().unwrap_or("no code"))
        }
        SdkError::TimeoutError(_) => "timeout".to_owned(),
        SdkError::DispatchFailure(_) => "no response".to_owned(),
        SdkError::ResponseError(_) => "invalid response".to_owned(),
        SdkError::ConstructionFailure(_) | _ => "other".to_owned(),
    }
}
