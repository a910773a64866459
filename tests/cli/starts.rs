//! The start of `serve` and of `demo`.

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::admin;
use super::golden::{Session, livegate};

#[test]
fn an_error_that_prevents_the_start_is_printed_once_in_the_format_of_the_log() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let listen = format!("grpc.listen={}", taken.local_addr().expect("an address"));
    let mut session = Session::new();
    session.run(&["serve", "--set", &listen]);
    session.run(&["serve", "--log-format", "json", "--set", &listen]);
    let invalid = ["--set", "retry.max_attempts=0", "--set", "rps=1"];
    session.run(&[&["serve", "--log-format", "json"], &invalid[..]].concat());
    session.compare("starts.txt");
}

#[tokio::test]
async fn serve_without_credentials_logs_one_line_and_readyz_names_them() {
    let admin = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let admin = admin.expect("a free port");
    let listen = format!("admin.listen={admin}");
    let mut command = livegate(&[
        "serve",
        "--set",
        "grpc.listen=127.0.0.1:0",
        "--set",
        &listen,
    ]);
    let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
    let ready = async {
        loop {
            let response = admin::get(admin, "/readyz?verbose")
                .await
                .unwrap_or_default();
            if response.contains("missing: AWS credentials: no credentials") {
                return response;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    let response = timeout(Duration::from_secs(30), ready).await;
    child.kill().expect("it runs");
    let lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    let lines: Vec<String> = lines.map(|line| line.expect("text")).collect();
    child.wait().expect("it ends");
    let response = response.expect("in time");
    assert!(response.starts_with("HTTP/1.1 503"), "{response}");
    assert!(
        lines.iter().all(|line| line.starts_with("20")),
        "{lines:#?}"
    );
    let error = lines.iter().find(|line| line.contains("ERROR"));
    let error = error.expect("a line");
    assert!(
        error.contains("cannot load AWS credentials, not ready"),
        "{error}"
    );
    assert!(error.contains("WebIdentityToken"), "{error}");
}

#[test]
fn sighup_during_the_start_reloads_the_configuration_after_it() {
    let run = |command: &mut Command| {
        let status = command.status().expect("it is installed");
        assert!(status.success(), "{command:?}");
    };
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("key");
    run(Command::new("mkfifo").arg(&key));
    let keys = format!("results.token_key_files={}", key.display());
    let settings = [
        "grpc.listen=127.0.0.1:0",
        "admin.listen=127.0.0.1:0",
        "results.enabled=true",
    ];
    let mut serve = livegate(&["serve", "--set", &keys]);
    for setting in settings {
        serve.args(["--set", setting]);
    }
    let mut child = serve.stderr(Stdio::piped()).spawn().expect("it starts");
    // This waits until the service reads the key, which it does before it binds the ports.
    let pipe = OpenOptions::new().write(true).open(&key);
    run(Command::new("kill").args(["-s", "HUP", &child.id().to_string()]));
    let written = pipe.and_then(|mut pipe| pipe.write_all(&[7; 32]));
    written.expect("the service reads the key");
    let lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    let mut lines = lines.map_while(Result::ok);
    let reloaded = lines.find(|line| line.contains("configuration unchanged"));
    let _ = child.kill();
    let status = child.wait().expect("it ends");
    assert!(reloaded.is_some(), "{status}");
}

#[test]
fn demo_once_prints_its_addresses_and_no_hint_to_call_them() {
    let mut session = Session::new();
    let addresses = [
        "--set",
        "grpc.listen=127.0.0.1:0",
        "--set",
        "admin.listen=127.0.0.1:0",
    ];
    let printed = session.run(&[&["demo", "--once"], &addresses[..]].concat());
    assert!(
        printed.contains("metrics and probes on http://127.0.0.1:"),
        "{printed}"
    );
    assert!(!printed.contains("From another terminal"), "{printed}");
    assert!(printed.contains("finished checks per call"), "{printed}");
}
