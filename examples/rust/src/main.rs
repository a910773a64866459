//! Creates sessions with mTLS and a bearer token, and prints them.
//!
//!     cargo run --package livegate-caller -- 127.0.0.1:50051 DIRECTORY 1
//!
//! DIRECTORY has ca.crt, tls.crt, tls.key and token, as mounted in a pod. The last arguments
//! are numbers of audit images: one call for each. The client makes one `request_id` for all
//! attempts of a call, reads the token for each, and retries after `RetryInfo`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use livegate_client::v1::{CreateSessionRequest, SessionSettings};
use livegate_client::{Client, ClientError, ClientTls};

const DEADLINE: Duration = Duration::from_secs(10);
const MAX_RETRIES: u32 = 3;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [endpoint, directory, numbers @ ..] = &arguments[..] else {
        bail!("usage: livegate-caller ENDPOINT DIRECTORY IMAGES...");
    };
    let client = connect(endpoint, Path::new(directory))?;
    for images in numbers {
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
        match client.create(request).await {
            Ok(response) => {
                let session = response.message.session.unwrap_or_default();
                println!("{} in {}", session.session_id, session.region);
            }
            Err(error) => print_error(&error),
        }
    }
    Ok(())
}

fn connect(endpoint: &str, files: &Path) -> anyhow::Result<Client> {
    let read =
        |name: &str| fs::read(files.join(name)).with_context(|| format!("cannot read {name}"));
    let tls = ClientTls::default()
        .roots(read("ca.crt")?)
        .identity(read("tls.crt")?, read("tls.key")?);
    let client = Client::builder(&format!("https://{endpoint}"))
        .tls(tls)
        .token_file(files.join("token"))
        .timeout(DEADLINE)
        .max_retries(MAX_RETRIES)
        .build()?;
    Ok(client)
}

/// Prints the code, the reason, and what to fix or how long to wait.
fn print_error(error: &ClientError) {
    println!("{} {}", error.code_name(), error.message);
    if !error.reason.is_empty() {
        println!("reason: {}", error.reason);
    }
    if let Some(delay) = error.retry_after {
        println!("retry after: {} s", delay.as_secs_f64());
    }
    for violation in &error.violations {
        println!("{}: {}", violation.field, violation.description);
    }
}
