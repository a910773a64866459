//! The burst: 30 concurrent calls of three callers, and one invalid request.

use std::time::Duration;

use livegate_client::{Client, ClientError, ClientResponse, Code, v1};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::cli::duration::{delay, seconds};
use crate::cli::out::{print_out, printable};

const CALLERS: [(&str, usize); 3] = [("onboarding", 18), ("payments", 7), ("recovery", 5)];

/// The time limit for the start of the service.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// The outcome of one call.
pub(super) struct CallOutcome {
    pub(super) caller: &'static str,
    pub(super) elapsed: Duration,
    pub(super) response: Result<ClientResponse<v1::CreateSessionResponse>, ClientError>,
}

/// Sends all calls and prints each outcome on completion.
pub(super) async fn send(client: &Client) -> anyhow::Result<Vec<CallOutcome>> {
    await_service(client).await?;
    let start = Instant::now();
    let mut calls = JoinSet::new();
    for (caller, count) in CALLERS {
        for _ in 0..count {
            calls.spawn(call(
                client.as_caller(caller),
                caller,
                v1::CreateSessionRequest::default(),
            ));
        }
    }
    calls.spawn(call(
        client.as_caller("recovery"),
        "recovery",
        invalid_request(),
    ));
    let mut outcomes = Vec::new();
    while let Some(outcome) = calls.join_next().await {
        let outcome = outcome?;
        print_out(format_args!(
            "{:>6}  {}",
            seconds(start.elapsed()),
            printable(&line(&outcome))
        ))?;
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

async fn call(
    client: Client,
    caller: &'static str,
    request: v1::CreateSessionRequest,
) -> CallOutcome {
    let start = Instant::now();
    let response = client.create(request).await;
    CallOutcome {
        caller,
        elapsed: start.elapsed(),
        response,
    }
}

/// Waits until the service responds to an invalid request, which costs no quota.
async fn await_service(client: &Client) -> anyhow::Result<()> {
    let start = Instant::now();
    loop {
        match client.create(invalid_request()).await {
            Err(failure) if failure.code == Code::InvalidArgument => return Ok(()),
            Err(failure) if start.elapsed() > START_TIMEOUT => return Err(failure.into()),
            _ => sleep(Duration::from_millis(20)).await,
        }
    }
}

fn invalid_request() -> v1::CreateSessionRequest {
    let settings = v1::SessionSettings {
        output_config: Some(v1::OutputConfig {
            s3_bucket: "no bucket".to_owned(),
            ..Default::default()
        }),
        audit_images_limit: 9,
        ..Default::default()
    };
    v1::CreateSessionRequest {
        settings: Some(settings),
        ..Default::default()
    }
}

/// Returns the reason of a failure. One that this process noticed has a code alone.
pub(super) fn reason(failure: &ClientError) -> &str {
    if failure.reason.is_empty() {
        failure.code_name()
    } else {
        &failure.reason
    }
}

fn line(outcome: &CallOutcome) -> String {
    let caller = outcome.caller;
    match &outcome.response {
        Ok(response) => {
            let waited = seconds(response.waited);
            let retried = match response.attempts {
                0 | 1 => String::new(),
                more => format!(", retried ({more} attempts)"),
            };
            format!("{caller:<11} issued    waited {waited}{retried}")
        }
        Err(failure) => {
            let retry_after = match failure.retry_after {
                Some(wait) => format!(", retry after {}", delay(wait)),
                None => String::new(),
            };
            format!("{caller:<11} refused   {}{retry_after}", reason(failure))
        }
    }
}
