//! A client of Livegate, the service that issues Amazon Rekognition Face Liveness
//! sessions within one AWS quota.
//!
//! For each call, [`Client`] does what the contract asks of a caller:
//!
//! - It sends one `request_id` with all attempts of a `CreateSession`, so that no retry
//!   creates a second session. It makes one, a UUID version 7, if the caller sets none
//!   and retries are on.
//! - It sends a deadline, and returns by then.
//! - It retries only a status with `RetryInfo`, after that delay, and only if the
//!   delay ends before the deadline. Retries are off until
//!   [`ClientBuilder::max_retries`] turns them on.
//! - It reads the bearer token from its file again for each attempt, so that a token
//!   may be rotated.
//!
//! For example, with a deadline in 10 s, the first attempt fails at once with
//! `RetryInfo` of 2.4 s. The second attempt starts 2.4 s later, with a deadline of
//! 7.6 s. If that one fails with `RetryInfo` of 8 s, the error is returned at once.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use livegate_client::v1::{CreateSessionRequest, SessionSettings};
//! use livegate_client::{Client, Code};
//!
//! # async fn create() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder("https://livegate.internal:50051")
//!     .token_file("/var/run/secrets/tokens/livegate")
//!     .timeout(Duration::from_secs(10))
//!     .max_retries(3)
//!     .build()?;
//! let request = CreateSessionRequest {
//!     settings: Some(SessionSettings {
//!         audit_images_limit: 1,
//!         ..Default::default()
//!     }),
//!     ..Default::default()
//! };
//! match client.create(request).await {
//!     Ok(response) => println!("{:?}", response.message.session),
//!     Err(error) if error.code == Code::ResourceExhausted => {
//!         println!("{}: retry after {:?}", error.reason, error.retry_after);
//!     }
//!     Err(error) => return Err(error.into()),
//! }
//! # Ok(())
//! # }
//! ```

mod builder;
mod client;
mod error;
mod response;
mod retry;
mod token;
mod watch;

pub use builder::{BuildError, ClientBuilder, ClientTls};
pub use client::Client;
pub use error::{ClientError, FieldViolation};
pub use response::ClientResponse;
pub use tonic::Code;
pub use watch::SessionWatch;

/// The types of the contract, generated from `proto/livegate/v1/session.proto`.
pub mod v1 {
    #![expect(unused_qualifications, reason = "generated")]
    #![expect(clippy::allow_attributes_without_reason, reason = "generated")]
    tonic::include_proto!("livegate.v1");
}

/// Compiles the example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
