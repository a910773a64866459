//! The calls to a real store that a request costs.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use crate::admission::{Admission, AdmissionSettings, QueueSettings, QuotaSettings};
use crate::auth::policy::{Authorizer, DefaultPermission, Policy};
use crate::idempotency::{Idempotency, IdempotencySettings, RecordScope};
use crate::model::{
    CallerId, ClientRequestToken, Clock, Deadline, LivenessResult, Operation, RequestId,
    RequestedSettings, SessionId, SessionSettings,
};
use crate::result_token::{SigningKey, TokenKeys};
use crate::retry::{RetryPolicy, RetrySettings};
use crate::session::{
    AttemptPolicy, CreateRequest, Creator, Ownership, Progress, Session, SessionError,
};
use crate::store::Store;
use crate::store::test_server::RedisServer;
use crate::upstream::{AttemptOutput, LivenessApi, UpstreamError};

/// An AWS that creates each session after 50 ms.
struct Aws;

impl LivenessApi for Aws {
    async fn create(
        &self,
        _: &ClientRequestToken,
        _: &SessionSettings,
    ) -> Result<AttemptOutput<SessionId>, UpstreamError> {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let value = SessionId::parse("0b5e3a4c-7d57-4f0e-9a51-6b5c1f7f3a10");
        Ok(AttemptOutput {
            value: value.expect("a UUID"),
            aws_request_id: None,
        })
    }

    async fn result(&self, _: &SessionId) -> Result<AttemptOutput<LivenessResult>, UpstreamError> {
        unreachable!("no test reads a result")
    }
}

/// Returns a replica with `per_second` quota tokens a second.
fn replica(store: &Store, per_second: f64) -> Creator<Aws> {
    let one = NonZeroU32::MIN;
    let admission = Admission::open(AdmissionSettings {
        quota: QuotaSettings {
            rate_per_second: per_second,
            burst: one,
            target_utilization: 1.0,
            max_wait: Duration::from_secs(10),
        },
        callers: QueueSettings::default(),
        adaptive: false,
        check_limit: None,
    });
    let retry = RetryPolicy::new(&RetrySettings {
        max_attempts: one,
        base_delay: Duration::from_millis(100),
        max_delay: Duration::from_secs(2),
        budget_ratio: 0.1,
        budget_floor_per_second: 1.0,
    });
    let key = SigningKey::new(&[1; 32]).expect("32 bytes");
    let keys = TokenKeys::new(key, Vec::new()).expect("one key");
    let settings = IdempotencySettings { required: true };
    Creator::new(
        Arc::new(Aws),
        AttemptPolicy::new(Operation::Create, admission, Arc::new(retry)),
        Idempotency::shared(
            store.clone(),
            settings,
            RecordScope::default(),
            Clock::default(),
        ),
        Ownership::new(keys, "us-east-1"),
    )
}

async fn create(replica: &Creator<Aws>, id: &Uuid) -> Result<Session, SessionError> {
    let caller = CallerId::anonymous();
    let authorizer = Authorizer::new(Policy::default(), DefaultPermission::Allow);
    let request = CreateRequest {
        permissions: authorizer.permissions(&caller),
        caller,
        subject: None,
        request_id: RequestId::parse(&id.to_string()).ok(),
        requested: RequestedSettings::default(),
        deadline: Deadline::after(Instant::now(), Duration::from_secs(5)),
    };
    replica.create(&request, &mut Progress::default()).await
}

/// Returns the number of scripts that the server ran since the last call.
async fn scripts(server: &RedisServer) -> u32 {
    // A lease is released in the background.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let stats = server.command(&["INFO", "commandstats"]).await;
    server.command(&["CONFIG", "RESETSTAT"]).await;
    let calls = |line: &str| {
        let (_, counted) = line.split_once(":calls=")?;
        let (calls, rest) = counted.split_once(',')?;
        let failed = rest.split_once("failed_calls=")?.1.trim();
        let [calls, failed] = [calls, failed].map(|count| count.parse::<u32>().ok());
        // A script that the server does not know fails first and is then loaded.
        Some(calls? - failed?)
    };
    let lines = stats
        .lines()
        .filter(|line| line.starts_with("cmdstat_eval"));
    lines.filter_map(calls).sum()
}

#[tokio::test]
#[ignore = "needs redis-server: tests/run"]
async fn a_refused_request_costs_one_call_to_the_store_and_a_new_session_three() {
    let server = RedisServer::start().await;
    let store = server.store().await;
    let [ample, scarce] = [1000.0, 0.01].map(|per_second| replica(&store, per_second));
    let id = Uuid::now_v7();
    scripts(&server).await;
    create(&ample, &id).await.expect("there is quota");
    assert_eq!(scripts(&server).await, 3, "a new session");
    let replayed = create(&scarce, &id).await.expect("a replay needs no quota");
    assert!(replayed.replayed);
    assert_eq!(scripts(&server).await, 1, "a replay");
    let refused = create(&scarce, &Uuid::now_v7()).await;
    assert!(matches!(refused, Err(SessionError::Refused(_))));
    assert_eq!(scripts(&server).await, 1, "a refused request");
}
