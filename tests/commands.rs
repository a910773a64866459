//! The commands, in front of somebody who does not read what they say.

#[path = "harness/admin.rs"]
mod admin;

use std::io::{PipeWriter, pipe};
use std::net::{SocketAddr, TcpListener};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(30);
const NOBODY: &str = "http://127.0.0.1:1";

/// `livegate` with these arguments, on ports of its own.
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

/// A pipe whose reader has left.
fn unread() -> PipeWriter {
    pipe().expect("a pipe").1
}

async fn ended(mut child: Child) -> (ExitStatus, String) {
    let mut complaints = String::new();
    let status = async {
        if let Some(mut stderr) = child.stderr.take() {
            let read = stderr.read_to_string(&mut complaints).await;
            read.expect("it is text");
        }
        child.wait().await.expect("a child")
    };
    let status = timeout(PATIENCE, status).await.expect("it ends");
    (status, complaints)
}

#[tokio::test]
async fn a_reader_who_has_seen_enough_ends_the_demonstration_quietly() {
    let mut demo = livegate(&["demo"]);
    let demo = demo.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut demo = demo.expect("the binary starts");
    let stdout = demo.stdout.take().expect("it is piped");
    let mut lines = BufReader::new(stdout).lines();
    let first = timeout(PATIENCE, lines.next_line()).await;
    let first = first.expect("in time").expect("text");
    assert!(first.is_some_and(|line| line.starts_with("simulated AWS")));
    drop(lines);
    let (status, complaints) = ended(demo).await;
    assert_eq!((status.code(), complaints.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn a_command_that_nobody_reads_ends_with_the_code_it_would_have_had() {
    let create = ["create", "--endpoint", NOBODY];
    for (arguments, code) in [
        (&["check-config"] as &[&str], 0),
        (&["check-config", "--set", "x"], 1),
        (&["simulate", "--listen", "127.0.0.1:0"], 0),
        (&["demo", "--once"], 0),
        (&create, 14),
        (&[&create[..], &["--json"]].concat(), 14),
    ] {
        let mut command = livegate(arguments);
        let child = command.stdout(unread()).stderr(unread()).spawn();
        let (status, _) = ended(child.expect("the binary starts")).await;
        assert_eq!(status.code(), Some(code), "{arguments:?}");
    }
}

#[tokio::test]
async fn output_that_cannot_be_written_is_a_failure_that_is_named() {
    let full = std::fs::File::options().write(true).open("/dev/full");
    let mut command = livegate(&["check-config"]);
    let child = command.stdout(full.expect("Linux has it"));
    let child = child.stderr(Stdio::piped()).spawn();
    let (status, complaints) = ended(child.expect("the binary starts")).await;
    assert_eq!(status.code(), Some(1));
    let expected = "livegate: cannot write to standard output: No space left";
    assert!(complaints.starts_with(expected), "{complaints}");
}

#[tokio::test]
async fn a_service_whose_audit_is_a_pipe_that_nobody_reads_does_not_start_and_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("audit.log");
    let made = Command::new("mkfifo").arg(&pipe).status().await;
    assert!(made.expect("mkfifo is there").success());
    let mut serve = livegate(&["serve", "--set", &format!("audit.path={}", pipe.display())]);
    let child = serve.stderr(Stdio::piped()).spawn();
    let (status, complaints) = ended(child.expect("the binary starts")).await;
    assert_eq!(status.code(), Some(1));
    let told = format!(
        "audit.path = \"{}\": must be a regular file, not a named pipe",
        pipe.display()
    );
    assert!(complaints.contains(&told), "{complaints}");
}

#[tokio::test]
async fn a_service_whose_log_nobody_takes_serves_on() {
    let admin = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let admin = admin.expect("a free port");
    let mut serve = livegate(&["serve", "--set", "shutdown.lameduck=0s"]);
    serve.args(["--set", &format!("upstream.endpoint_url={NOBODY}")]);
    serve.args(["--set", &format!("admin.listen={admin}")]);
    let mut child = serve.stderr(unread()).spawn().expect("the binary starts");
    let healthy = async {
        while !is_healthy(admin).await {
            let ended = child.try_wait().expect("a child");
            assert_eq!(ended, None, "it ended for its log");
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, healthy).await.expect("in time");
    let id = child.id().expect("it runs").to_string();
    let sent = Command::new("kill")
        .args(["-s", "TERM", &id])
        .status()
        .await;
    assert!(sent.expect("kill is there").success());
    assert_eq!(ended(child).await.0.code(), Some(0));
}

async fn is_healthy(admin: SocketAddr) -> bool {
    let answer = admin::get(admin, "/livez").await;
    answer.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}
