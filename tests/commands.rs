//! The commands, with output streams that are closed or cannot be written.

#![cfg(feature = "simulator")]

#[path = "harness/admin.rs"]
mod admin;

use std::io::{PipeWriter, pipe};
use std::net::{SocketAddr, TcpListener};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

const TIMEOUT: Duration = Duration::from_secs(30);
const CLOSED_PORT: &str = "http://127.0.0.1:1";

/// Returns `livegate` with these arguments, on free ports.
fn livegate(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_livegate"));
    command
        .args(arguments)
        .env("LIVEGATE_GRPC__LISTEN", "127.0.0.1:0")
        .env("LIVEGATE_ADMIN__LISTEN", "127.0.0.1:0")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Returns a pipe whose reader is closed.
fn closed_pipe() -> PipeWriter {
    pipe().expect("a pipe").1
}

/// Waits until `child` exits. Returns its status and its standard error, if that is piped.
async fn wait(mut child: Child) -> (ExitStatus, String) {
    let mut output = String::new();
    let status = async {
        if let Some(mut stderr) = child.stderr.take() {
            let read = stderr.read_to_string(&mut output).await;
            read.expect("text");
        }
        child.wait().await.expect("a child")
    };
    let status = timeout(TIMEOUT, status).await.expect("it exits");
    (status, output)
}

#[tokio::test]
async fn demo_exits_with_0_when_its_reader_closes_standard_output() {
    let mut demo = livegate(&["demo"]);
    let demo = demo.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut demo = demo.expect("the binary starts");
    let stdout = demo.stdout.take().expect("it is piped");
    let mut lines = BufReader::new(stdout).lines();
    let first = timeout(TIMEOUT, lines.next_line()).await;
    let first = first.expect("in time").expect("text");
    assert!(first.is_some_and(|line| line.starts_with("simulated AWS")));
    drop(lines);
    let (status, stderr) = wait(demo).await;
    assert_eq!((status.code(), stderr.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn a_command_with_closed_streams_exits_with_its_usual_code() {
    let create = ["create", "--endpoint", CLOSED_PORT];
    for (arguments, code) in [
        (&["check-config"] as &[&str], 0),
        (&["check-config", "--set", "x"], 1),
        (&["simulate", "--listen", "127.0.0.1:0"], 0),
        (&["demo", "--once"], 0),
        (&create, 14),
        (&[&create[..], &["--json"]].concat(), 14),
    ] {
        let mut command = livegate(arguments);
        let child = command.stdout(closed_pipe()).stderr(closed_pipe()).spawn();
        let (status, _) = wait(child.expect("the binary starts")).await;
        assert_eq!(status.code(), Some(code), "{arguments:?}");
    }
}

#[tokio::test]
async fn a_standard_output_that_cannot_be_written_is_reported_as_an_error() {
    let full = std::fs::File::options().write(true).open("/dev/full");
    let mut command = livegate(&["check-config"]);
    let child = command.stdout(full.expect("Linux has it"));
    let child = child.stderr(Stdio::piped()).spawn();
    let (status, stderr) = wait(child.expect("the binary starts")).await;
    assert_eq!(status.code(), Some(1));
    let expected = "livegate: cannot write to standard output: No space left";
    assert!(stderr.starts_with(expected), "{stderr}");
}

#[tokio::test]
async fn serve_rejects_a_named_pipe_as_its_audit_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("audit.log");
    let created = Command::new("mkfifo").arg(&pipe).status().await;
    assert!(created.expect("mkfifo is installed").success());
    let mut serve = livegate(&["serve", "--set", &format!("audit.path={}", pipe.display())]);
    let child = serve.stderr(Stdio::piped()).spawn();
    let (status, stderr) = wait(child.expect("the binary starts")).await;
    assert_eq!(status.code(), Some(1));
    let message = format!(
        "audit.path = \"{}\": must be a regular file, not a named pipe",
        pipe.display()
    );
    assert!(stderr.contains(&message), "{stderr}");
}

#[tokio::test]
async fn serve_keeps_running_when_its_standard_error_is_closed() {
    let admin = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let admin = admin.expect("a free port");
    let mut serve = livegate(&["serve", "--set", "shutdown.lameduck=0s"]);
    serve.args(["--set", &format!("upstream.endpoint_url={CLOSED_PORT}")]);
    serve.args(["--set", &format!("admin.listen={admin}")]);
    let mut child = serve
        .stderr(closed_pipe())
        .spawn()
        .expect("the binary starts");
    let healthy = async {
        while !is_healthy(admin).await {
            let status = child.try_wait().expect("a child");
            assert_eq!(status, None, "it exited because of its log");
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(TIMEOUT, healthy).await.expect("in time");
    let id = child.id().expect("it runs").to_string();
    let sent = Command::new("kill")
        .args(["-s", "TERM", &id])
        .status()
        .await;
    assert!(sent.expect("kill is installed").success());
    assert_eq!(wait(child).await.0.code(), Some(0));
}

async fn is_healthy(admin: SocketAddr) -> bool {
    let response = admin::get(admin, "/livez").await;
    response.is_ok_and(|response| response.starts_with("HTTP/1.1 200"))
}

/// Runs `livegate create` against a closed port, and returns its two outputs.
async fn failed_create(arguments: &[&str]) -> (String, String) {
    let mut command = livegate(&["create", "--endpoint", CLOSED_PORT]);
    let command = command.args(arguments).stdout(Stdio::piped());
    let output = timeout(TIMEOUT, command.stderr(Stdio::piped()).output()).await;
    let output = output.expect("it exits").expect("the binary starts");
    assert_eq!(output.status.code(), Some(14));
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn create_prints_the_request_id_by_which_a_failed_call_can_be_repeated() {
    let mut ids = std::collections::HashSet::new();
    for _ in 0..2 {
        let (printed, _) = failed_create(&["--json"]).await;
        let printed: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
        let id = printed["request_id"].as_str().expect("an id");
        let id = uuid::Uuid::parse_str(id).expect("a UUID");
        assert_eq!(id.get_version_num(), 7);
        assert!(ids.insert(id), "each call has its own");
    }
    let id = "0190b5e3-7d57-7f0e-9a51-6b5c1f7f3a10";
    let (_, printed) = failed_create(&["--request-id", id]).await;
    let line = format!("--request-id {id}\n");
    assert!(printed.ends_with(&line), "{printed}");
}
