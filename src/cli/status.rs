//! `livegate status`: the state of a running service, from `/status` of its admin port.

mod screen;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http::uri::Authority;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use livegate_client::Code;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{interval, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::out::{print_err, print_json, print_out};
use super::target::probe::{ConnectionProblem, PortNames, connect, problem};

const REFRESH_INTERVAL: Duration = Duration::from_secs(1);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest response, in bytes. A status has a bounded number of callers and errors.
const MAX_RESPONSE_BYTES: usize = 1 << 20;

/// Moves the cursor to the top left corner, and erases all below.
const CLEAR_SCREEN: &str = "\x1b[H\x1b[J";

const ADMIN_PORT: PortNames = PortNames {
    argument: "--admin",
    setting: "admin.listen",
};

/// Show the state of a running service.
#[derive(Clone, Debug, clap::Args)]
pub struct StatusArgs {
    /// Address of the admin port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9464", value_parser = address)]
    admin: Authority,
    /// Show it again every second until interrupted
    #[arg(long)]
    watch: bool,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

fn address(text: &str) -> Result<Authority, String> {
    let address = text.parse::<Authority>().ok();
    let valid = |address: &Authority| address.port_u16().is_some() && !text.contains('@');
    let address = address.filter(valid);
    address.ok_or("must be a host and a port, such as 127.0.0.1:9464".to_owned())
}

/// Prints the state. Without a response, the exit code is that of `UNAVAILABLE`.
///
/// # Errors
/// If standard output cannot be written.
pub async fn run(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let mut ticks = interval(REFRESH_INTERVAL);
    loop {
        ticks.tick().await;
        let status = fetch(&args.admin).await;
        if args.watch && !args.json {
            print_out(format_args!("{CLEAR_SCREEN}"))?;
        }
        let code = match &status {
            Ok(status) if args.json => print_json(status),
            Ok(status) => print_out(format_args!("{}", screen::lines(status).join("\n"))),
            Err(problem) => print_problem(args, problem),
        };
        code?;
        if !args.watch {
            let failure = ExitCode::from(Code::Unavailable as u8);
            return Ok(status.map_or(failure, |_| ExitCode::SUCCESS));
        }
    }
}

fn print_problem(args: &StatusArgs, problem: &ConnectionProblem) -> anyhow::Result<()> {
    let ConnectionProblem { cause, check } = problem;
    let message = format!("{}: {cause}", args.admin);
    if args.json {
        let error = json!({"code": "UNAVAILABLE", "message": message, "check": check});
        return print_json(&error);
    }
    print_err(format_args!("UNAVAILABLE\n  {message}\n  {check}"));
    Ok(())
}

async fn fetch(admin: &Authority) -> Result<Value, ConnectionProblem> {
    let host = admin.host().trim_matches(['[', ']']);
    let port = admin.port_u16().unwrap_or_default();
    let stream = connect(host, port, &ADMIN_PORT).await?;
    let response = timeout(RESPONSE_TIMEOUT, request(stream, admin)).await;
    let response = response.context("no response in time");
    response.and_then(|response| response).map_err(|error| {
        problem(
            format_args!("the port does not report a status: {error}"),
            "check that --admin is the address of admin.listen, and that the service has \
             /status, which earlier versions do not have",
        )
    })
}

async fn request(stream: TcpStream, admin: &Authority) -> anyhow::Result<Value> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let request = Request::get("/status")
        .header(header::HOST, admin.as_str())
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    ensure!(status == StatusCode::OK, "HTTP {status}");
    let body = Limited::new(response.into_body(), MAX_RESPONSE_BYTES);
    let body = body.collect().await.map_err(anyhow::Error::from_boxed)?;
    serde_json::from_slice(&body.to_bytes()).context("not JSON")
}
