//! The load generator: a number of calls in flight, each followed by the next.

use std::time::Duration;

use anyhow::ensure;
use livegate::grpc::v1;
use livegate::grpc::v1::session_service_client::SessionServiceClient;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;
use tonic::{Code, Request};

use super::process::Process;

/// The share of calls that may have another code than expected.
const MAX_UNEXPECTED: f64 = 0.02;

/// A kind of load.
#[derive(Clone)]
pub(crate) struct Load {
    /// The connections, which share the calls.
    pub(crate) connections: Vec<Channel>,
    pub(crate) in_flight: usize,
    pub(crate) deadline: Duration,
    pub(crate) authorization: Option<MetadataValue<Ascii>>,
    pub(crate) expected: Code,
}

/// The figures of one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) calls_per_second: f64,
    pub(crate) p50_micros: f64,
    pub(crate) cpu_micros_per_call: f64,
}

impl Load {
    /// Calls `server` for `span`.
    pub(crate) async fn run(&self, server: &Process, span: Duration) -> anyhow::Result<Sample> {
        let (cpu, begin) = (server.cpu_time()?, Instant::now());
        let mut workers = JoinSet::new();
        for number in 0..self.in_flight {
            let channel = self.connections[number % self.connections.len()].clone();
            workers.spawn(self.clone().calls(channel, begin + span));
        }
        let mut latencies = Vec::new();
        let mut unexpected = 0_usize;
        while let Some(worker) = workers.join_next().await {
            let (more, others) = worker?;
            latencies.extend(more);
            unexpected += others;
        }
        let elapsed = begin.elapsed();
        let cpu = server.cpu_time()? - cpu;
        latencies.sort_unstable();
        let calls = latencies.len() as f64;
        ensure!(
            unexpected as f64 <= MAX_UNEXPECTED * calls && calls > 0.0,
            "{unexpected} of {calls} calls did not end with {:?}",
            self.expected
        );
        Ok(Sample {
            calls_per_second: calls / elapsed.as_secs_f64(),
            p50_micros: latencies[latencies.len() / 2].as_secs_f64() * 1e6,
            cpu_micros_per_call: cpu.as_secs_f64() * 1e6 / calls,
        })
    }

    /// Calls until `end`. Returns the latencies, and how many codes were not as expected.
    async fn calls(self, channel: Channel, end: Instant) -> (Vec<Duration>, usize) {
        let mut client = SessionServiceClient::new(channel);
        let (mut latencies, mut unexpected) = (Vec::new(), 0);
        while Instant::now() < end {
            let begin = Instant::now();
            if self.call(&mut client).await != self.expected {
                unexpected += 1;
            }
            latencies.push(begin.elapsed());
        }
        (latencies, unexpected)
    }

    /// Creates a session, and returns the code.
    pub(crate) async fn call(&self, client: &mut SessionServiceClient<Channel>) -> Code {
        let mut request = Request::new(v1::CreateSessionRequest::default());
        request.set_timeout(self.deadline);
        if let Some(token) = &self.authorization {
            request
                .metadata_mut()
                .insert("authorization", token.clone());
        }
        let response = client.create_session(request).await;
        response.map_or_else(|status| status.code(), |_| Code::Ok)
    }
}
