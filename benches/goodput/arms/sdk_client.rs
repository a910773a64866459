//! Arms 1 to 3, and the other tenant: one service that calls AWS by itself. It plays one
//! caller's list of arrivals, and prints the outcomes as one line of JSON.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_rekognition::Client;
use aws_sdk_rekognition::config::retry::RetryConfig;
use aws_sdk_rekognition::config::timeout::TimeoutConfig;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::aws;
use crate::goodput::arrivals::arrivals;
use crate::goodput::outcome::{Outcome, SessionDigest, digest};
use crate::goodput::process;

/// How the SDK retries.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum RetryMode {
    Off,
    Standard,
    Adaptive,
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SdkClientArgs {
    /// The simulator's URL.
    #[arg(long)]
    pub(crate) aws: String,
    #[arg(long)]
    pub(crate) caller: usize,
    /// Requests a second.
    #[arg(long)]
    pub(crate) rate: f64,
    #[arg(long)]
    pub(crate) seed: u64,
    /// How long requests arrive.
    #[arg(long, value_parser = seconds)]
    pub(crate) length: Duration,
    /// The SDK's operation timeout.
    #[arg(long, value_parser = seconds)]
    pub(crate) deadline: Duration,
    #[arg(long)]
    pub(crate) retries: RetryMode,
    /// The client limits itself to so many requests a second.
    #[arg(long)]
    pub(crate) own_limit: Option<f64>,
}

/// A service with its SDK client.
struct Caller {
    client: Client,
    limiter: Option<DefaultDirectRateLimiter>,
    deadline: Duration,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text
        .parse()
        .map_err(|_| format!("{text:?} is not a number"))?;
    Duration::try_from_secs_f64(number).map_err(|error| error.to_string())
}

impl SdkClientArgs {
    /// The command line that gives these arguments.
    pub(crate) fn command_line(&self) -> Vec<String> {
        let mode = match self.retries {
            RetryMode::Off => "off",
            RetryMode::Standard => "standard",
            RetryMode::Adaptive => "adaptive",
        };
        let mut line = vec![
            "sdk-client".to_owned(),
            format!("--aws={}", self.aws),
            format!("--caller={}", self.caller),
            format!("--rate={}", self.rate),
            format!("--seed={}", self.seed),
            format!("--length={}", self.length.as_secs_f64()),
            format!("--deadline={}", self.deadline.as_secs_f64()),
            format!("--retries={mode}"),
        ];
        line.extend(self.own_limit.map(|limit| format!("--own-limit={limit}")));
        line
    }

    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let caller = Arc::new(Caller::new(&self));
        let due = arrivals(self.seed, self.caller, self.rate, self.length);
        process::ready("ready").await?;
        let zero = Instant::now();
        let mut requests = JoinSet::new();
        for due in due {
            sleep_until(zero + due).await;
            let caller = Arc::clone(&caller);
            requests.spawn(async move {
                let sent = zero.elapsed().as_secs_f64();
                let result = caller.create().await;
                (
                    due.as_secs_f64(),
                    sent,
                    zero.elapsed().as_secs_f64(),
                    result,
                )
            });
        }
        let outcomes = requests.join_all().await.into_iter();
        let outcomes = outcomes.map(|(due, sent, ended, result)| Outcome {
            caller: self.caller,
            due,
            sent,
            ended,
            result,
        });
        println!("{}", serde_json::to_string(&outcomes.collect::<Vec<_>>())?);
        Ok(ExitCode::SUCCESS)
    }

    fn retry_config(&self) -> RetryConfig {
        match self.retries {
            RetryMode::Off => RetryConfig::disabled(),
            RetryMode::Standard => RetryConfig::standard(),
            RetryMode::Adaptive => RetryConfig::adaptive(),
        }
    }
}

impl Caller {
    fn new(args: &SdkClientArgs) -> Self {
        let timeouts = TimeoutConfig::builder().operation_timeout(args.deadline);
        let config = aws::config(&args.aws, args.retry_config()).timeout_config(timeouts.build());
        let quota = args.own_limit.map(|limit| {
            let period = Duration::from_secs_f64(1.0 / limit);
            Quota::with_period(period).expect("a limit is not infinite")
        });
        Self {
            client: Client::from_conf(config.build()),
            limiter: quota.map(RateLimiter::direct),
            deadline: args.deadline,
        }
    }

    /// One request, within the deadline.
    async fn create(&self) -> Result<SessionDigest, String> {
        let token = uuid::Uuid::new_v4().to_string();
        let request = async {
            if let Some(limiter) = &self.limiter {
                limiter.until_ready().await;
            }
            aws::create(&self.client, &token).await
        };
        match timeout(self.deadline, request).await {
            Ok(Ok(session_id)) => Ok(digest(&session_id)),
            Ok(Err(error)) => Err(aws::name(&error).to_owned()),
            Err(_) => Err("timeout".to_owned()),
        }
    }
}
