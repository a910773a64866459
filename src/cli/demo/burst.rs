//! The burst: thirty calls of three callers at once, and one that is wrong.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::cli::out::say;
use crate::grpc::client::{Client, ClientError, ClientResponse};
use crate::grpc::v1;

const CALLERS: [(&str, usize); 3] = [("onboarding", 18), ("payments", 7), ("recovery", 5)];

/// How long the service may take to be there.
const START: Duration = Duration::from_secs(10);

/// What became of one call.
pub(super) struct CallOutcome {
    pub(super) caller: &'static str,
    pub(super) took: Duration,
    pub(super) answer: Result<ClientResponse<v1::CreateSessionResponse>, ClientError>,
}

/// Sends all calls and says what becomes of each as it does.
pub(super) async fn send(client: &Client) -> anyhow::Result<Vec<CallOutcome>> {
    await_service(client).await?;
    let begun = Instant::now();
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
        wrong_request(),
    ));
    let mut outcomes = Vec::new();
    while let Some(outcome) = calls.join_next().await {
        let outcome = outcome?;
        say(format_args!(
            "{:5.2} s  {}",
            begun.elapsed().as_secs_f64(),
            line(&outcome)
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
    let begun = Instant::now();
    let answer = client.create(request).await;
    CallOutcome {
        caller,
        took: begun.elapsed(),
        answer,
    }
}

/// A wrong request is refused without a slot: it tells when the service is there.
async fn await_service(client: &Client) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        match client.create(wrong_request()).await {
            Err(failure) if failure.code == "INVALID_ARGUMENT" => return Ok(()),
            Err(failure) if begun.elapsed() > START => return Err(failure.into()),
            _ => sleep(Duration::from_millis(20)).await,
        }
    }
}

fn wrong_request() -> v1::CreateSessionRequest {
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

fn line(outcome: &CallOutcome) -> String {
    let caller = outcome.caller;
    match &outcome.answer {
        Ok(answer) => {
            let waited = answer.waited.as_secs_f64();
            let retried = match answer.attempts {
                0 | 1 => String::new(),
                more => format!(", retried ({more} attempts)"),
            };
            format!("{caller:<11} issued    waited {waited:.2} s{retried}")
        }
        Err(failure) => {
            let come_back = match failure.retry_after {
                Some(wait) => format!(", come back in {:.1} s", wait.as_secs_f64()),
                None => String::new(),
            };
            format!("{caller:<11} refused   {}{come_back}", failure.reason)
        }
    }
}
