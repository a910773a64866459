//! The demonstration, while it runs.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::admin;
use super::golden::livegate;

const TIMEOUT: Duration = Duration::from_secs(60);
const LAST_LINE: &str = "Livegate is running; press Ctrl-C to stop it.";

/// Starts the demonstration on free ports. Returns its output until it only serves.
async fn start() -> (Child, Vec<String>) {
    let mut command = livegate(&["demo"]);
    command.env("LIVEGATE_GRPC__LISTEN", "127.0.0.1:0");
    command.env("LIVEGATE_ADMIN__LISTEN", "127.0.0.1:0");
    let mut command = Command::from(command);
    let demo = command.stdout(Stdio::piped()).kill_on_drop(true).spawn();
    let mut demo = demo.expect("the binary starts");
    let mut lines = BufReader::new(demo.stdout.take().expect("it is piped")).lines();
    let mut output = Vec::new();
    let started = async {
        while let Some(line) = lines.next_line().await.expect("text") {
            if line == LAST_LINE {
                return;
            }
            output.push(line);
        }
    };
    timeout(TIMEOUT, started).await.expect("all checks end");
    (demo, output)
}

/// Returns the sum of the numbers that precede `text`.
fn count(output: &[String], text: &str) -> u32 {
    let lines = output.iter().filter(|line| line.contains(text));
    let counts = lines.filter_map(|line| line.split_whitespace().next()?.parse::<u32>().ok());
    counts.sum()
}

#[tokio::test]
async fn the_demo_watches_each_check_that_a_device_plays() {
    let (_demo, output) = start().await;
    let mut addresses = output
        .iter()
        .filter_map(|line| line.split_once("probes on http://"));
    let (_, admin) = addresses.next().expect("the address of the admin port");
    let page = admin::get(admin.parse().expect("an address"), "/metrics").await;
    let page = page.expect("the metrics");
    let completed = count(&output, "  completed");
    assert!(completed > 0, "{output:#?}");
    assert_eq!(count(&output, "  result "), completed, "{output:#?}");
    let calls = |method: &str, status: &str| {
        format!(
            "grpc_server_call_duration_seconds_count{{\
             grpc_method=\"livegate.v1.SessionService/{method}\",grpc_status=\"{status}\"}}"
        )
    };
    let watched = format!("{} {completed}\n", calls("WatchSession", "OK"));
    assert!(page.contains(&watched), "{page}");
    assert!(!page.contains(&calls("GetSessionResult", "OK")), "{page}");
}
