//! A caller that gets its session if there is one to be had by its deadline.
//!
//!     cargo run --example create -- http://127.0.0.1:50051 1
//!
//! tonic retries nothing and reads no service config, so a caller in Rust does three
//! things itself: it makes one `request_id` for all attempts, waits as long as
//! `RetryInfo` says, and gives each attempt what is left of its deadline.
//!
//! An example: the deadline is in 10 s. The first attempt is refused at once, come
//! back in 2.4 s: that fits, so the second attempt leaves 2.4 s later with a deadline
//! of 7.6 s. Were it refused with 8 s, the caller would be told so now, not then.

use std::process::ExitCode;
use std::time::Duration;

use livegate_client::v1::session_service_client::SessionServiceClient;
use livegate_client::v1::{CreateSessionRequest, Session, SessionSettings};
use tokio::time::Instant;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

const DEADLINE: Duration = Duration::from_secs(10);
const MOST_ATTEMPTS: u32 = 4;

/// When to come back where no server said so: one that is starting, or gone.
const FIRST_BACKOFF: Duration = Duration::from_millis(200);

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let endpoint = arguments.next().unwrap_or("http://127.0.0.1:50051".into());
    let images = arguments.next().unwrap_or("0".into());
    let request = CreateSessionRequest {
        request_id: Uuid::now_v7().to_string(), // once, outside of any retry
        settings: Some(SessionSettings {
            audit_images_limit: images.parse()?,
            ..Default::default()
        }),
        ..Default::default()
    };
    let client = SessionServiceClient::new(Endpoint::from_shared(endpoint)?.connect_lazy());
    Ok(match create(client, &request, DEADLINE).await {
        Ok(session) => {
            println!("{} in {}", session.session_id, session.region);
            ExitCode::SUCCESS
        }
        Err(status) => {
            explain(&status);
            ExitCode::from(u8::try_from(status.code() as i32)?)
        }
    })
}

/// A session within `time`, by as many attempts as fit.
///
/// # Errors
/// What the last attempt came to. Dropped half way, a session may have been made:
/// the same `request` brings it back.
async fn create(
    mut client: SessionServiceClient<Channel>,
    request: &CreateSessionRequest,
    time: Duration,
) -> Result<Session, Status> {
    let deadline = Instant::now() + time;
    let mut attempt = 1;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let status = match client.create_session(call(request, left)).await {
            Ok(answer) => return Ok(answer.into_inner().session.unwrap_or_default()),
            Err(status) => status,
        };
        let Some(wait) = come_back(&status, attempt) else {
            return Err(status);
        };
        if attempt == MOST_ATTEMPTS || Instant::now() + wait >= deadline {
            return Err(status);
        }
        eprintln!("{:?}: again in {wait:.1?}", status.code());
        tokio::time::sleep(wait).await;
        attempt += 1;
    }
}

fn call(request: &CreateSessionRequest, time: Duration) -> Request<CreateSessionRequest> {
    let mut call = Request::new(request.clone());
    call.set_timeout(time);
    let caller = "payments".parse().expect("a name of plain letters");
    call.metadata_mut().insert("livegate-caller", caller);
    call
}

/// After how long another attempt has a chance, where one has.
fn come_back(status: &Status, attempt: u32) -> Option<Duration> {
    let details = status.get_error_details();
    let backoff = FIRST_BACKOFF * 2_u32.pow(attempt - 1);
    match details.retry_info() {
        Some(info) => info.retry_delay,
        None if details.error_info().is_some() => None, // Livegate says no
        None => (status.code() == Code::Unavailable).then_some(backoff),
    }
}

fn explain(status: &Status) {
    let details = status.get_error_details();
    let reason = details.error_info().map_or("", |info| &info.reason);
    println!("{:?} {reason}: {}", status.code(), status.message());
    if let Some(wait) = details.retry_info().and_then(|info| info.retry_delay) {
        println!("come back in {wait:.1?}");
    }
    let wrong = details.bad_request().map(|bad| &bad.field_violations);
    for violation in wrong.into_iter().flatten() {
        println!("{}: {}", violation.field, violation.description);
    }
}
