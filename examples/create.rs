//! Creates a session as the caller `payments`, and prints it.
//!
//!     cargo run --example create -- http://127.0.0.1:50051 1
//!
//! The second argument is the number of audit images. The client makes one
//! `request_id` for all attempts, retries after `RetryInfo`, and gives each attempt
//! the time that is left until the deadline.

use std::process::ExitCode;
use std::time::Duration;

use livegate_client::v1::{CreateSessionRequest, SessionSettings};
use livegate_client::{Client, ClientError};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let endpoint = arguments.next().unwrap_or("http://127.0.0.1:50051".into());
    let images = arguments.next().unwrap_or("0".into());
    let client = Client::builder(&endpoint)
        .caller("payments")
        .timeout(Duration::from_secs(10))
        .max_retries(3)
        .build()?;
    let settings = SessionSettings {
        audit_images_limit: images.parse()?,
        ..Default::default()
    };
    let request = CreateSessionRequest {
        // The end user, from your own login.
        subject: "user-7".to_owned(),
        settings: Some(settings),
        ..Default::default()
    };
    Ok(match client.create(request).await {
        Ok(response) => {
            let retries = response.retries;
            let session = response.message.session.unwrap_or_default();
            println!("{} in {}", session.session_id, session.region);
            println!("retries: {retries}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            print_error(&error);
            ExitCode::from(error.code as u8)
        }
    })
}

fn print_error(error: &ClientError) {
    println!("{error}");
    if let Some(delay) = error.retry_after {
        println!("retry after {delay:.1?}");
    }
    for violation in &error.violations {
        println!("{}: {}", violation.field, violation.description);
    }
}
