//! The processes that the arms consist of, as hidden commands of this program.

mod aws;
mod plain_service;
mod sdk_client;
mod service;
mod strong_service;

use std::ffi::OsString;
use std::num::NonZeroU32;
use std::process::ExitCode;

use aws_sdk_rekognition::Client;
use aws_sdk_rekognition::config::retry::RetryConfig;

pub(crate) use self::sdk_client::{RetryMode, SdkClientArgs};
use super::process;

/// A process of an arm.
#[derive(clap::Subcommand)]
pub(crate) enum ArmCommand {
    /// One caller that uses the AWS SDK directly.
    SdkClient(SdkClientArgs),
    /// Arm 4: a service written with the obvious parts.
    PlainService(ServiceArgs),
    /// Arm 5: a service with a bounded queue.
    StrongService(ServiceArgs),
}

/// A service in front of AWS.
#[derive(clap::Args)]
pub(crate) struct ServiceArgs {
    /// The simulator's URL.
    #[arg(long)]
    aws: String,
    /// The quota, in calls a second.
    #[arg(long)]
    quota: NonZeroU32,
}

/// Another program that ends with the driver.
#[derive(clap::Args)]
pub(crate) struct GuardArgs {
    #[arg(last = true, required = true)]
    program: Vec<OsString>,
}

impl ArmCommand {
    /// Runs until the driver ends it.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::SdkClient(args) => args.run().await,
            Self::PlainService(args) => {
                let service = plain_service::PlainService::new(&args);
                service::serve(service).await
            }
            Self::StrongService(args) => {
                let service = strong_service::StrongService::new(&args);
                service::serve(service).await
            }
        }
    }
}

impl ServiceArgs {
    /// A client whose own retries are off.
    fn client(&self) -> Client {
        Client::from_conf(aws::config(&self.aws, RetryConfig::disabled()).build())
    }
}

impl GuardArgs {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let (program, args) = self.program.split_first().expect("clap requires one");
        process::guard(program, args).await
    }
}
